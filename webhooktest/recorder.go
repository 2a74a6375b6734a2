package webhooktest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/autoreach/webhook"
)

// Recorder stands where a program keeps its [webhook.Emitter]. It judges
// events like a dispatcher with the same options: an unknown type, data of
// another Go type, or a payload that is too large is refused with the same
// error, and an event whose Key was used already is a duplicate. It records
// the others and sends nothing. It is safe for concurrent use.
type Recorder struct {
	t testing.TB
	d *webhook.Dispatcher

	store recorderStore

	mu      sync.Mutex // held during an emit, so that the record has one order
	events  []webhook.Event
	refused []string
}

var _ webhook.Emitter = (*Recorder)(nil)

// NewRecorder returns an empty recorder. Nil options mean the defaults; those
// that matter are Events, MaxPayload and KeyWindow.
func NewRecorder(t testing.TB, opts *webhook.Options) *Recorder {
	t.Helper()
	r := &Recorder{t: t}
	r.store.Store = webhook.NewMemoryStore(nil)
	d, err := webhook.New(&r.store, opts)
	if err != nil {
		t.Fatalf("webhooktest: NewRecorder: %v", err)
	}
	r.d = d
	return r
}

// Emit records the event, or returns why a dispatcher would refuse it, or what
// Fail or FailNext said. Deliveries in the result is 0.
func (r *Recorder) Emit(ctx context.Context, e webhook.Event) (webhook.Emitted, error) {
	return r.record(e, func() (webhook.Emitted, error) { return r.d.Emit(ctx, e) })
}

// EmitTx is like Emit. The transaction is not looked at, so an event counts as
// emitted even if the transaction is rolled back; test that with a store.
func (r *Recorder) EmitTx(ctx context.Context, _ webhook.Tx, e webhook.Event) (webhook.Emitted, error) {
	return r.record(e, func() (webhook.Emitted, error) { return r.d.EmitTx(ctx, &r.store, e) })
}

// EmitBatch is like Emit for several events: all of them are recorded, or none. A
// program that emits batches asks for an interface of its own with this method.
func (r *Recorder) EmitBatch(ctx context.Context, events []webhook.Event) ([]webhook.Emitted, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := r.d.EmitBatch(ctx, events)
	for i, e := range events {
		switch {
		case err != nil:
			r.refused = append(r.refused, fmt.Sprintf("%s of %s: %v", e.Type, e.Account, err))
		case !out[i].Duplicate:
			e.ID = out[i].ID
			r.events = append(r.events, e)
		}
	}
	return out, err
}

func (r *Recorder) record(e webhook.Event, emit func() (webhook.Emitted, error)) (webhook.Emitted, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	out, err := emit()
	switch {
	case err != nil:
		r.refused = append(r.refused, fmt.Sprintf("%s of %s: %v", e.Type, e.Account, err))
	case !out.Duplicate:
		e.ID = out.ID
		r.events = append(r.events, e)
	}
	return out, err
}

// Fail makes every emit of a valid event return err, from now on; nil ends it.
// Nothing is recorded then. As from a dispatcher, an err that is no sentinel of
// package webhook comes with the event's ID, to emit it again with.
func (r *Recorder) Fail(err error) { r.store.set(func(s *recorderStore) { s.always = err }) }

// FailNext makes the next emits of valid events return these errors, one each;
// a nil among them lets one pass.
func (r *Recorder) FailNext(errs ...error) {
	r.store.set(func(s *recorderStore) { s.next = append(s.next, errs...) })
}

// Events returns what was emitted, in its order: as it was passed, with the ID
// filled in.
func (r *Recorder) Events() []webhook.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Of returns what was emitted of one type.
func (r *Recorder) Of(typ webhook.EventType) []webhook.Event {
	return slices.DeleteFunc(r.Events(), func(e webhook.Event) bool { return e.Type != typ })
}

// Last returns the event of that type that was emitted last, and ends the test
// if there is none.
func (r *Recorder) Last(typ webhook.EventType) webhook.Event {
	r.t.Helper()
	of := r.Of(typ)
	if len(of) == 0 {
		r.t.Fatalf("webhooktest: want an emitted %s, got none%s", typ, r.describe())
	}
	return of[len(of)-1]
}

// WantEmitted fails the test unless exactly n events of that type were
// emitted.
func (r *Recorder) WantEmitted(typ webhook.EventType, n int) {
	r.t.Helper()
	if got := len(r.Of(typ)); got != n {
		r.t.Errorf("webhooktest: want %d emitted of %s, got %d%s", n, typ, got, r.describe())
	}
}

// WantNothing fails the test if anything was emitted.
func (r *Recorder) WantNothing() {
	r.t.Helper()
	if n := len(r.Events()); n > 0 {
		r.t.Errorf("webhooktest: want nothing emitted, got %s%s", plural(n, "event"), r.describe())
	}
}

// Reset forgets what was emitted, keys excepted.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.refused = nil, nil
}

// describe lists what was emitted and what was not, without its data.
func (r *Recorder) describe() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	const most = 20
	var b strings.Builder
	for i, e := range r.events {
		if i == most {
			fmt.Fprintf(&b, "\n  … and %d more", len(r.events)-most)
			break
		}
		fmt.Fprintf(&b, "\n  %d. %s of %s", i+1, e.Type, e.Account)
		if e.Key != "" {
			fmt.Fprintf(&b, ", key %q", e.Key)
		}
	}
	for i, text := range r.refused {
		if i == most {
			fmt.Fprintf(&b, "\n  … and %d more not emitted", len(r.refused)-most)
			break
		}
		b.WriteString("\n  not emitted: " + text)
	}
	return b.String()
}

// Data returns the data of an emitted event as a T, whether it was passed as a
// T, as a pointer to one, or as JSON. It ends the test if it is neither.
//
//	scored := webhooktest.Data[events.LeadScoredData](t, rec.Last(events.LeadScored))
func Data[T any](t testing.TB, e webhook.Event) T {
	t.Helper()
	var out T
	switch v := e.Data.(type) {
	case T:
		return v
	case *T:
		if v != nil {
			return *v
		}
	case json.RawMessage:
		if err := json.Unmarshal(v, &out); err != nil {
			t.Fatalf("webhooktest: the JSON of %s does not decode into %T: %v", e.Type, out, err)
		}
		return out
	}
	t.Fatalf("webhooktest: the data of %s is a %T, not a %T", e.Type, e.Data, out)
	return out
}

// recorderStore is a memory store that can be told to fail.
type recorderStore struct {
	webhook.Store

	mu     sync.Mutex
	always error
	next   []error
}

func (s *recorderStore) set(f func(*recorderStore)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

func (s *recorderStore) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.next) > 0 {
		err := s.next[0]
		s.next = s.next[1:]
		return err
	}
	return s.always
}

// Append stores events, unless it is to fail.
func (s *recorderStore) Append(ctx context.Context, records []webhook.EventRecord) ([]webhook.Appended, error) {
	if err := s.failure(); err != nil {
		return nil, err
	}
	return s.Store.Append(ctx, records)
}
