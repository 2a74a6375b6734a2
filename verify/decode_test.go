package verify_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

// received is what a verifier makes of an event.
func received(t *testing.T, event string, data any) verify.Message {
	t.Helper()
	m, err := mustNew(t, secret, nil).Request(nil, verifytest.NewRequest(secret, event, data, nil))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestDecodeEveryEvent(t *testing.T) {
	samples := map[string]any{}
	for _, e := range events.All() {
		samples[e.Name] = e.Sample()
	}
	decodes[events.LeadCreatedData](t, events.LeadCreated, samples)
	decodes[events.LeadScoredData](t, events.LeadScored, samples)
	decodes[events.ReplyReceivedData](t, events.ReplyReceived, samples)
	decodes[events.MessageSentData](t, events.MessageSent, samples)
	decodes[events.AIResponseSentData](t, events.AIResponseSent, samples)
	decodes[events.MeetingBookedData](t, events.MeetingBooked, samples)
	decodes[events.EnrichmentCompletedData](t, events.EnrichmentCompleted, samples)
	if len(samples) > 0 {
		t.Errorf("not decoded here: %v", samples)
	}
}

func decodes[T any](t *testing.T, event string, samples map[string]any) {
	t.Helper()
	want := samples[event]
	delete(samples, event)
	m := received(t, event, want)
	got, err := verify.Decode[T](m)
	if err != nil || !reflect.DeepEqual(any(got), want) {
		t.Errorf("%s: %v, %+v", event, err, got)
	}
	if got, err := verify.Decode[*T](m); err != nil || !reflect.DeepEqual(any(*got), want) {
		t.Errorf("%s as a pointer: %v", event, err)
	}
	ran := 0
	fn := verify.On(event, func(_ context.Context, m verify.Message, got T) error {
		ran++
		if !reflect.DeepEqual(any(got), want) || m.Event != event {
			t.Errorf("%s: got %+v", event, got)
		}
		return nil
	})
	for _, m := range []verify.Message{m, received(t, "lead.teleported", "anything"), {}} {
		if err := fn(t.Context(), m); err != nil {
			t.Errorf("%s: %v", m.Event, err)
		}
	}
	if ran != 1 {
		t.Errorf("%s: handled %d times, want once", event, ran)
	}
}

func TestDecodeOtherEvents(t *testing.T) {
	lead := received(t, events.LeadCreated, events.LeadCreatedData{Lead: events.Lead{ID: "lead_1"}})
	if d, err := verify.Decode[events.LeadScoredData](lead); err != nil || d.Lead.ID != "lead_1" {
		t.Errorf("a type with the same fields: %v, %+v", err, d)
	}
	for _, err := range []error{
		second(verify.Decode[events.MeetingBookedData](lead)),
		second(verify.Decode[*events.MeetingBookedData](lead)),
		second(verify.Decode[events.ReplyReceivedData](lead)),
	} {
		if !errors.Is(err, verify.ErrOtherEvent) || !strings.Contains(err.Error(), "lead.created has events.LeadCreatedData, not events.") {
			t.Errorf("a type with other fields: %v", err)
		}
	}
	unknown := received(t, "lead.teleported", events.MeetingBookedData{Meeting: events.Meeting{ID: "m_1"}})
	if d, err := verify.Decode[events.MeetingBookedData](unknown); err != nil || d.Meeting.ID != "m_1" {
		t.Errorf("an event that is not known: %v, %+v", err, d)
	}
	if d, err := verify.Decode[json.RawMessage](unknown); err != nil || len(d) == 0 {
		t.Errorf("raw: %v", err)
	}
}

func TestDecodeOwnTypes(t *testing.T) {
	type invoice struct {
		ID string `json:"id"`
	}
	m := received(t, "invoice.paid", map[string]any{"id": "in_1", "new": true})
	if d, err := verify.Decode[invoice](m); err != nil || d.ID != "in_1" {
		t.Errorf("%v, %+v", err, d)
	}
	_, err := verify.Decode[invoice](received(t, "invoice.paid", map[string]any{"id": 7}))
	if wrong := (*json.UnmarshalTypeError)(nil); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "the data of invoice.paid as verify_test.invoice") {
		t.Errorf("data of another form: %v", err)
	}
	if _, err := verify.Decode[invoice](verify.Message{Body: []byte("text")}); err == nil || !strings.Contains(err.Error(), "Message.Body") {
		t.Errorf("a body of another form: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestOnMistakesPanic(t *testing.T) {
	for name, fn := range map[string]func(){
		"nil": func() { verify.On[events.LeadScoredData](events.LeadScored, nil) },
		"event": func() {
			verify.On(events.LeadScored, func(context.Context, verify.Message, events.MeetingBookedData) error { return nil })
		},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			fn()
		}()
	}
}

// Errors of decoding and of the function go to the sender as a failure.
func TestOnErrors(t *testing.T) {
	v := mustNew(t, secret, nil)
	h := v.Handler(verify.On("a", func(_ context.Context, _ verify.Message, ok bool) error {
		if !ok {
			return errors.New("no")
		}
		return nil
	}))
	for data, status := range map[any]int{true: 204, false: 500, "text": 500} {
		if rec := serve(h, verifytest.NewRequest(secret, "a", data, nil)); rec.Code != status {
			t.Errorf("%v: %d, want %d", data, rec.Code, status)
		}
	}
}
