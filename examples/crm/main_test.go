package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

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
		"HubSpot now has 1 contact and 1 meeting", "Salesforce now has 1 contact and 1 meeting", "Pipedrive now has 1 contact and 1 meeting",
		"not a qualified buyer", "no address yet", "RATE_LIMIT", "REQUEST_LIMIT_EXCEEDED",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it does not say %q:\n%s", want, &out)
		}
	}
}

// process is a receiver as after a start of its process: only the database and
// the CRM are the same as before.
func process(t *testing.T, db *sql.DB, crm CRM) http.Handler {
	t.Helper()
	h, err := newReceiver(context.Background(), secret, db, &receiver{crm: crm, minScore: 70, log: standin.Log(t.Output())})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func database(t *testing.T) *sql.DB {
	t.Helper()
	db, err := openDB(filepath.Join(t.TempDir(), "crm.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func sender(t *testing.T, h http.Handler) *standin.Sender {
	t.Helper()
	s, err := standin.NewSender(h)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Subscribe(t.Context(), "/hooks", secret, events.LeadScored, events.MeetingBooked); err != nil {
		t.Fatal(err)
	}
	return s
}

// dying is a connection to a CRM whose process ends when the nth call has
// succeeded and before anything else happens.
type dying struct {
	n    atomic.Int64
	dies func()
}

func (d *dying) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(r)
	if err == nil && d.n.Add(-1) == 0 {
		_ = res.Body.Close()
		d.dies()
		panic(http.ErrAbortHandler) // the sender sees a broken connection
	}
	return res, err
}

// Whichever call to a CRM is the last of a process, one contact and one meeting
// come of it.
func TestCrash(t *testing.T) {
	for i, l := range locals() {
		l.api.Close()
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			for n, crashed := int64(1), true; crashed; n++ {
				crashed = crash(t, locals()[i], n)
			}
		})
	}
}

// crash says whether the process died, which it does not if there are fewer
// than n calls.
func crash(t *testing.T, l *local, n int64) (crashed bool) {
	defer l.api.Close()
	db := database(t)
	var s *standin.Sender
	next := process(t, db, l.connect(http.DefaultClient))
	d := &dying{dies: func() {
		crashed = true
		s.Restart(next)
	}}
	d.n.Store(n)
	s = sender(t, process(t, db, l.connect(&http.Client{Transport: d})))
	if err := s.Emit(t.Context(), events.LeadScored, scored("lead_3", "renee@lumenfjord.example.com", 87)); err != nil {
		t.Error(err)
	}
	if err := s.Emit(t.Context(), events.MeetingBooked, booked("lead_3", "renee@lumenfjord.example.com", "meet_1")); err != nil {
		t.Error(err)
	}
	before := l.api.Requests()
	if _, err := s.Redeliver(t.Context()); err != nil {
		t.Error(err)
	}
	if l.api.Requests() != before {
		t.Errorf("died after call %d: what was handled is handled again when it is redelivered", n)
	}
	contacts, meetings := l.contacts(), l.meetings()
	if len(contacts) != 1 || len(meetings) != 1 || fmt.Sprint(l.score(contacts[0])) != "87" {
		t.Errorf("died after call %d: contacts %v, meetings %v", n, contacts, meetings)
	}
	return crashed
}

// A score that comes late does not count, whether it or the newer one qualifies.
func TestLateScore(t *testing.T) {
	for _, c := range []struct{ first, late, contacts int }{{87, 40, 1}, {40, 87, 0}} {
		l := locals()[0]
		s := sender(t, process(t, database(t), l.connect(http.DefaultClient)))
		if err := s.Emit(t.Context(), events.LeadScored, scored("lead_1", "ann@example.com", c.first)); err != nil {
			t.Error(err)
		}
		if err := s.EmitAt(t.Context(), events.LeadScored, scored("lead_1", "ann@example.com", c.late), time.Now().Add(-time.Hour)); err != nil {
			t.Error(err)
		}
		if got := l.contacts(); len(got) != c.contacts {
			t.Errorf("%d, and late %d: contacts %v, want %d", c.first, c.late, got, c.contacts)
		}
		l.api.Close()
	}
}

// An update must not take away what it does not know.
func TestPartialUpdate(t *testing.T) {
	for _, l := range locals() {
		t.Run(l.name, func(t *testing.T) {
			defer l.api.Close()
			crm, score := l.connect(http.DefaultClient), 87
			full := Contact{LeadID: "lead_3", Email: "renee@lumenfjord.example.com", FirstName: "Renée", LastName: "Okonedo-Vale",
				Company: "Lumenfjord", JobTitle: "Head", Score: &score}
			if _, err := crm.Upsert(t.Context(), full); err != nil {
				t.Fatal(err)
			}
			before := fmt.Sprint(l.contacts())
			if _, err := crm.Upsert(t.Context(), Contact{LeadID: "lead_3", Email: full.Email}); err != nil {
				t.Fatal(err)
			}
			if after := fmt.Sprint(l.contacts()); after != before {
				t.Errorf("it was\n%s\nand is\n%s", before, after)
			}
			if _, err := crm.Upsert(t.Context(), Contact{LeadID: "lead_4", Email: "ann@example.com"}); err != nil || len(l.contacts()) != 2 {
				t.Errorf("a person of whom only the address is known: %v, contacts %v", err, l.contacts())
			}
		})
	}
}

