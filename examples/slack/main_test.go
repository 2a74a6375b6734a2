package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
)

const secret = "whsec_c2hvd24gb25jZSB0byB0aGUgY3VzdG9tZXIuIQ=="

func TestDemonstration(t *testing.T) {
	var out standin.Output
	if err := demonstrate(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{"*Renée Okonedo-Vale* replied on x", "*Renée Okonedo-Vale* booked a meeting", "no alert for an automatic reply"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

// setup is Slack, a receiver with its database, and the product.
func setup(t *testing.T, client *http.Client) (*standin.Slack, *alerts, *sql.DB, *standin.Sender, *standin.Output) {
	t.Helper()
	slack := standin.NewSlack()
	t.Cleanup(slack.Close)
	db, err := openDB(filepath.Join(t.TempDir(), "slack.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	out := &standin.Output{}
	a := &alerts{replies: slack.Hook("replies"), meetings: slack.Hook("meetings"), client: client, log: standin.Log(out)}
	s, err := standin.NewSender(receiver(t, db, a))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Subscribe(t.Context(), "/hooks", secret, events.ReplyReceived, events.MeetingBooked); err != nil {
		t.Fatal(err)
	}
	return slack, a, db, s, out
}

func receiver(t *testing.T, db *sql.DB, a *alerts) http.Handler {
	t.Helper()
	h, err := newReceiver(context.Background(), secret, db, a)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// The process ends when the alert is posted and recorded, before it answers; and
// everything is delivered once more to the next one.
func TestLostAnswer(t *testing.T) {
	slack, a, db, s, _ := setup(t, http.DefaultClient)
	for _, e := range []string{events.ReplyReceived, events.MeetingBooked} {
		s.LoseAnswers(1)
		if err := s.Emit(t.Context(), e, standin.Sample(e)); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Attempts(t.Context(), e); err != nil || n != 2 {
			t.Errorf("%s was sent %d times, %v; want 2", e, n, err)
		}
	}
	s.Restart(receiver(t, db, a))
	if n, err := s.Redeliver(t.Context()); err != nil || n != 2 {
		t.Errorf("%d events were delivered again, %v", n, err)
	}
	if r, m := slack.Posted(a.replies), slack.Posted(a.meetings); len(r) != 1 || len(m) != 1 || slack.Requests() != 2 {
		t.Errorf("%d requests; replies %v; meetings %v", slack.Requests(), r, m)
	}
}

// dying is a connection to Slack whose process ends after the first post that
// Slack took, before it is recorded.
type dying struct{ done atomic.Bool }

func (d *dying) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && d.done.CompareAndSwap(false, true) {
		_ = res.Body.Close()
		panic(http.ErrAbortHandler) // the sender sees a broken connection
	}
	return res, err
}

// What newReceiver says of the moment in between: not lost, and only then twice.
func TestCrash(t *testing.T) {
	slack, a, _, s, _ := setup(t, &http.Client{Transport: &dying{}})
	if err := s.Emit(t.Context(), events.MeetingBooked, standin.Sample(events.MeetingBooked)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Redeliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	if m := slack.Posted(a.meetings); len(m) != 2 {
		t.Errorf("posted %d times, want 2", len(m))
	}
}

// Every kind of lead and reply gives a post that Slack takes, and none of them
// can call the channel.
func TestAwkward(t *testing.T) {
	slack, a, _, s, _ := setup(t, http.DefaultClient)
	long := strings.Repeat("<!channel> & é 🙏\n", 2000)
	for _, d := range []events.ReplyReceivedData{
		{Lead: events.Lead{ID: "lead_1"}},
		{Lead: events.Lead{ID: "lead_2", Name: &long, Headline: &long},
			Message:      events.Message{ID: "msg_2", Channel: events.ChannelX, Text: long},
			Conversation: events.Conversation{ID: "conv_2", URL: events.Ptr("https://example.com/" + strings.Repeat("a", 4000))}},
	} {
		if err := s.Emit(t.Context(), events.ReplyReceived, d); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []events.MeetingBookedData{
		{Lead: events.Lead{ID: "lead_1"}, Meeting: events.Meeting{ID: "meet_1"}},
		{Lead: events.Lead{ID: "lead_2", Name: &long, Headline: &long}, Meeting: events.Meeting{ID: "meet_2", Title: &long}},
	} {
		if err := s.Emit(t.Context(), events.MeetingBooked, d); err != nil {
			t.Fatal(err)
		}
	}
	all := append(slack.Posted(a.replies), slack.Posted(a.meetings)...)
	if len(all) != 4 || strings.Contains(fmt.Sprint(all), "<!channel") || !strings.Contains(fmt.Sprint(all), "&lt;!channel&gt; &amp;") {
		t.Errorf("posted: %v", all)
	}
}

// A webhook that Slack does not take any more is told with Slack's word for it,
// and without the URL, which is a credential.
func TestRefused(t *testing.T) {
	slack, a, _, s, out := setup(t, http.DefaultClient)
	slack.Archive(a.meetings)
	err := s.Emit(t.Context(), events.MeetingBooked, standin.Sample(events.MeetingBooked))
	if err == nil || !strings.Contains(err.Error(), "4 attempts: 500") || !strings.Contains(out.String(), "answered 410: channel_is_archived") {
		t.Errorf("%v; the log: %s", err, out)
	}
	slack.Close()
	if err := s.Emit(t.Context(), events.ReplyReceived, standin.Sample(events.ReplyReceived)); err == nil {
		t.Error("delivered without Slack")
	}
	if log := out.String(); !strings.Contains(log, "refused") || strings.Contains(log, "/services/") {
		t.Errorf("the log: %s", log)
	}
}
