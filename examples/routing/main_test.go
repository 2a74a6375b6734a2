package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
	"github.com/autoreach/webhook/verify/verifytest"
)

const secret = "whsec_c2hvd24gb25jZSB0byB0aGUgY3VzdG9tZXIuIQ=="

func TestDemonstration(t *testing.T) {
	var out standin.Output
	if err := demonstrate(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"lead_1 went to ana:   score 95", "lead_2 went to bruno: location Portugal, industry Software", "lead_3 went to carla: location Spain",
		"lead_4 went to dev:   industry Hospital, score 50", "lead_5 went to queue: no other rule fits", "lead_6 went to queue:",
	} {
		if strings.Count(out.String(), want) != 1 {
			t.Errorf("it does not say once %q:\n%s", want, &out)
		}
	}
}

func TestRoute(t *testing.T) {
	lead := func(location, industry string, score *int) events.LeadCreatedData {
		return newLead("lead_1", location, "", industry, score)
	}
	words := []Rule{{Location: []string{"Oman", "New York"}, To: "words"}}
	for _, c := range []struct {
		name  string
		rules []Rule
		lead  events.LeadCreatedData
		to    string // empty if no rule fits
	}{
		{"a whole word", words, lead("Muscat, OMAN", "", nil), "words"},
		{"a part of a word", words, lead("Bucharest, Romania", "", nil), ""},
		{"two words", words, lead("Greater New  York-Area", "", nil), "words"},
		{"words across fields", []Rule{{Location: []string{"b c"}, To: "x"}}, newLead("l", "a b", "c d", "", nil), ""},
		{"0 is a score", []Rule{{MinScore: 1, To: "scored"}, {To: "rest"}}, lead("", "", events.Ptr(0)), "rest"},
		{"no score is none", []Rule{{MinScore: 1, To: "scored"}}, lead("", "", nil), ""},
		{"the least score", []Rule{{MinScore: 70, To: "scored"}}, lead("", "", events.Ptr(70)), "scored"},
		{"the first of two", []Rule{{To: "first"}, {To: "second"}}, lead("", "", nil), "first"},
		{"no rules", nil, lead("Oman", "", nil), ""},
		{"the sample", rules, standin.Sample(events.LeadCreated).(events.LeadCreatedData), "bruno"},
	} {
		for range 3 { // always the same
			if r, reason, ok := route(c.rules, c.lead); r.To != c.to || ok != (c.to != "") || ok && reason == "" {
				t.Errorf("%s: to %q because %q, want %q", c.name, r.To, reason, c.to)
			}
		}
	}
}

// dying is a connection to a member's tool whose process ends after the first
// lead that was taken, before anything else happens.
type dying struct {
	done atomic.Bool
	dies func()
}

func (d *dying) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && d.done.CompareAndSwap(false, true) {
		_ = res.Body.Close()
		d.dies()
		panic(http.ErrAbortHandler) // the sender sees a broken connection
	}
	return res, err
}

func TestCrash(t *testing.T) {
	inboxes, members := team()
	receiver := func(client *http.Client) http.Handler {
		h, err := newReceiver(secret, &router{rules: rules, members: members, client: client, log: standin.Log(t.Output())})
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	d := &dying{}
	s, err := standin.NewSender(receiver(&http.Client{Transport: d}))
	if err != nil {
		t.Fatal(err)
	}
	next := receiver(http.DefaultClient)
	d.dies = func() { s.Restart(next) }
	if err := s.Subscribe(t.Context(), "/hooks", secret, events.LeadCreated); err != nil {
		t.Fatal(err)
	}
	if err := s.Emit(t.Context(), events.LeadCreated, standin.Sample(events.LeadCreated)); err != nil {
		t.Error(err)
	}
	if got := inboxes["bruno"]; len(got.Leads()) != 1 || got.Repeated() != 1 {
		t.Errorf("bruno has %v, and %d repetitions were recognised", got.Leads(), got.Repeated())
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	for _, i := range inboxes {
		i.Close()
	}
}

func TestReceiver(t *testing.T) {
	inboxes, members := team()
	defer func() {
		for _, i := range inboxes {
			i.Close()
		}
	}()
	r := &router{rules: rules, members: members, client: http.DefaultClient, log: standin.Log(t.Output())}
	h, err := newReceiver(secret, r)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, secret string
		test         bool
		status       int
	}{{"genuine", secret, false, 204}, {"a test", secret, true, 204}, {"a stranger's", "another secret of 16", false, 401}} {
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, verifytest.NewRequest(c.secret, events.LeadCreated, standin.Sample(events.LeadCreated), &verifytest.Options{Test: c.test}))
		if rec.Code != c.status {
			t.Errorf("%s: answered %d, want %d", c.name, rec.Code, c.status)
		}
	}
	if n := len(inboxes["bruno"].Leads()); n != 1 {
		t.Errorf("bruno has %d leads, want 1", n)
	}
	if _, err := newReceiver(secret, &router{rules: rules}); err == nil || !strings.Contains(err.Error(), "ana") {
		t.Errorf("rules without addresses: %v", err)
	}
}
