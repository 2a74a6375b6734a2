package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/internal/exchange"
)

// The bounds of test sends, for each endpoint and process.
const (
	testsPerMinute = 10
	testsInFlight  = 1
)

// Test sends the sample of an event type to an endpoint as p would change it,
// without changing it: the "Send Test Payload" of an edit dialog. It judges
// the edits like an update, works on a disabled endpoint, is marked by
// X-Webhook-Test: true and a webhook-id that begins with test_, and leaves no
// trace in log and health. The result is in the Attempt; an error means that
// nothing was sent. More than one at a time or 10 a minute is [ErrBusy].
func (d *Dispatcher) Test(ctx context.Context, account, id string, t EventType, p EndpointPatch) (Attempt, error) {
	r, err := d.endpoint(ctx, d.store, account, id, func(e Endpoint) Endpoint { return e })
	if err != nil {
		return Attempt{}, err
	}
	e := r.Endpoint
	p.apply(&e)
	if err := d.checkPatched(&e, &p); err != nil {
		return Attempt{}, err
	}
	return d.test(ctx, id, e, t)
}

// TestNew is Test for an endpoint that is not created yet.
func (d *Dispatcher) TestNew(ctx context.Context, e Endpoint, t EventType) (Attempt, error) {
	if err := d.check(&e); err != nil {
		return Attempt{}, err
	}
	return d.test(ctx, "account:"+e.Account, e, t)
}

func (d *Dispatcher) test(ctx context.Context, limit string, e Endpoint, t EventType) (Attempt, error) {
	kind, err := d.kind(t)
	if err != nil {
		return Attempt{}, err
	}
	done, err := d.tests.begin(limit)
	if err != nil {
		return Attempt{}, err
	}
	defer done()
	req, err := d.testRequest(ctx, e, kind)
	if unsent := (*unsentError)(nil); errors.As(err, &unsent) {
		return Attempt{N: 1, Result: ResultFailed, Class: unsent.class, Error: unsent.Error()}, nil
	}
	if err != nil {
		return Attempt{}, err
	}
	res := d.client.Post(ctx, req)
	return newAttempt(1, res), nil
}

// Preview returns the request that TestNew would send, and sends nothing: for
// showing it, or for a command line that the customer can run. It is signed
// with the secret that e has, and dated now. What a Dispatcher returned has no
// secret, and so no signature. Account and Name may be empty.
func (d *Dispatcher) Preview(ctx context.Context, e Endpoint, t EventType) (Preview, error) {
	kind, err := d.kind(t)
	if err != nil {
		return Preview{}, err
	}
	var p problems
	d.checkURL(&p, &e)
	d.checkFormat(&p, &e)
	checkSecret(&p, e.Secret)
	checkSigningKey(&p, e.SigningKey)
	checkHeaders(&p, &e, d.reserved)
	if err := p.err(); err != nil {
		return Preview{}, err
	}
	e.OldSecret, e.OldSecretUntil = "", time.Time{}
	req, err := d.testRequest(ctx, e, kind)
	if err != nil {
		return Preview{}, err
	}
	return Preview{URL: e.URL, Header: req.Header.Clone(), Body: req.Body}, nil
}

// Preview is a POST that a test send makes.
type Preview struct {
	URL    string
	Header http.Header // the endpoint's own and those of the signers
	Body   []byte      // the payload, in the endpoint's format
}

// kind looks an event type up.
func (d *Dispatcher) kind(t EventType) (events.Type, error) {
	kind, known := d.catalogue.lookup(t)
	if !known {
		return kind, &InvalidError{Fields: []FieldError{{Field: "type", Code: "unknown_event",
			Message: fmt.Sprintf("%q is not an event; known are %s", t, d.catalogue.names())}}}
	}
	return kind, nil
}

// An unsentError is why there is nothing to send, or nowhere to send it to, with
// the class that the attempt of a delivery would have.
type unsentError struct {
	error
	class string
}

func (e *unsentError) Unwrap() error { return e.error }

// testRequest is the request of a test send.
func (d *Dispatcher) testRequest(ctx context.Context, e Endpoint, kind events.Type) (exchange.Request, error) {
	body, err := payload(kind.Name, time.Now(), kind.Sample())
	if err != nil {
		return exchange.Request{}, err
	}
	target := d.newTarget(e)
	if target.err != nil {
		return exchange.Request{}, &unsentError{target.err, target.class} // what is stored may not be allowed any more
	}
	eventID := "test_" + newID()
	out, err := d.render(target.format, eventID, e.Account, kind.Name, body, true)
	if err != nil {
		return exchange.Request{}, &unsentError{err, ClassFormat}
	}
	return d.request(ctx, target, eventID, out, true)
}

// newAttempt is what an exchange came to.
func newAttempt(n int, res exchange.Result) Attempt {
	a := Attempt{N: n, Took: res.Took, Status: res.Status, Class: string(res.Class), Error: res.Error,
		Response: res.Excerpt, Result: ResultFailed}
	switch {
	case res.Delivered():
		a.Result = ResultDelivered
	case res.Canceled:
		a.Result = ResultInterrupted
	}
	return a
}

// testLimiter bounds test sends.
type testLimiter struct {
	mu   sync.Mutex
	sent map[string][]time.Time // within the last minute
	busy map[string]int
}

func (l *testLimiter) begin(key string) (done func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sent == nil {
		l.sent, l.busy = map[string][]time.Time{}, map[string]int{}
	}
	now := time.Now()
	for k, times := range l.sent {
		for len(times) > 0 && now.Sub(times[0]) >= time.Minute {
			times = times[1:]
		}
		if l.sent[k] = times; len(times) == 0 {
			delete(l.sent, k)
		}
	}
	switch {
	case l.busy[key] >= testsInFlight:
		return nil, fmt.Errorf("%w: the last one is still on its way; wait for its answer", ErrBusy)
	case len(l.sent[key]) >= testsPerMinute:
		return nil, fmt.Errorf("%w: %d in the last minute is the limit; wait %v", ErrBusy, testsPerMinute,
			(time.Minute - now.Sub(l.sent[key][0])).Round(time.Second))
	}
	l.sent[key] = append(l.sent[key], now)
	l.busy[key]++
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.busy[key]--; l.busy[key] == 0 {
			delete(l.busy, key)
		}
	}, nil
}
