package webhook

import (
	"bytes"
	"errors"
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

// idleSender is how long a goroutine that sends waits for more to send. It is
// worth keeping for its stack, which an HTTP request has made large.
const idleSender = time.Second

// begin sends one delivery, in a goroutine that has nothing to do or a new one.
func (e *engine) begin(f *flight) {
	l := f.lane
	l.flying = append(l.flying, f.delivery.ID)
	l.tenure.Sends++
	l.pace.Sent(f.began, e.limits(l))
	e.flights[f] = struct{}{}
	select {
	case e.work <- f:
	default:
		e.senders.Add(1)
		go e.sender(f)
	}
}

// sender sends one delivery after the other.
func (e *engine) sender(f *flight) {
	defer e.senders.Done()
	var deep [4096]byte
	keepStack(&deep)
	idle := time.NewTimer(idleSender)
	defer idle.Stop()
	for {
		a, retryAfter := e.send(f)
		e.landed(f, a, retryAfter)
		idle.Reset(idleSender)
		select {
		case f = <-e.work:
		case <-idle.C:
			return
		case <-e.over:
			return
		}
	}
}

// keepStack makes its caller's frame large. The garbage collector halves the
// stack of a goroutine that it finds using less than a quarter of it, as one
// does that waits for an answer; the next signature would make it grow again.
//
//go:noinline
func keepStack(*[4096]byte) {}

// send makes one attempt.
func (e *engine) send(f *flight) (a Attempt, retryAfter time.Duration) {
	t := f.target
	a = Attempt{N: f.delivery.Attempts + 1, Result: ResultFailed}
	defer func() { e.observe(f, t, a) }()
	if t.err != nil {
		a.Class, a.Error = t.class, t.err.Error()
		return a, 0
	}
	ev := f.delivery.Event
	if bytes.HasPrefix(ev.Body, []byte(sealedPrefix)) {
		a.Class, a.Error = ClassInternal, "the payload cannot be decrypted at the moment"
		return a, 0
	}
	out, err := e.d.render(t.format, ev.ID, ev.Account, ev.Type, ev.Body, false)
	if err != nil {
		e.o.Logger.Error("webhook: format failed", "endpoint", t.config.ID, "format", t.format.Name, "event", ev.ID, "type", ev.Type, "error", errors.Unwrap(err))
		a.Class, a.Error = ClassFormat, err.Error()
		return a, 0
	}
	began := time.Now()
	req, err := e.d.request(f.lane.ctx, t, ev.ID, out, false)
	if err != nil && f.lane.ctx.Err() == nil { // if it was called off, Post sends nothing and says so
		e.o.Logger.Error("webhook: signing failed", "endpoint", t.config.ID, "error", err)
		a.Class, a.Error, a.Took = ClassInternal, "the request could not be signed", time.Since(began)
		return a, 0
	}
	res := e.d.client.Post(f.lane.ctx, req)
	a = newAttempt(a.N, res)
	if a.Class == ClassInternal {
		e.o.Logger.Error("webhook: could not send", "endpoint", t.config.ID, "error", hide(fmt.Sprint(res.Cause), t.url))
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

// landed takes an answer in.
func (e *engine) landed(f *flight, a Attempt, retryAfter time.Duration) {
	delay, retry := e.d.retryDelay(a.N, f.delivery.Delay, retryAfter)
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.flights, f)
	e.budget.Done(f.ticket)
	l := f.lane
	l.flying = without(l.flying, f.delivery.ID)
	if f.overdue {
		l.overdue--
	}
	e.learn(l, f, a, retryAfter)
	e.settle(e.outcome(f, a, delay, retry))
	l.hungry = l.hungry || !e.alone(l)
	if l.gone && len(l.flying) == 0 {
		l.cancel()
	}
	e.advance(l, time.Now())
}

// alone says whether what was sent was all that waits, as far as is known: then
// the lane is returned without being asked again, which is refused if something
// came in. A refusal costs about three questions, so the lane is asked where as much
// was emitted here since that one in three would be, with events that go to all
// endpoints alike; and where the breaker has to know how much waits.
func (e *engine) alone(l *lane) bool {
	return l.single && 3*(e.emitted-l.emitted) <= len(e.targets) && !l.pace.Open()
}

// learn notes what the attempt says about the endpoint. One that the sender
// cut off or could not make says nothing, and neither does a resend about how
// fast it may be sent to.
func (e *engine) learn(l *lane, f *flight, a Attempt, retryAfter time.Duration) {
	ok := a.Result == ResultDelivered
	switch {
	case SenderFault(a.Class) && a.Class != ClassFormat && !f.delivery.Resend && l.pace.Open():
		l.failed++ // no answer to the probe: the next one comes when it is due, too
		return
	case f.delivery.Resend && ok:
		l.failingFor, l.deadInRow = 0, 0
		return
	case a.Result == ResultInterrupted, SenderFault(a.Class), f.delivery.Resend:
		return
	}
	l.pace.Done(pace.Result{
		Delivery: f.delivery.ID, OK: ok, Throttled: throttles(a.Status), RetryAfter: retryAfter, Took: a.Took,
	})
	l.failed++
	if ok {
		l.failed, l.fresh, l.proved = 0, false, true
		l.failingFor, l.deadInRow = 0, 0
	}
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
func (e *engine) outcome(f *flight, a Attempt, delay time.Duration, retry bool) Outcome {
	d := &f.delivery
	o := Outcome{Hold: f.lane.hold, Delivery: d.ID, After: d.Attempts, Attempt: &a}
	switch {
	case a.Result == ResultDelivered:
		o.State = StateDelivered
	case a.Result == ResultInterrupted:
		o.State = StatePending
	case a.Class == ClassFormat: // it would fail again
		o.State, o.Reason = StateDead, ReasonFormat
	case d.Resend:
		o.State, o.Reason = StateDead, ReasonFailed
	case retry:
		o.State, o.Delay = StatePending, delay
	default:
		o.State, o.Reason = StateDead, ReasonFailed
		o.Disable, o.Version = e.disable(f.lane, d, a), f.target.config.Version
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
	if SenderFault(a.Class) {
		return ""
	}
	l.deadInRow++
	if after := e.o.DisableAfter; after > 0 && l.deadInRow >= disableDead && l.failingFor > 0 &&
		l.failingFor+time.Since(l.tenure.Since) >= after {
		return fmt.Sprintf("no delivery has succeeded for %v", after)
	}
	return ""
}