func TestReceiver(t *testing.T) {
	nobody := func(d *events.MeetingBookedData) { d.Lead.Email, d.Meeting.Attendee.Email = nil, nil }
	nameless := func(d *events.MeetingBookedData) {
		d.Lead.Name, d.Meeting.Attendee.Name, d.Meeting.Title = nil, nil, nil
	}
	for _, c := range []struct {
		name     string
		change   func(d *events.MeetingBookedData)
		test     bool
		secret   string
		status   int
		want     string // in the CRM
		meetings int
	}{
		{"booked", func(*events.MeetingBookedData) {}, false, secret, 204, "lastname:Okonedo-Vale", 1},
		{"by somebody without an address", func(d *events.MeetingBookedData) { d.Lead.Email = nil }, false, secret, 204, "email:renee@lumenfjord.example.com", 1},
		{"by nobody", nobody, false, secret, 204, "[]", 0},
		{"without names", nameless, false, secret, 204, "[map[email:renee@lumenfjord.example.com]]", 1},
		{"with the name in the form", func(d *events.MeetingBookedData) { d.Lead.Name = nil }, false, secret, 204, "lastname:Okonedo-Vale", 1},
		{"without a time", func(d *events.MeetingBookedData) { d.Meeting.Start = events.Time{} }, false, secret, 204, "lastname:Okonedo-Vale", 0},
		{"without an end", func(d *events.MeetingBookedData) { d.Meeting.End = events.Time{} }, false, secret, 204, "lastname:Okonedo-Vale", 1},
		{"in a test", func(*events.MeetingBookedData) {}, true, secret, 204, "[]", 0},
		{"by a stranger", func(*events.MeetingBookedData) {}, false, "another secret of 16", 401, "[]", 0},
		{"with a wrong address", func(d *events.MeetingBookedData) { d.Lead.Email = events.Ptr("at home") }, false, secret, 500, "[]", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := locals()[0]
			defer l.api.Close()
			h := process(t, database(t), l.connect(http.DefaultClient))
			d := standin.Sample(events.MeetingBooked).(events.MeetingBookedData)
			c.change(&d)
			rec := httptest.NewRecorder()
			h.ServeHTTP(rec, verifytest.NewRequest(c.secret, events.MeetingBooked, d, &verifytest.Options{Test: c.test}))
			if rec.Code != c.status || !strings.Contains(fmt.Sprint(l.contacts()), c.want) || len(l.meetings()) != c.meetings {
				t.Errorf("answered %d, want %d; contacts %v, want %q; meetings %v, want %d", rec.Code, c.status, l.contacts(), c.want, l.meetings(), c.meetings)
			}
		})
	}
}

// A text that is too long for Salesforce is cut and not refused for good.
func TestCut(t *testing.T) {
	s := standin.NewSalesforce()
	defer s.Close()
	crm := newSalesforce(http.DefaultClient, s.URL, s.Token)
	long := strings.Repeat("é", 300)
	id, err := crm.Upsert(t.Context(), Contact{LeadID: "lead/1 ?", Email: "ann@example.com", FirstName: long, LastName: long, JobTitle: long})
	if err != nil || len(s.Contacts()) != 1 || s.Contacts()[0]["AutoReach_Lead_Id__c"] != "lead/1 ?" {
		t.Errorf("%s, %v, %v", id, err, s.Contacts())
	}
}

// An API that says how long to wait is waited for, and one that does not, or says
// it again and again, is left to the next delivery.
func TestTooManyRequests(t *testing.T) {
	for _, c := range []struct {
		crm, requests, over int
		ok                  bool
	}{
		{crm: 2, over: 1, requests: 3, ok: true},  // Pipedrive: search, search, create
		{crm: 2, over: 3, requests: 3, ok: false}, // three times
		{crm: 0, over: 1, requests: 1, ok: false}, // HubSpot
	} {
		all := locals()
		l := all[c.crm]
		l.api.Exhaust(c.over)
		_, err := l.connect(http.DefaultClient).Upsert(t.Context(), Contact{LeadID: "lead_1", Email: "ann@example.com", LastName: "Ann"})
		if (err == nil) != c.ok || err != nil && !refusedWith(err, http.StatusTooManyRequests) || l.api.Requests() != c.requests {
			t.Errorf("%s, over the limit %d times: %v after %d requests, want %d", l.name, c.over, err, l.api.Requests(), c.requests)
		}
		for _, l := range all {
			l.api.Close()
		}
	}
}

// What a wrong token leads to is told in the log, without the token.
func TestWrongToken(t *testing.T) {
	for _, l := range locals() {
		token := "wrong-token"
		crm := map[string]CRM{
			"HubSpot": newHubSpot(http.DefaultClient, l.api.URL, token), "Salesforce": newSalesforce(http.DefaultClient, l.api.URL, token),
			"Pipedrive": newPipedrive(http.DefaultClient, l.api.URL, token, ""),
		}[l.name]
		_, err := crm.Upsert(t.Context(), Contact{LeadID: "lead_1", Email: "ann@example.com", LastName: "Ann"})
		if !refusedWith(err, http.StatusUnauthorized) || bytes.Contains([]byte(err.Error()), []byte(token)) {
			t.Errorf("%s: %v", l.name, err)
		}
		l.api.Close()
	}
}
