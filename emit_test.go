package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/events"
)

func scored() Event {
	return Event{Account: "acct_1", Type: events.LeadScored, Data: events.LeadScoredData{}}
}

func TestPayloadIsExact(t *testing.T) {
	type data struct {
		Text string `json:"text"`
	}
	at := time.Date(2026, 11, 23, 11, 15, 30, 123_999_999, time.FixedZone("CET", 3600))
	b, err := payload("lead.scored", at, data{"a & b <c> é \u2028 🎉"})
	require.NoError(t, err)
	require.Equal(t, `{"event":"lead.scored","timestamp":"2026-11-23T10:15:30.123Z","data":{"text":"a & b <c> é \u2028 🎉"}}`, string(b))

	b, err = payload("x", time.Unix(0, 0), json.RawMessage(` {"n": 1.0e3 , "t":"<"} `))
	require.NoError(t, err)
	require.Equal(t, `{"event":"x","timestamp":"1970-01-01T00:00:00.000Z","data":{"n":1.0e3,"t":"<"}}`, string(b), "numbers as they were")
}

func TestEmitRefusesBeforeAnythingIsWritten(t *testing.T) {
	type custom struct {
		F float64
	}
	d := newDispatcher(t, &Options{MaxPayload: 2000, Events: append(events.All(),
		events.Of("number.crunched", "N", "A number.", func() custom { return custom{} }),
		events.Of("bomb.ticked", "B", "A bomb.", func() bomb { return bomb{} }))})
	for name, c := range map[string]struct {
		change      func(*Event)
		field, code string
	}{
		"no account":    {func(e *Event) { e.Account = "" }, "account", "required"},
		"unknown type":  {func(e *Event) { e.Type = "lead.eaten" }, "type", "unknown_event"},
		"wrong data":    {func(e *Event) { e.Data = events.MeetingBookedData{} }, "data", "wrong_type"},
		"nil data":      {func(e *Event) { e.Data = nil }, "data", "wrong_type"},
		"nil pointer":   {func(e *Event) { e.Data = (*events.LeadScoredData)(nil) }, "data", "wrong_type"},
		"broken JSON":   {func(e *Event) { e.Data = json.RawMessage(`{"lead":`) }, "data", "wrong_type"},
		"JSON's null":   {func(e *Event) { e.Data = json.RawMessage(" null\n") }, "data", "wrong_type"},
		"JSON's types":  {func(e *Event) { e.Data = json.RawMessage(`{"lead":7}`) }, "data", "wrong_type"},
		"not a number":  {func(e *Event) { e.Type, e.Data = "number.crunched", custom{F: math.NaN()} }, "data", "not_encodable"},
		"panics":        {func(e *Event) { e.Type, e.Data = "bomb.ticked", bomb{true} }, "data", "not_encodable"},
		"too large":     {func(e *Event) { e.Data = events.LeadScoredData{Lead: events.Lead{ID: strings.Repeat("x", 3000)}} }, "data", "too_large"},
		"key too long":  {func(e *Event) { e.Key = strings.Repeat("k", 201) }, "key", "too_long"},
		"subject":       {func(e *Event) { e.Subject = strings.Repeat("k", 201) }, "subject", "too_long"},
		"foreign ID":    {func(e *Event) { e.ID = "evt.1" }, "id", "malformed"},
		"year too late": {func(e *Event) { e.OccurredAt = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }, "occurred_at", "range"},
	} {
		t.Run(name, func(t *testing.T) {
			e := scored()
			c.change(&e)
			sent, err := d.Emit(t.Context(), e)
			require.Equal(t, c.code, fields(t, err)[c.field].Code, "%v", err)
			require.Zero(t, sent)
			st, err := d.Stats(t.Context())
			require.NoError(t, err)
			require.Zero(t, st.Pending)
		})
	}
	_, err := d.EmitBatch(t.Context(), []Event{scored(), {Account: "a", Type: "nope"}})
	require.Contains(t, fields(t, err), "1.type", "a batch names the index")
	_, err = d.EmitBatch(t.Context(), make([]Event, 1001))
	require.Equal(t, "1000", fields(t, err)["events"].Bound)
}

