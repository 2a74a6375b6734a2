package main

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/autoreach/webhook/events"
)

func TestQuickstart(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	err := run(t.Context(), &out, newReceiver())
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, e := range events.All() {
		if n := strings.Count(out.String(), e.Name); n < 4 { // registered, emitted, verified, checked
			t.Errorf("%s is named %d times, want at least 4", e.Name, n)
		}
	}
}

// It must name what did not happen, and nothing else.
func TestQuickstartFails(t *testing.T) {
	t.Parallel()
	recv := newReceiver()
	next := recv.server.Handler
	recv.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("webhook-id") == "", // a forgery is accepted
			r.URL.Path == path(flaky),  // works at once
			r.URL.Path == path(silent): // answers
			w.WriteHeader(http.StatusNoContent)
			return
		case r.URL.Path == path("Lead Scored"): // does not exist
			w.WriteHeader(http.StatusNotFound)
			return
		case r.URL.Path == path("Meeting Booked"): // the body is lost on the way
			r.Body, r.ContentLength = http.NoBody, 0
		case r.URL.Path == path(deleted): // the mark of a test is lost on the way
			r.Header.Del("X-Webhook-Test")
		}
		next.ServeHTTP(w, r)
	})
	var out bytes.Buffer
	err := run(t.Context(), &out, recv)
	if err == nil {
		t.Fatalf("nothing is missing\n%s", &out)
	}
	for part, want := range map[string]bool{
		"lead.scored arrived": true, "meeting.booked arrived": true, flaky + " failed twice": true, flaky + " recovered": true,
		silent + " was tried": true, silent + " has the error status": true, "the test send arrived": true, "the forged request": true,
		"lead.created": false, "reply.received": false, "message.sent": false, "ai_response.sent": false,
		"enrichment.completed": false, deleted: false,
	} {
		if strings.Contains(err.Error(), part) != want {
			t.Errorf("%q named as missing: %v, want %v\n%v", part, !want, want, err)
		}
	}
}
