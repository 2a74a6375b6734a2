package storetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/autoreach/webhook"
)

var settleCases = []testCase{
	{"Settle/Delivered", "a delivered delivery has ended: it is never handed out again, and nothing changes it", settleDelivered},
	{"Settle/RetryExact", "a retry is due its delay after the settle, by the store's clock, with one more counted attempt",
		settleRetry},
	{"Settle/DeadWithReason", "a dead delivery has ended and keeps why", settleDead},
	{"Settle/AttemptRecorded", "an attempt is kept as it was reported, with its number and the store's time", settleAttempt},
	{"Settle/HistoryExactlyOnce", "each attempt is in the history once, in order", settleHistory},
	{"Settle/RepeatChangesNothing", "the repeat of a settle whose answer was lost changes nothing: not the state, the due time, " +
		"the history, the health or the counters", settleRepeat},
	{"Settle/RetryCompareAndSet", "a retry or death applies only if After is the number of counted attempts: a late answer to an " +
		"attempt of the past must not count again", settleAfter},
	{"Settle/InterruptedChangesNothing", "an interrupted attempt is recorded once and does not count: the shutdown was ours, not " +
		"the endpoint's failure", settleInterrupted},
	{"Settle/MixedLanes", "one settle takes outcomes of several lanes, good and stale ones, and judges each for itself",
		settleMixed},
	{"Settle/OutcomesBeforeReturns", "a settle returns lanes after it has applied the outcomes: the lane is ready when the retry " +
		"is due that came in the same call", settleThenReturn},
	{"Settle/UnknownDeliveryDropped", "outcomes of deliveries and endpoints that do not exist, or of another endpoint, are " +
		"dropped without an error", settleUnknown},
	{"Settle/ArgumentsCopied", "the slices of an outcome are the caller's again after the call", settleCopies},
	{"Settle/Unsent", "a delivery can die without an attempt, when it expired or cannot be read", settleUnsent},
	{"Settle/Empty", "a call without anything succeeds", func(c *check) { c.settle(nil) }},
}

func settleDelivered(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	d := c.one(h)
	c.apply(delivered(h, d))
	c.wantIDs("after the delivery", c.due(h).Deliveries)
	r := c.wantState(d.ID, webhook.StateDelivered, webhook.ResultDelivered)
	if r.FinishedAt.Before(r.CreatedAt) || r.Reason != "" || r.Undelivered || !r.NextAt.IsZero() {
		c.Errorf("the record of a delivered delivery: %+v", r)
	}
	d.Attempts = 1
	c.drop(retry(0)(h, d), "it is delivered")
	c.drop(dead(h, d), "it is delivered")
	if r := c.record(d.ID); r.State != webhook.StateDelivered || r.Undelivered {
		c.Errorf("delivered became %s", r.State)
	}
	c.wantIDs("after late outcomes", c.due(h).Deliveries)
	c.wantPending(0)
}

func settleRetry(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	d := c.one(h)
	c.advance(1)
	c.apply(retry(c.units(4))(h, d))
	r := c.wantState(d.ID, webhook.StatePending, webhook.ResultFailed)
	if wait := r.NextAt.Sub(r.Attempts[0].At); wait < c.units(4)-time.Millisecond || wait > c.units(4)+time.Millisecond {
		c.Errorf("settled at %v with a delay of %v, due at %v", r.Attempts[0].At, c.units(4), r.NextAt)
	}
	c.advance(2)
	c.wantIDs("before the delay has passed", c.due(h).Deliveries)
	c.advance(2.5)
	again := c.one(h)
	if again.ID != d.ID || again.Attempts != 1 || again.Delay != c.units(4) {
		c.Errorf("after the delay: %+v", again)
	}
	c.wantPending(1)
}

func settleDead(c *check) {
	e := c.endpoint()
	c.emits(4)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	c.apply(dead(h, ds[0]))
	c.apply(unsent(webhook.ReasonExpired)(h, ds[1]))
	c.apply(unsent(webhook.ReasonUnreadable)(h, ds[2]))
	c.apply(unsent(webhook.ReasonFormat)(h, ds[3]))
	c.wantIDs("after all died", c.due(h).Deliveries)
	for i, reason := range []webhook.Reason{webhook.ReasonFailed, webhook.ReasonExpired, webhook.ReasonUnreadable, webhook.ReasonFormat} {
		r := c.record(ds[i].ID)
		if r.State != webhook.StateDead || r.Reason != reason || !r.Undelivered || r.FinishedAt.IsZero() || !r.NextAt.IsZero() {
			c.Errorf("want dead and undelivered because of %q, got %+v", reason, r)
		}
	}
	c.wantPending(0)
}

