package webhooktest_test

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

func leadScored(key string) webhook.Event {
	return webhook.Event{Account: "acct_1", Type: events.LeadScored, Key: key,
		Data: events.LeadScoredData{Lead: events.Lead{ID: "private"}}}
}

func TestRecorder(t *testing.T) {
	rec := webhooktest.NewRecorder(t, nil)
	rec.WantNothing()
	first, err := rec.Emit(t.Context(), leadScored("a"))
	noError(t, err)
	again, err := rec.EmitTx(t.Context(), nil, leadScored("a"))
	noError(t, err)
	wantEqual(t, "again", again, webhook.Emitted{ID: first.ID, Duplicate: true})
	_, err = rec.EmitTx(t.Context(), nil, webhook.Event{Account: "acct_1", Type: events.MeetingBooked, Data: &events.MeetingBookedData{}})
	noError(t, err)

	rec.WantEmitted(events.LeadScored, 1)
	rec.WantEmitted(events.MeetingBooked, 1)
	rec.WantEmitted(events.LeadCreated, 0)
	wantEqual(t, "all", len(rec.Events()), 2)
	wantEqual(t, "of one type", len(rec.Of(events.MeetingBooked)), 1)
	wantEqual(t, "the ID", rec.Last(events.LeadScored).ID, first.ID)
	wantEqual(t, "the key", rec.Last(events.LeadScored).Key, "a")
	rec.Reset()
	rec.WantNothing()
}

func TestRecorderRefusesAsInProduction(t *testing.T) {
	rec := webhooktest.NewRecorder(t, &webhook.Options{MaxPayload: 10_000})
	rec.Fail(errors.New("is not reached"))
	for field, e := range map[string]webhook.Event{
		"account": {Type: events.LeadScored, Data: events.LeadScoredData{}},
		"type":    {Account: "acct_1", Type: "lead.lost", Data: events.LeadScoredData{}},
		"data":    {Account: "acct_1", Type: events.LeadScored, Data: events.MeetingBookedData{}},
	} {
		var invalid *webhook.InvalidError
		if _, err := rec.Emit(t.Context(), e); !errors.As(err, &invalid) || invalid.Fields[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
		if _, err := rec.EmitTx(t.Context(), nil, e); !errors.As(err, &invalid) || invalid.Fields[0].Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	large := leadScored("")
	large.Data = events.LeadScoredData{Lead: events.Lead{ID: strings.Repeat("x", 10_000)}}
	if _, err := rec.Emit(t.Context(), large); err == nil || !strings.Contains(err.Error(), "10000") {
		t.Errorf("got %v", err)
	}
	rec.WantNothing()
}

func TestRecorderFails(t *testing.T) {
	rec := webhooktest.NewRecorder(t, nil)
	lost := errors.New("connection lost")
	rec.FailNext(lost, nil, webhook.ErrFull)
	out, err := rec.Emit(t.Context(), leadScored("a"))
	if !errors.Is(err, lost) || out.ID == "" {
		t.Errorf("got %v and the ID %q", err, out.ID)
	}
	e := leadScored("a")
	e.ID = out.ID
	again, err := rec.Emit(t.Context(), e)
	noError(t, err)
	wantEqual(t, "the ID", again.ID, out.ID)
	if out, err := rec.Emit(t.Context(), leadScored("b")); !errors.Is(err, webhook.ErrFull) || out.ID != "" {
		t.Errorf("got %v and the ID %q", err, out.ID)
	}
	rec.Fail(lost)
	for range 3 {
		if _, err := rec.EmitTx(t.Context(), nil, leadScored("c")); !errors.Is(err, lost) {
			t.Errorf("got %v", err)
		}
	}
	rec.Fail(nil)
	_, err = rec.Emit(t.Context(), leadScored("c"))
	noError(t, err)
	rec.WantEmitted(events.LeadScored, 2)
}

func TestRecorderMessages(t *testing.T) {
	f := &fakeT{TB: t}
	rec := webhooktest.NewRecorder(f, nil)
	wantFailure(t, fails(t, f, func() { rec.Last(events.LeadScored) }), "want an emitted lead.scored, got none\n")
	_, err := rec.Emit(t.Context(), leadScored("a"))
	noError(t, err)
	_, _ = rec.Emit(t.Context(), webhook.Event{Account: "acct_1", Type: "lead.lost"})
	text := fails(t, f, func() { rec.WantEmitted(events.LeadScored, 2) })
	wantFailure(t, text, `want 2 emitted of lead.scored, got 1`, `1. lead.scored of acct_1, key "a"`, "not emitted: lead.lost of acct_1: ", "not a registered event type")
	text += fails(t, f, rec.WantNothing)
	wantFailure(t, text, "want nothing emitted, got 1 event\n")
	for range 30 {
		_, _ = rec.Emit(t.Context(), leadScored(""))
		_, _ = rec.Emit(t.Context(), webhook.Event{})
	}
	text += fails(t, f, rec.WantNothing)
	wantFailure(t, text, "… and 11 more\n", "… and 11 more not emitted")
	if strings.Contains(text, "private") {
		t.Errorf("data is shown: %s", text)
	}
	wantFailure(t, fails(t, f, func() { webhooktest.NewRecorder(f, &webhook.Options{Timeout: 1}) }), "Options.Timeout")
}

func TestData(t *testing.T) {
	f := &fakeT{TB: t}
	lead := events.LeadScoredData{Lead: events.Lead{ID: "42"}}
	raw, err := json.Marshal(lead)
	noError(t, err)
	for _, data := range []any{lead, &lead, json.RawMessage(raw)} {
		wantEqual(t, "ID", webhooktest.Data[events.LeadScoredData](t, webhook.Event{Data: data}).Lead.ID, "42")
	}
	for _, data := range []any{nil, 1, (*events.LeadScoredData)(nil), json.RawMessage("{")} {
		wantFailure(t, fails(t, f, func() {
			webhooktest.Data[events.LeadScoredData](f, webhook.Event{Type: events.LeadScored, Data: data})
		}), "of lead.scored", "events.LeadScoredData")
	}
}

func TestRecorderBatch(t *testing.T) {
	rec := webhooktest.NewRecorder(t, nil)
	sent, err := rec.EmitBatch(t.Context(), []webhook.Event{leadScored("a"), leadScored(""), leadScored("a")})
	noError(t, err)
	rec.WantEmitted(events.LeadScored, 2)
	wantEqual(t, "the ID", rec.Events()[1].ID, sent[1].ID)
	wantEqual(t, "a key in the batch", sent[2].Duplicate, true)
	_, err = rec.EmitBatch(t.Context(), []webhook.Event{leadScored(""), {}})
	if err == nil {
		t.Error("want a refusal")
	}
	rec.WantEmitted(events.LeadScored, 2)
	f := &fakeT{TB: t}
	rec = webhooktest.NewRecorder(f, nil)
	rec.Fail(webhook.ErrFull)
	_, err = rec.EmitBatch(t.Context(), []webhook.Event{leadScored("")})
	if !errors.Is(err, webhook.ErrFull) {
		t.Error(err)
	}
	wantFailure(t, fails(t, f, func() { rec.WantEmitted(events.LeadScored, 1) }), "not emitted: lead.scored of acct_1")
}

func TestRecorderConcurrently(t *testing.T) {
	rec := webhooktest.NewRecorder(t, nil)
	rec.FailNext(webhook.ErrFull)
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() { _, _ = rec.Emit(t.Context(), leadScored("")) })
	}
	wg.Wait()
	rec.WantEmitted(events.LeadScored, 99)
}
