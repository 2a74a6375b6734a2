package webhook

import (
	"context"
	"fmt"
	"sync"
	"time"

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
	kind, known := d.catalogue.lookup(t)
	if !known {
		return Attempt{}, &InvalidError{Fields: []FieldError{{Field: "type", Code: "unknown_event",
			Message: fmt.Sprintf("%q is not an event; known are %s", t, d.catalogue.names())}}}
	}
	done, err := d.tests.begin(limit)
	if err != nil {
		return Attempt{}, err
	}
	defer done()
	body, err := payload(t, time.Now(), kind.Sample())
	if err != nil {
		return Attempt{}, err
	}
	target := d.newTarget(e)
	if target.err != nil {
		return Attempt{}, target.err
	}
	eventID := "test_" + newID()
	out, err := d.render(target.format, eventID, e.Account, t, body, true)
	if err != nil {
		return Attempt{N: 1, Result: ResultFailed, Class: ClassFormat, Error: err.Error()}, nil
	}
	req, err := d.request(ctx, target, eventID, out, true)
	if err != nil {
		return Attempt{}, err
	}
	res := d.client.Post(ctx, req)
	return newAttempt(1, res), nil
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