func settleAttempt(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	d := c.one(h)
	a := webhook.Attempt{
		At: time.Now().Add(time.Hour), Took: 1234 * time.Microsecond, Result: webhook.ResultFailed, Status: 599,
		Class: "odd_class", Error: "it said “no” 🪝", Response: bytes.Repeat([]byte("é\n"), 16<<10/3),
	}
	o := retry(c.long())(h, d)
	o.Attempt = &a
	c.apply(o)
	now := c.endpoint().CreatedAt // the store's clock
	got := c.record(d.ID).Attempts[0]
	if got.At.After(now) || now.Sub(got.At) > c.units(50) {
		c.Errorf("recorded at %v, the store's clock showed %v a moment later", got.At, now)
	}
	if got.N != 1 || got.Took != a.Took || got.Result != a.Result || got.Status != a.Status || got.Class != a.Class ||
		got.Error != a.Error || !bytes.Equal(got.Response, a.Response) {
		got.Response, a.Response = nil, nil
		c.Errorf("got %+v, want %+v, and the same response", got, a)
	}
}

func settleHistory(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	for range 3 {
		d := c.one(h)
		c.apply(retry(0)(h, d))
		c.advance(0.1)
	}
	d := c.one(h)
	c.apply(delivered(h, d))
	f := webhook.ResultFailed
	r := c.wantState(d.ID, webhook.StateDelivered, f, f, f, webhook.ResultDelivered)
	for i, a := range r.Attempts {
		if a.N != i+1 || i > 0 && a.At.Before(r.Attempts[i-1].At) {
			c.Errorf("attempt %d of the history has number %d and time %v", i+1, a.N, a.At)
		}
	}
	if len(r.Attempts[0].Response) == 0 || r.Attempts[0].Status != 503 || r.Attempts[3].Status != 204 {
		c.Errorf("the history lost what was answered: %+v", r.Attempts)
	}
}

func settleRepeat(c *check) {
	e := c.endpoint()
	c.emits(4)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	outcomes := []webhook.Outcome{
		delivered(h, ds[0]), retry(c.units(4))(h, ds[1]), dead(h, ds[2]), unsent(webhook.ReasonExpired)(h, ds[3]),
	}
	c.settle(outcomes)
	picture := func() string {
		r := c.look(e)
		s := fmt.Sprintf("%+v %d %+v\n", r.Health, r.Pending, r.Hours)
		for _, d := range c.log(webhook.DeliveryQuery{}) {
			s += fmt.Sprintf("%+v\n", d)
		}
		return s
	}
	before := picture()
	c.advance(2)
	if s := c.settle(outcomes); len(s.Changes) > 0 {
		c.Errorf("the repeat reports changes: %+v", s.Changes)
	}
	c.settle(outcomes[1:3])
	if after := picture(); after != before {
		c.Errorf("the repeat changed something:\nbefore %s\nafter %s", before, after)
	}
	c.advance(2.5)
	c.wantIDs("at the time of the first settle's retry", c.due(h).Deliveries, ds[1].ID)
}

func settleAfter(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	first := c.one(h)
	c.apply(retry(0)(h, first))
	c.advance(0.1)
	second := c.one(h)
	early, late := first, second
	late.Attempts = 2
	for _, d := range []webhook.Delivery{early, late} {
		o := dead(h, d)
		o.Attempt.Status = 418
		if d.Attempts == 0 {
			o.Attempt = nil
		}
		c.drop(o, fmt.Sprintf("one attempt is counted, After is %d", o.After))
		o = retry(c.long())(h, d)
		if d.Attempts == 0 {
			c.drop(o, fmt.Sprintf("one attempt is counted, After is %d", o.After))
		}
	}
	if again := c.one(h); again.Attempts != 1 {
		c.Errorf("refused outcomes count as attempts: %d", again.Attempts)
	}
	c.apply(retry(c.long())(h, second))
	if n := c.record(first.ID).Attempts; len(n) != 3 || n[1].Result != webhook.ResultSuperseded || n[1].N != 3 {
		c.Errorf("want the two counted attempts and the refused number 3 as superseded, got %+v", n)
	}
}

func settleInterrupted(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claimLease(e, c.units(2)).Hold
	ds := c.due(h).Deliveries
	before := c.look(e)
	for range 2 {
		if s := c.settle([]webhook.Outcome{interrupted(h, ds[0])}); len(s.Changes) > 0 {
			c.Errorf("an interrupted attempt reports changes: %+v", s.Changes)
		}
	}
	c.wantState(ds[0].ID, webhook.StatePending, webhook.ResultInterrupted)
	after := c.look(e)
	if fmt.Sprintf("%+v", before.Health) != fmt.Sprintf("%+v", after.Health) || len(after.Hours) != 0 || after.Pending != 2 {
		c.Errorf("an interrupted attempt changed the health or the counters:\n%+v\n%+v %+v", before.Health, after.Health, after.Hours)
	}
	c.advance(2.5)
	h = c.claim(e).Hold
	again := c.due(h).Deliveries
	c.wantIDs("with the next holder", again, ds[0].ID, ds[1].ID)
	if again[0].Attempts != 0 || again[0].Delay != 0 {
		c.Errorf("an interrupted attempt counts: %+v", again[0])
	}
	c.apply(interrupted(h, again[0]))
	i := webhook.ResultInterrupted
	r := c.wantState(ds[0].ID, webhook.StatePending, i, i)
	if r.Attempts[0].N != 1 || r.Attempts[1].N != 1 {
		c.Errorf("interrupted attempts must both have number 1: %+v", r.Attempts)
	}
}