// TestEmitBatch: results are in the order of the events, whatever became of each.
func TestEmitBatch(t *testing.T) {
	d := newDispatcher(t, nil)
	_, err := d.CreateEndpoint(t.Context(), good())
	require.NoError(t, err)
	none, err := d.EmitBatch(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, none)

	batch := make([]Event, 1000) // which is the most
	for i := range batch {
		batch[i] = scored()
		if batch[i].Account = "acct_1"; i%2 == 1 {
			batch[i].Account = "nobody listens"
		}
	}
	batch[10].Key, batch[20].Key = "one", "one"
	sent, err := d.EmitBatch(t.Context(), batch)
	require.NoError(t, err)
	require.Len(t, sent, 1000)
	ids := map[string]bool{}
	for i, s := range sent {
		require.Equal(t, 1-i%2, s.Deliveries, i)
		require.Equal(t, i == 20, s.Duplicate, i)
		ids[s.ID] = true
	}
	require.Len(t, ids, 999)
	require.Equal(t, sent[10].ID, sent[20].ID)
	var stored []string
	for r, err := range d.Deliveries(t.Context(), DeliveryQuery{Account: "acct_1"}) { // newest first
		require.NoError(t, err)
		stored = append(stored, r.Event)
	}
	require.Len(t, stored, 499)
	slices.Reverse(stored)
	for i, id := range stored {
		if i >= 10 {
			i++ // the duplicate
		}
		require.Equal(t, sent[2*i].ID, id, "in the order of the batch")
	}
}

// TestHeavyBatches: what one statement of a database cannot bring is refused, or
// stored in several.
func TestHeavyBatches(t *testing.T) {
	store := &heaviest{MemoryStore: NewMemoryStore(nil)}
	d, err := New(store, &Options{MaxPayload: 16 << 20})
	require.NoError(t, err)
	e := scored()
	e.Data = events.LeadScoredData{Lead: events.Lead{ID: strings.Repeat("x", 15<<20)}}
	batch := slices.Repeat([]Event{e}, 18)
	_, err = d.EmitBatch(t.Context(), batch)
	require.Equal(t, "268435456", fields(t, err)["events"].Bound)
	_, err = d.EmitBatch(t.Context(), batch[:3])
	require.NoError(t, err)
	store.most.Store(0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, err := d.Emit(context.Background(), e)
			assert.NoError(t, err)
		})
	}
	wg.Wait()
	require.LessOrEqual(t, store.most.Load(), int64(32<<20))
}

// heaviest notes the payloads of its largest Append, and takes its time.
type heaviest struct {
	*MemoryStore
	most atomic.Int64
}

func (s *heaviest) Append(ctx context.Context, es []EventRecord) ([]Appended, error) {
	n := int64(0)
	for _, e := range es {
		n += int64(len(e.Body))
	}
	s.most.Store(max(n, s.most.Load()))
	time.Sleep(500 * time.Millisecond)
	return s.MemoryStore.Append(ctx, es)
}

// TestUnknownOutcomeOfBatch: what came back is what to repeat with.
func TestUnknownOutcomeOfBatch(t *testing.T) {
	store := &forgetful{MemoryStore: NewMemoryStore(nil), lose: true}
	d, err := New(store, nil)
	require.NoError(t, err)
	batch := []Event{scored(), scored(), scored()}
	sent, err := d.EmitBatch(t.Context(), batch)
	require.ErrorIs(t, err, errLost)
	require.Len(t, sent, 3)
	store.lose = false
	for i := range batch {
		batch[i].ID = sent[i].ID
	}
	again, err := d.EmitBatch(t.Context(), batch)
	require.NoError(t, err)
	for i := range again {
		require.Equal(t, Emitted{ID: sent[i].ID, Duplicate: true}, again[i])
	}
}

// TestEmitInWords: what an ended context means for the event.
func TestEmitInWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &slowAppend{MemoryStore: NewMemoryStore(nil)}
		d, err := New(store, nil)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		sent, err := d.Emit(ctx, scored())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "webhook: it is not known whether it was stored: context deadline exceeded")
		require.NotEmpty(t, sent.ID)
		_, err = d.Emit(ctx, scored())
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualError(t, err, "webhook: nothing was stored: context deadline exceeded")
		time.Sleep(time.Minute) // until the store has ended, too
	})
}

type slowAppend struct{ *MemoryStore }

func (s *slowAppend) Append(context.Context, []EventRecord) ([]Appended, error) {
	time.Sleep(2 * time.Second)
	return nil, errLost
}

// TestNilTx is refused by whatever takes one.
func TestNilTx(t *testing.T) {
	d, ctx := newDispatcher(t, nil), t.Context()
	_, emit := d.EmitTx(ctx, nil, scored())
	_, create := d.CreateEndpointTx(ctx, nil, good())
	_, update := d.UpdateEndpointTx(ctx, nil, "acct_1", newID(), 0, EndpointPatch{})
	for name, err := range map[string]error{"emit": emit, "create": create, "update": update, "delete": d.DeleteEndpointTx(ctx, nil, "acct_1", newID())} {
		require.Equal(t, "required", fields(t, err)["tx"].Code, name)
	}
}

type bomb struct{ Armed bool }

func (b bomb) MarshalJSON() ([]byte, error) {
	if b.Armed {
		panic("boom")
	}
	return []byte("{}"), nil
}

