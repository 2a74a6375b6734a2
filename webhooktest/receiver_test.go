package webhooktest_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
	"github.com/autoreach/webhook/webhooktest"
)

// TestAnswers holds what a dispatcher makes of every answer.
func TestAnswers(t *testing.T) {
	streams := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, _ := io.ReadAll(r.Body); len(body) == 0 {
			w.WriteHeader(400)
		}
		w.WriteHeader(102)
		_, _ = io.WriteString(w, "a")
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(w, "b")
	})
	for _, c := range []struct {
		answer   webhooktest.Answer
		name     string
		status   int
		class    string
		response string
		took     time.Duration
	}{
		{webhooktest.Answer{}, "204", 204, "", "", 0},
		{webhooktest.Status(200), "200", 200, "", "", 0},
		{webhooktest.Status(404), "404", 404, webhook.ClassStatus, "", 0},
		{webhooktest.Body(500, "the database is down"), "500 with a body", 500, webhook.ClassStatus, "the database is down", 0},
		{webhooktest.RetryAfter(429, 1500*time.Millisecond), "429 with Retry-After: 2", 429, webhook.ClassStatus, "", 0},
		{webhooktest.Redirect(301, "https://b.example.com/"), "301", 301, webhook.ClassRedirect, "", 0},
		{webhooktest.Hang(), "hang", 0, webhook.ClassTimeout, "", 15 * time.Second},
		{webhooktest.Slow(10*time.Second, webhooktest.Body(202, "ok")), "202 with a body after 10s", 202, "", "ok", 10 * time.Second},
		{webhooktest.Slow(20*time.Second, webhooktest.Status(200)), "200 after 20s", 0, webhook.ClassTimeout, "", 15 * time.Second},
		{webhooktest.Slow(time.Second, webhooktest.Drop()), "drop after 1s", 0, webhook.ClassReset, "", time.Second},
		{webhooktest.Drop(), "drop", 0, webhook.ClassReset, "", 0},
		{webhooktest.Handler(streams), "by a handler", 200, "", "ab", 0},
		{webhooktest.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})), "by a handler", 200, "", "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, rcv := webhooktest.Start(t, &webhook.Options{Retry: webhook.Schedule{}})
				rcv.Then(c.answer)
				emit(t, d, 1)
				noError(t, d.Drain(t.Context()))
				synctest.Wait()
				rcv.WantVerified(1)
				got := rcv.Last()
				wantEqual(t, "Answer", got.Answer, c.name)
				wantEqual(t, "Status", got.Status, c.status)
				wantEqual(t, "taken", got.Done.Sub(got.At), c.took)
				log, err := d.ListDeliveries(t.Context(), webhook.DeliveryQuery{Account: webhooktest.Account})
				noError(t, err)
				a := log[0].Attempts[0]
				wantEqual(t, "the sender's status", a.Status, c.status)
				wantEqual(t, "the sender's class", a.Class, c.class)
				wantEqual(t, "the sender's response", string(a.Response), c.response)
				wantEqual(t, "the sender's time", a.Took, c.took)
			})
		})
	}
}

func TestScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		rcv.Then(webhooktest.Status(500)).Each(func(r webhooktest.Request) webhooktest.Answer {
			r.Body[0] = 'x' // is the function's own
			if r.Attempt < 3 {
				return webhooktest.RetryAfter(500, time.Hour)
			}
			return webhooktest.Status(200)
		})
		emit(t, d, 1)
		rcv.Await(2, time.Minute)
		wantEqual(t, "answered so far", len(rcv.Deliveries()), 0)
		noError(t, d.Drain(t.Context()))
		var answers []string
		for _, r := range rcv.Requests() {
			answers = append(answers, r.Answer)
			if r.Body[0] != '{' || r.Event != events.LeadScored || r.OccurredAt.IsZero() {
				t.Errorf("%v", r)
			}
		}
		wantEqual(t, "answers", strings.Join(answers, ","), "500,500 with Retry-After: 3600,200")
		rcv.WantRetries(30*time.Second, time.Hour)
		var data events.LeadScoredData
		noError(t, rcv.Last().Decode(&data))

		rcv.Always(webhooktest.Status(201))
		emit(t, d, 1)
		noError(t, d.Drain(t.Context()))
		wantEqual(t, "status", rcv.Last().Status, 201)
		rcv.Want(events.LeadScored, events.LeadScored)
	})
}

func TestRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, &webhook.Options{Retry: webhook.Schedule{}})
		e := rcv.Endpoint()
		next, _, err := d.RotateSecret(t.Context(), e.Account, e.ID, "", time.Hour)
		noError(t, err)
		emit(t, d, 1)
		noError(t, d.Drain(t.Context()))
		time.Sleep(2 * time.Hour)
		emit(t, d, 1)
		noError(t, d.Drain(t.Context()))
		wantEqual(t, "with the old secret", rcv.Last().Status, 401)
		rcv.Accept(next)
		emit(t, d, 1)
		noError(t, d.Drain(t.Context()))
		wantEqual(t, "delivered", len(rcv.Deliveries()), 2)
		if err := rcv.Requests()[1].Err; err == nil {
			t.Error("want a reason")
		}
	})
}

func TestTestSend(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		e := rcv.Endpoint()
		a, err := d.Test(t.Context(), e.Account, e.ID, events.MeetingBooked, webhook.EndpointPatch{})
		noError(t, err)
		wantEqual(t, "result", a.Result, webhook.ResultDelivered)
		rcv.WantVerified(1)
		wantEqual(t, "Test", rcv.Last().Test, true)
		wantEqual(t, "path", rcv.Last().Path, "/hooks")
		if s := rcv.Last().String(); !strings.Contains(s, "(test send)") {
			t.Error(s)
		}
	})
}

const secret = "a secret of the test"

// signed is a request to a receiver that stands alone.
func signed(change func(h http.Header)) *http.Request {
	r := verifytest.NewRequest(secret, "lead.scored", map[string]any{"a": 1}, nil)
	if change != nil {
		change(r.Header)
	}
	return r
}

func TestVerification(t *testing.T) {
	for name, c := range map[string]struct {
		request *http.Request
		want    error
	}{
		"both":             {signed(nil), nil},
		"standard only":    {signed(func(h http.Header) { h.Del("X-Webhook-Signature") }), nil},
		"body only":        {verifytest.NewRequest(secret, "a.b", 1, &verifytest.Options{Scheme: verify.BodyOnly}), nil},
		"no signature":     {signed(func(h http.Header) { h.Del("X-Webhook-Signature"); h.Del("Webhook-Signature") }), verify.ErrNoSignature},
		"wrong body-only":  {signed(func(h http.Header) { h.Set("X-Webhook-Signature", "sha256="+strings.Repeat("0", 64)) }), verify.ErrMismatch},
		"wrong standard":   {signed(func(h http.Header) { h.Set("Webhook-Id", "msg_2") }), verify.ErrMismatch},
		"old":              {verifytest.NewRequest(secret, "a.b", 1, &verifytest.Options{Time: time.Now().Add(-time.Hour)}), verify.ErrTooOld},
		"not a POST":       {httptest.NewRequest("GET", "/", nil), verify.ErrMethod},
		"not a payload":    {httptest.NewRequest("POST", "/", strings.NewReader("x")), verify.ErrNoSignature},
		"another's secret": {verifytest.NewRequest("another secret of mine", "a.b", 1, nil), verify.ErrMismatch},
	} {
		t.Run(name, func(t *testing.T) {
			rcv := webhooktest.NewReceiver(t, secret)
			w := httptest.NewRecorder()
			rcv.ServeHTTP(w, c.request)
			got := rcv.Last()
			if fmt.Sprint(c.want) != fmt.Sprint(got.Err) && (c.want == nil || !strings.Contains(got.Err.Error(), c.want.Error())) {
				t.Errorf("got %v, want %v", got.Err, c.want)
			}
			wantEqual(t, "Verified", got.Verified, c.want == nil)
			wantEqual(t, "status", w.Code, map[bool]int{true: 204, false: 401}[c.want == nil])
			wantEqual(t, "Status", got.Status, w.Code)
		})
	}
	rcv := webhooktest.NewReceiver(t, "")
	rcv.ServeHTTP(httptest.NewRecorder(), signed(nil))
	wantEqual(t, "without a secret", rcv.Last().Verified, false)
	wantEqual(t, "Secret", rcv.Secret(), "")
	if rcv.Last().Decode(new(int)) == nil {
		t.Error("want an error: an object is no int")
	}
}