func settleMixed(c *check) {
	x, y := c.endpoint(), c.endpoint()
	c.emit()
	old := map[string]webhook.Hold{}
	for _, claim := range c.claimFor(10, c.units(1)) {
		old[claim.Endpoint] = claim.Hold
	}
	dx, dy := c.one(old[x.ID]), c.one(old[y.ID])
	c.extend(1000, old[y.ID])
	c.advance(1.5)
	hx := c.claim(x).Hold
	s := c.settle([]webhook.Outcome{
		dead(old[x.ID], dx), retry(c.long())(old[y.ID], dy), retry(c.long())(hx, dx),
	}, webhook.Return{Hold: old[x.ID], Mark: webhook.MarkAny}, webhook.Return{Hold: old[y.ID], Mark: webhook.MarkAny, Pause: c.long()})
	if s.Applied[0] || !s.Applied[1] || !s.Applied[2] {
		c.Errorf("a stale death, a retry, and the present holder's retry: applied %v", s.Applied)
	}
	if len(s.Refused) != 1 || s.Refused[0] != old[x.ID] {
		c.Errorf("the stale return must be refused and the other one not: refused %v", s.Refused)
	}
	c.wantState(dx.ID, webhook.StatePending, webhook.ResultSuperseded, webhook.ResultFailed)
	c.wantState(dy.ID, webhook.StatePending, webhook.ResultFailed)
}

func settleThenReturn(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	b := c.due(h)
	s := c.settle([]webhook.Outcome{retry(c.units(3))(h, b.Deliveries[0])}, webhook.Return{Hold: h, Mark: b.Mark})
	if !s.Applied[0] || len(s.Refused) > 0 {
		c.Fatalf("an outcome and a return in one call: %+v", s)
	}
	c.noClaim("before the retry is due")
	c.advance(3.5)
	c.one(c.claim(e).Hold)
}

func settleUnknown(c *check) {
	e, y := c.endpoint(), c.endpoint(func(e *webhook.Endpoint) { e.Events = []webhook.EventType{typeC} })
	c.emit()
	h := c.claim(e).Hold
	d := c.one(h)
	c.emit(ofType(typeC))
	hy := c.claim(y).Hold
	s := c.settle([]webhook.Outcome{
		delivered(h, webhook.Delivery{ID: d.ID + 1000}),
		dead(webhook.Hold{Endpoint: newID(), Token: 1}, d),
		delivered(webhook.Hold{Endpoint: newID(), Token: 1}, d),
		delivered(hy, d), // of another endpoint
	}, webhook.Return{Hold: webhook.Hold{Endpoint: newID(), Token: 1}, Mark: webhook.MarkAny})
	for i, applied := range s.Applied {
		if applied {
			c.Errorf("outcome %d is of nothing that exists, and is applied", i)
		}
	}
	if len(s.Refused) != 1 || len(s.Changes) != 0 {
		c.Errorf("the return of an unknown lane is refused, and nothing changes: %+v", s)
	}
	c.wantState(d.ID, webhook.StatePending)
}

func settleCopies(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	o := retry(c.long())(h, c.one(h))
	c.apply(o)
	copy(o.Attempt.Response, "overwritten")
	o.Attempt.Status, o.Attempt.Error = 0, "overwritten"
	got, health := c.record(o.Delivery).Attempts[0], c.look(e).Health
	want := failure(503)
	if !bytes.Equal(got.Response, want.Response) || got.Status != 503 || got.Error != want.Error {
		c.Errorf("the caller's later changes are in the history: %+v %q", got, got.Response)
	}
	if !bytes.Equal(health.Response, want.Response) {
		c.Errorf("the caller's later changes are in the health: %q", health.Response)
	}
}

func settleUnsent(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	c.apply(unsent(webhook.ReasonExpired)(h, ds[0]))
	c.wantState(ds[0].ID, webhook.StateDead)
	c.drop(unsent(webhook.ReasonExpired)(webhook.Hold{Endpoint: e.ID, Token: h.Token - 1}, ds[1]), "the token is of the past")
	r := c.look(e)
	if r.Health.Undelivered != 1 || r.Health.LastReason != webhook.ReasonExpired.Sentence(0) || !r.Health.InError {
		c.Errorf("health after a delivery expired untried: %+v", r.Health)
	}
	if r.Health.Last != webhook.LastNever || len(r.Hours) != 0 {
		c.Errorf("nothing was sent, but health shows %q and the counters %+v", r.Health.Last, r.Hours)
	}
}