func TestWhoGetsAnEvent(t *testing.T) {
	d := newDispatcher(t, nil)
	ctx := t.Context()
	create := func(change func(*Endpoint)) Endpoint {
		e := good()
		change(&e)
		e, err := d.CreateEndpoint(ctx, e)
		require.NoError(t, err)
		return e
	}
	a := create(func(*Endpoint) {})
	b := create(func(*Endpoint) {})
	create(func(e *Endpoint) { e.Events = []EventType{events.MeetingBooked} })
	create(func(e *Endpoint) { e.Account = "acct_2" })
	off := create(func(*Endpoint) {})
	_, err := d.DisableEndpoint(ctx, "acct_1", off.ID, DisabledByCustomer)
	require.NoError(t, err)

	sent, err := d.Emit(ctx, scored())
	require.NoError(t, err)
	require.Equal(t, 2, sent.Deliveries)
	later := create(func(*Endpoint) {})
	for id, want := range map[string]int{a.ID: 1, b.ID: 1, off.ID: 0, later.ID: 0} {
		got, err := d.ListDeliveries(ctx, DeliveryQuery{Account: "acct_1", Endpoint: id})
		require.NoError(t, err)
		require.Len(t, got, want)
	}
	_, err = d.UpdateEndpoint(ctx, "acct_1", a.ID, 0, EndpointPatch{Events: Set([]EventType{events.LeadCreated})})
	require.NoError(t, err)
	got, err := d.ListDeliveries(ctx, DeliveryQuery{Account: "acct_1", Endpoint: a.ID})
	require.NoError(t, err)
	require.Len(t, got, 1, "a changed event leaves what was emitted")
	require.Equal(t, StatePending, got[0].State)

	for account, want := range map[string]bool{"acct_1": true, "acct_2": true, "acct_3": false} {
		wants, err := d.Wants(ctx, account, events.LeadScored)
		require.NoError(t, err)
		require.Equal(t, want, wants, account)
	}
	wants, err := d.Wants(ctx, "acct_1", events.ReplyReceived)
	require.NoError(t, err)
	require.False(t, wants)
}

func TestKeyMakesEmitIdempotent(t *testing.T) {
	d := newDispatcher(t, nil)
	_, err := d.CreateEndpoint(t.Context(), good())
	require.NoError(t, err)
	e := scored()
	e.Key = "score:42"
	var mu sync.Mutex
	var wg sync.WaitGroup
	ids, fresh := map[string]bool{}, 0
	for range 100 {
		wg.Go(func() {
			sent, err := d.Emit(context.Background(), e)
			mu.Lock()
			defer mu.Unlock()
			if err != nil || sent.Deliveries != 1 {
				t.Errorf("%+v, %v", sent, err)
			}
			ids[sent.ID] = true
			if !sent.Duplicate {
				fresh++
			}
		})
	}
	wg.Wait()
	require.Len(t, ids, 1, "one event under one key")
	require.Equal(t, 1, fresh)
	e.Account = "acct_2"
	sent, err := d.Emit(t.Context(), e)
	require.NoError(t, err)
	require.False(t, sent.Duplicate, "a key is its account's")

	again := scored()
	again.ID = sent.ID
	again.Account = "acct_2"
	repeat, err := d.Emit(t.Context(), again)
	require.NoError(t, err)
	require.True(t, repeat.Duplicate, "and so is an ID given back")
}

// TestKeyWindow: a key refuses a second event for as long as the options say, 24
// hours by default.
func TestKeyWindow(t *testing.T) {
	for name, c := range map[string]struct {
		o      *Options
		window time.Duration
	}{"default": {nil, 24 * time.Hour}, "an hour": {&Options{KeyWindow: time.Hour}, time.Hour}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDispatcher(t, c.o)
				e := scored()
				e.Key = "score:42"
				var last Emitted
				for i, after := range []time.Duration{0, c.window - time.Minute, 2 * time.Minute} {
					time.Sleep(after)
					sent, err := d.Emit(t.Context(), e)
					require.NoError(t, err)
					require.Equal(t, i == 1, sent.Duplicate, "%v later", after)
					require.Equal(t, i == 1, sent.ID == last.ID)
					last = sent
				}
			})
		})
	}
}

// TestUnknownOutcome repeats an emit whose answer was lost.
func TestUnknownOutcome(t *testing.T) {
	store := &forgetful{MemoryStore: NewMemoryStore(nil)}
	d, err := New(store, nil)
	require.NoError(t, err)
	_, err = d.CreateEndpoint(t.Context(), good())
	require.NoError(t, err)
	store.lose = true
	e := scored()
	sent, err := d.Emit(t.Context(), e)
	require.ErrorIs(t, err, errLost)
	require.NotEmpty(t, sent.ID, "the ID to repeat with")
	store.lose = false
	e.ID = sent.ID
	again, err := d.Emit(t.Context(), e)
	require.NoError(t, err)
	require.Equal(t, Emitted{ID: sent.ID, Deliveries: 1, Duplicate: true}, again)
	st, err := d.Stats(t.Context())
	require.NoError(t, err)
	require.Equal(t, 1, st.Pending)
}

