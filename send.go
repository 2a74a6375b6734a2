package webhook

import (
	"fmt"
	"net/http"
	"time"

	"github.com/autoreach/webhook/internal/pace"
)

// Observation is one attempt, for the host's metrics. Tests are not observed.
type Observation struct {
	Account  string
	Endpoint string
	Type     EventType
	Attempt  Attempt       // Response is left out
	Age      time.Duration // from the emit to the beginning of the attempt
}

// launch begins sends as long as the budgets allow.
func (e *engine) launch(now time.Time) {
	for {
		f := e.begin(now)
		if f == nil {
			return
		}
		e.sending.Add(1)
		go e.sendLoop(f)
	}
}

// begin takes the next send, or returns nil if none may begin.
func (e *engine) begin(now time.Time) *flight {
	for {
		slot, ticket, ok := e.sched.Next()
		if !ok {
			return nil
		}
		l := slot.Value
		if !now.Before(l.deadline) { // the lease may be somebody else's already
			e.sched.Done(ticket)
			e.lose(l)
			continue
		}
		d := l.ready[0]
		l.ready = l.ready[1:]
		l.flying++
		l.tenure.Sends++
		if !d.Resend {
			l.pace.Sent(now, e.limits(l))
		}
		f := &flight{lane: l, delivery: d, ticket: ticket, began: now}
		e.flights[f] = struct{}{}
		return f
	}
}

// sendLoop sends one delivery after the other until none may begin.
func (e *engine) sendLoop(f *flight) {
	defer e.sending.Done()
	for f != nil {
		a, retryAfter := e.send(f)
		f = e.landed(f, a, retryAfter)
	}
}

// send makes one attempt.
func (e *engine) send(f *flight) (Attempt, time.Duration) {
	e.mu.Lock()
	t := f.lane.target
	f.version = t.config.Version
	e.mu.Unlock()
	a := Attempt{N: f.delivery.Attempts + 1, Result: ResultFailed}
	defer func() { e.observe(f, t, a) }()
	if t.err != nil {
		a.Class, a.Error = t.class, t.err.Error()
		return a, 0
	}
	req, err := e.d.request(t, f.delivery.Event.ID, f.delivery.Event.Body, false)
	if err != nil {
		e.o.Logger.Error("webhook: signing failed", "endpoint", t.config.ID, "error", err)
		a.Class, a.Error = ClassInternal, "the request could not be signed"
		return a, 0
	}
	res := e.d.client.Post(f.lane.ctx, req)
	a = newAttempt(a.N, res)
	if a.Class == ClassInternal {
		e.o.Logger.Error("webhook: could not send", "endpoint", t.config.ID, "error", res.Cause)
	}
	return a, parseRetryAfter(res.RetryAfter, time.Now(), MaxRetryAfter)
}

func (e *engine) observe(f *flight, t *target, a Attempt) {
	defer e.recovered("Options.Observe")
	e.d.totals.count(a)
	a.Response = nil
	e.o.Observe(Observation{
		Account: t.config.Account, Endpoint: t.config.ID, Type: f.delivery.Event.Type,
		Attempt: a, Age: f.delivery.Age,
	})
}

// recovered keeps a panic of the host's code from ending the process.
func (e *engine) recovered(where string) {
	if r := recover(); r != nil {
		e.o.Logger.Error("webhook: panic", "in", where, "panic", fmt.Sprint(r))
	}
}

// panicError is a recovered panic as an error.
func panicError(who string, r any) error { return fmt.Errorf("webhook: %s panicked: %v", who, r) }

// landed takes the answer in, and returns the next send.
func (e *engine) landed(f *flight, a Attempt, retryAfter time.Duration) *flight {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	delete(e.flights, f)
	e.sched.Done(f.ticket)
	l := f.lane
	l.flying--
	if a.Result != ResultInterrupted && a.Class != ClassInternal && !f.delivery.Resend { // it says something about the endpoint
		l.pace.Done(pace.Result{
			Delivery: f.delivery.ID, OK: a.Result == ResultDelivered, Throttled: throttles(a.Status),
			RetryAfter: retryAfter, Took: a.Took,
		})
		e.sched.SetSlow(l.slot, l.pace.Slow())
		l.failed++
		if a.Result == ResultDelivered {
			l.failed, l.claim.FailingFor, l.claim.DeadInRow = 0, 0, 0
		}
	}
	l.hungry = true
	e.settle(e.outcome(f, a, retryAfter))
	if l.gone && l.flying == 0 {
		l.cancel()
	}
	e.advance(l, now)
	return e.begin(now)
}

// throttles says whether a status asks to leave the whole endpoint alone.
func throttles(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// outcome decides what becomes of a delivery after an attempt.
func (e *engine) outcome(f *flight, a Attempt, retryAfter time.Duration) Outcome {
	d := &f.delivery
	o := Outcome{Hold: f.lane.hold, Delivery: d.ID, After: d.Attempts, Attempt: &a}
	if a.Result == ResultDelivered {
		o.State = StateDelivered
		return o
	}
	if a.Result == ResultInterrupted {
		o.State = StatePending
		return o
	}
	if delay, ok := retryDelay(e.o.Retry, a.N, d.Delay, retryAfter); ok && !d.Resend {
		o.State, o.Delay = StatePending, delay
		return o
	}
	o.State, o.Reason = StateDead, ReasonFailed
	if !d.Resend {
		o.Disable, o.Version = e.disable(f.lane, d, a), f.version
	}
	return o
}

// disableDead is how many deliveries must have died before Options.DisableAfter
// disables.
const disableDead = 8

// disable says why the endpoint is to be disabled, if it is, now that a
// delivery died.
func (e *engine) disable(l *lane, d *Delivery, a Attempt) string {
	if a.Status == http.StatusGone && (d.Attempts == 0 || d.Gone) {
		return fmt.Sprintf("answered 410 Gone to all %d attempts of a delivery", a.N)
	}
	c := &l.claim
	c.DeadInRow++
	if after := e.o.DisableAfter; after > 0 && c.DeadInRow >= disableDead && c.FailingFor > 0 &&
		c.FailingFor+time.Since(l.tenure.Since) >= after {
		return fmt.Sprintf("no delivery has succeeded for %v", after)
	}
	return ""
}