// Where there is a public key its signature is asked for: beside a secret's, or
// alone.
func TestPublicKeys(t *testing.T) {
	signingKey, publicKey := verifytest.Keys()
	another, _ := verifytest.Keys()
	request := func(secret, key string) *http.Request {
		return verifytest.NewRequest(secret, "lead.scored", 1, &verifytest.Options{SigningKey: key})
	}
	for name, c := range map[string]struct {
		secret  webhook.Secret
		request *http.Request
		want    bool
	}{
		"alone":                       {"", request("", signingKey), true},
		"alone, by another":           {"", request("", another), false},
		"alone, and a secret's":       {"", request(secret, signingKey), true},
		"alone, and not there":        {"", request(secret, ""), false},
		"both":                        {secret, request(secret, signingKey), true},
		"both, one by another":        {secret, request(secret, another), false},
		"both, one by another secret": {secret, request("another secret of mine", signingKey), false},
		"both, no v1a":                {secret, request(secret, ""), false},
		"both, no v1":                 {secret, request("", signingKey), false},
	} {
		t.Run(name, func(t *testing.T) {
			rcv := webhooktest.NewReceiver(t, c.secret)
			rcv.AcceptPublic(publicKey)
			rcv.ServeHTTP(httptest.NewRecorder(), c.request)
			wantEqual(t, fmt.Sprint("Verified: ", rcv.Last().Err), rcv.Last().Verified, c.want)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		d, first := webhooktest.Start(t, nil)
		key := webhook.GenerateSigningKey()
		rcv := webhooktest.Register(t, d, first.Network(), webhook.Endpoint{Events: []webhook.EventType{events.LeadScored}, SigningKey: key})
		emit(t, d, 1)
		noError(t, d.Drain(t.Context()))
		rcv.WantVerified(1)
		next := webhook.GenerateSigningKey()
		_, err := d.UpdateEndpoint(t.Context(), webhooktest.Account, rcv.Endpoint().ID, 0, webhook.EndpointPatch{SigningKey: webhook.Set(next)})
		noError(t, err)
		emit(t, d, 1)
		rcv.Await(2, time.Minute)
		synctest.Wait() // for the answer
		wantEqual(t, "by a key that it was not given", rcv.Last().Status, 401)
	})
}

func TestWants(t *testing.T) {
	f := &fakeT{TB: t}
	rcv := webhooktest.NewReceiver(f, secret)
	wantFailure(t, fails(t, f, rcv.WantNothing))
	wantFailure(t, fails(t, f, func() { rcv.WantVerified(0) }))
	wantFailure(t, fails(t, f, func() { rcv.Want() }))
	wantFailure(t, fails(t, f, func() { rcv.Last() }), "got no request")
	wantFailure(t, fails(t, f, func() { rcv.WantRetries(time.Second) }), "tried 2 times, got no request")
	wantFailure(t, fails(t, f, func() { rcv.Await(1, time.Millisecond) }), "want 1 request within 1ms, got 0")
	wantFailure(t, fails(t, f, func() { rcv.Want("a.b") }), "want delivered: a.b; got: nothing")

	rcv.Then(webhooktest.Status(500))
	rcv.ServeHTTP(httptest.NewRecorder(), signed(nil))
	rcv.ServeHTTP(httptest.NewRecorder(), signed(nil))
	wantFailure(t, fails(t, f, func() { rcv.WantVerified(2) }))
	wantFailure(t, fails(t, f, func() { rcv.Want("lead.scored") }))
	wantFailure(t, fails(t, f, func() { rcv.WantRetries() }))
	wantFailure(t, fails(t, f, func() { rcv.Await(2, 0) }))
	wantFailure(t, fails(t, f, rcv.WantNothing), "want no request, got 2\n  1. ", "lead.scored", "attempt 1: verified, answered 500\n", "answered 204")
	wantFailure(t, fails(t, f, func() { rcv.WantVerified(1) }), "want 1 verified request, got 2\n")
	wantFailure(t, fails(t, f, func() { rcv.Want("lead.scored", "lead.scored") }), "want delivered: lead.scored, lead.scored; got: lead.scored\n")
	wantFailure(t, fails(t, f, func() { rcv.WantRetries(time.Hour) }), "want 2 attempts, got 1")

	rcv.ServeHTTP(httptest.NewRecorder(), signed(func(h http.Header) { h.Del("Webhook-Signature") }))
	text := fails(t, f, func() { rcv.WantVerified(3) })
	wantFailure(t, text, "want 3 verified requests, got 2 that verified", "not verified (webhook: no signature", "answered 401")
	for range 30 {
		rcv.ServeHTTP(httptest.NewRecorder(), signed(nil))
	}
	text += fails(t, f, rcv.WantNothing)
	wantFailure(t, text, "… and 13 more")
	for _, no := range []string{secret, "sha256=", "v1,"} {
		if strings.Contains(text, no) {
			t.Errorf("%q is shown in %s", no, text)
		}
	}
	wantFailure(t, fails(t, f, func() { webhooktest.NewReceiver(f, "whsec_secret-but-malformed") }), "cannot use this secret")
	if strings.Contains(f.text.String(), "but-malformed") {
		t.Error("the secret is shown")
	}

	again := webhooktest.NewReceiver(f, secret)
	body := []byte(`{}`)
	for range 2 {
		r := httptest.NewRequest("POST", "/", bytes.NewReader(nil))
		verifytest.Sign(r, secret, body, &verifytest.Options{ID: "msg_1"})
		again.ServeHTTP(httptest.NewRecorder(), r)
	}
	wantFailure(t, fails(t, f, func() { again.WantRetries(time.Hour) }), "event msg_1: want 1h0m0s to 1h6m2s before attempt 2, got ")
	wantFailure(t, fails(t, f, func() { again.WantRetries(0) }))
}

func TestWantRetriesLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fakeT{TB: t}
		rcv := webhooktest.NewReceiver(f, secret)
		rcv.Always(webhooktest.Slow(10*time.Second, webhooktest.Status(500)))
		for _, d := range []time.Duration{0, time.Hour, 66*time.Minute + 2*time.Second} {
			time.Sleep(d)
			r := httptest.NewRequest("POST", "/", nil)
			verifytest.Sign(r, secret, []byte(`{}`), &verifytest.Options{ID: "msg_1"})
			rcv.ServeHTTP(httptest.NewRecorder(), r)
		}
		wantFailure(t, fails(t, f, func() { rcv.WantRetries(time.Hour, time.Hour) }))
		wantFailure(t, fails(t, f, func() { rcv.WantRetries(time.Hour, 50*time.Minute) }))
		wantFailure(t, fails(t, f, func() { rcv.WantRetries(50*time.Minute, time.Hour) }), "want 50m0s to 55m2s before attempt 2, got 1h0m0s")
		wantFailure(t, fails(t, f, func() { rcv.WantRetries(time.Hour, 67*time.Minute) }), "before attempt 3, got 1h6m2s")
	})
}

// What an endpoint with a format gets is verified and recorded like a payload,
// which it is not.
func TestFormat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		slack := webhooktest.Register(t, d, rcv.Network(), webhook.Endpoint{Events: []webhook.EventType{events.LeadScored}, Format: "slack"})
		emit(t, d, 1)
		noError(t, d.Drain(t.Context()))
		rcv.WantVerified(1)
		slack.WantVerified(1)
		wantEqual(t, "event", rcv.Last().Event, events.LeadScored)
		wantEqual(t, "event", slack.Last().Event, "")
		wantEqual(t, "ID", slack.Last().ID, rcv.Last().ID)
		if !strings.Contains(string(slack.Last().Body), `"blocks"`) || slack.Last().Decode(new(any)) == nil {
			t.Errorf("want a message of Slack's, got %s", slack.Last().Body)
		}
	})
}