// A create whose answer was lost can be repeated, and makes one endpoint.
func TestUnknownOutcomeOfCreate(t *testing.T) {
	store := &forgetful{MemoryStore: NewMemoryStore(nil), lose: true}
	d, err := New(store, nil)
	require.NoError(t, err)
	e, err := d.CreateEndpoint(t.Context(), good())
	require.ErrorIs(t, err, errLost)
	require.Equal(t, Endpoint{ID: e.ID}, e, "the ID to repeat with")
	store.lose = false
	again := good()
	again.ID = e.ID
	again, err = d.CreateEndpoint(t.Context(), again)
	require.NoError(t, err)
	require.Equal(t, e.ID, again.ID)
	list, err := d.ListEndpoints(t.Context(), EndpointQuery{Account: again.Account})
	require.NoError(t, err)
	require.Len(t, list, 1)

	again.Account = "acct_other"
	again, err = d.CreateEndpoint(t.Context(), again)
	require.ErrorIs(t, err, ErrConflict, "another account's")
	require.Equal(t, Endpoint{}, again)
	for field, change := range map[string]func(*Endpoint){
		"secret": func(e *Endpoint) { e.Secret = GenerateSecret() },
		"url":    func(e *Endpoint) { e.URL = "https://other.example.com/" },
		"fifo":   func(e *Endpoint) { e.FIFO = true },
	} {
		again = good()
		again.ID = list[0].ID
		change(&again)
		_, err = d.CreateEndpoint(t.Context(), again)
		require.ErrorIs(t, err, ErrConflict, "the caller would believe in another %s than what is stored", field)
		require.ErrorContains(t, err, "with other fields")
	}
	again = good()
	again.ID = "ep_1"
	_, err = d.CreateEndpoint(t.Context(), again)
	require.ErrorContains(t, err, "id: is not an ID that a create returned")
}

var errLost = errors.New("the answer was lost")

// forgetful is a store whose answers to writes get lost.
type forgetful struct {
	*MemoryStore
	lose bool
}

func (s *forgetful) Append(ctx context.Context, e []EventRecord) ([]Appended, error) {
	out, err := s.MemoryStore.Append(ctx, e)
	if s.lose {
		return nil, errLost
	}
	return out, err
}

func (s *forgetful) PutEndpoint(ctx context.Context, e Endpoint, limit int) (Endpoint, error) {
	out, err := s.MemoryStore.PutEndpoint(ctx, e, limit)
	if s.lose {
		return Endpoint{}, errLost
	}
	return out, err
}

func TestFullStoreRefuses(t *testing.T) {
	for _, o := range []MemoryOptions{{MaxPending: 2}, {MaxBytes: 2000}} {
		d, err := New(NewMemoryStore(&o), nil)
		require.NoError(t, err)
		_, err = d.CreateEndpoint(t.Context(), good())
		require.NoError(t, err)
		for range 2 {
			_, err = d.Emit(t.Context(), scored())
			require.NoError(t, err)
		}
		_, err = d.Emit(t.Context(), scored())
		require.ErrorIs(t, err, ErrFull)
		require.ErrorContains(t, err, "raise MemoryOptions.Max")
	}
}

func TestRawJSONAndPointers(t *testing.T) {
	d := newDispatcher(t, nil)
	_, err := d.CreateEndpoint(t.Context(), good())
	require.NoError(t, err)
	at := time.Date(2026, 11, 23, 11, 15, 30, 0, time.UTC)
	emitted := func(data any) string {
		e := scored()
		e.Data, e.OccurredAt = data, at
		sent, err := d.Emit(t.Context(), e)
		require.NoError(t, err)
		found, err := d.ListDeliveries(t.Context(), DeliveryQuery{Account: e.Account, Event: sent.ID, Body: true})
		require.NoError(t, err)
		require.Len(t, found, 1)
		return string(found[0].Body)
	}
	data := events.LeadScoredData{Lead: events.Lead{ID: "l_1"}}
	require.Contains(t, emitted(data), `"id":"l_1"`)
	require.Equal(t, emitted(data), emitted(&data))
	require.Equal(t, `{"event":"lead.scored","timestamp":"2026-11-23T11:15:30.000Z","data":{"lead":{"id":"l_1"},"unknown":true}}`,
		emitted(json.RawMessage(`{"lead":{"id":"l_1"}, "unknown":true}`)))
}
