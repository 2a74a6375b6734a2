package storetest

import (
	"errors"

	"github.com/autoreach/webhook"
)

var recoverCases = []testCase{
	{"Recover/UndeliveredOnce", "each undelivered delivery is recovered once, and leaves the count", recoverOnce},
	{"Recover/FullRetries", "a recovered delivery has all its retries and counts in the health like any other", recoverRetries},
	{"Recover/OldestFirstBounded", "at most Limit are recovered, oldest first: the host shows progress and can stop", recoverLimit},
	{"Recover/FIFOOrder", "recovered deliveries of a FIFO endpoint go out in order, behind what waits", recoverFIFO},
	{"Recover/Missed", "what an endpoint missed while the engine had disabled it can be recovered", recoverMissed},
	{"Recover/Disabled", "recovering for a disabled endpoint is ErrDisabled, and skips it in a wider query", recoverDisabled},
	{"Recover/BodyPurgedSkipped", "what has no body any more cannot be recovered, and stays undelivered", recoverPurged},
}

var dismissCases = []testCase{
	{"Dismiss/Pending", "a dismissed pending delivery is dead as discarded, is never sent, and is not undelivered", dismissPending},
	{"Dismiss/Undelivered", "a dismissed dead delivery leaves the undelivered count and keeps its reason", dismissDead},
	{"Dismiss/OldestFirstBounded", "at most Limit are changed, oldest first, and a repeat goes on; then it finds nothing",
		dismissLimit},
	{"Dismiss/LateDelivered", "a 2xx for what was dismissed while it was sent makes it delivered", dismissLate},
}

// operate runs an operation by IDs, which must change all of them.
func (c *check) operate(what string, f func(webhook.DeliveryQuery) (int, error), id []int64) {
	c.Helper()
	if n, err := f(webhook.DeliveryQuery{Account: account, IDs: id}); n != len(id) || err != nil {
		c.Fatalf("%s of %v: got %d, %v", what, id, n, err)
	}
}

func (c *check) recover(id ...int64) { c.Helper(); c.operate("Recover", c.recoverBy, id) }
func (c *check) dismiss(id ...int64) { c.Helper(); c.operate("Dismiss", c.dismissBy, id) }

func (c *check) recoverBy(q webhook.DeliveryQuery) (int, error) { return c.s.Recover(c.ctx, q) }
func (c *check) dismissBy(q webhook.DeliveryQuery) (int, error) { return c.s.Dismiss(c.ctx, q) }

// want says what an operation must return.
func (c *check) want(what string, wantN int, want error) func(int, error) {
	return func(n int, err error) {
		c.Helper()
		if n != wantN || !errors.Is(err, want) || want == nil && err != nil {
			c.Errorf("%s: got %d, %v; want %d, %v", what, n, err, wantN, want)
		}
	}
}

func (c *check) wantUndelivered(e webhook.Endpoint, n int) {
	c.Helper()
	if got := c.look(e).Health.Undelivered; got != n {
		c.Errorf("%d undelivered, want %d", got, n)
	}
}

func recoverOnce(c *check) {
	e := c.endpoint()
	c.kill(e, 3)
	c.emit()
	c.work(e, delivered)
	q := webhook.DeliveryQuery{Account: account, Endpoint: e.ID}
	var counts [10]int
	together(len(counts), func(i int) { counts[i], _ = c.recoverBy(q) })
	sum := 0
	for _, n := range counts {
		sum += n
	}
	if sum != 3 {
		c.Errorf("10 recoveries of 3 undelivered ones at once recovered %d", sum)
	}
	c.wantUndelivered(e, 0)
	c.work(e, delivered)
	c.want("after all was delivered", 0, nil)(c.recoverBy(q))
	c.wantPending(0)
}

func recoverRetries(c *check) {
	e := c.endpoint()
	ev := c.emit()
	c.work(e, retry(0))
	c.advance(0.1)
	old := c.work(e, dead)[0]
	c.recover(old.ID)
	h := c.claim(e).Hold
	d := c.one(h)
	c.wantEvent(d, ev)
	if d.Resend || d.Attempts != 0 || d.Delay != 0 || d.ID <= old.ID {
		c.Errorf("a recovered delivery: %+v", d)
	}
	c.apply(retry(0)(h, d))
	c.advance(0.1)
	c.apply(dead(h, c.one(h)))
	c.wantUndelivered(e, 1)
	r := c.wantState(d.ID, webhook.StateDead, webhook.ResultFailed, webhook.ResultFailed)
	if r.Of != old.ID || c.record(old.ID).ResentAs != d.ID || !r.Undelivered {
		c.Errorf("a recovered delivery that died again: %+v", r)
	}
	if x := c.look(e).Health; x.Last != webhook.LastFailed || x.EventID != ev.ID {
		c.Errorf("health: %+v", x)
	}
	c.recover(d.ID)
}

func recoverLimit(c *check) {
	e := c.endpoint()
	old := ids(c.kill(e, 5))
	q := webhook.DeliveryQuery{Account: account, Limit: 2}
	for i, n := range []int{2, 2, 1, 0} {
		c.want("in steps of 2", n, nil)(c.recoverBy(q))
		for j, id := range old {
			if r := c.record(id); (r.ResentAs != 0) != (j < 2*i+2) {
				c.Errorf("after step %d delivery number %d is recovered: %t", i+1, j+1, r.ResentAs != 0)
			}
		}
	}
}

func recoverFIFO(c *check) {
	e := c.endpoint(fifo)
	evs := c.emits(3)
	h := c.claim(e).Hold
	for range evs {
		c.apply(dead(h, c.one(h)))
	}
	evs = append(c.emits(1), evs...)
	c.want("Recover", 3, nil)(c.recoverBy(webhook.DeliveryQuery{Account: account}))
	for _, ev := range evs {
		d := c.one(h)
		c.wantEvent(d, ev)
		c.apply(delivered(h, d))
	}
}

func recoverMissed(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claimLease(e, c.units(1)).Hold
	c.apply(disabling(e.Version)(h, c.one(h)))
	missed := c.emits(2)
	c.advance(1.5)
	e.Version = c.look(e).Version
	e.Enabled = true
	c.put(e)
	c.want("one failed and two missed", 3, nil)(c.recoverBy(webhook.DeliveryQuery{Account: account, Endpoint: e.ID}))
	ds := c.due(c.claim(e).Hold).Deliveries
	if len(ds) != 3 {
		c.Fatalf("recovered are %v, want 3", ids(ds))
	}
	c.wantEvent(ds[1], missed[0])
	c.wantEvent(ds[2], missed[1])
}

func dismissPending(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	c.dismiss(ds[0].ID)
	c.wantIDs("after one was dismissed", c.due(h).Deliveries, ds[1].ID)
	r := c.wantState(ds[0].ID, webhook.StateDead)
	if r.Reason != webhook.ReasonDiscarded || r.Undelivered || r.FinishedAt.IsZero() {
		c.Errorf("a discarded delivery: %+v", r)
	}
	c.drop(retry(0)(h, ds[0]), "it was dismissed")
	c.wantPending(1)
	if x := c.look(e).Health; x.Undelivered != 0 || x.InError {
		c.Errorf("discarding is not the endpoint's failure: %+v", x)
	}
	c.enable(e, false)
	c.dismiss(ds[1].ID) // in a disabled lane
	c.wantPending(0)
}

func dismissDead(c *check) {
	e := c.endpoint()
	old := c.kill(e, 2)
	c.dismiss(old[0].ID)
	r := c.wantState(old[0].ID, webhook.StateDead, webhook.ResultFailed)
	if r.Reason != webhook.ReasonFailed || r.Undelivered {
		c.Errorf("a dismissed dead delivery: %+v", r)
	}
	c.wantUndelivered(e, 1)
	c.want("the rest", 1, nil)(c.recoverBy(webhook.DeliveryQuery{Account: account}))
}

func dismissLimit(c *check) {
	e := c.endpoint()
	old := ids(c.kill(e, 2))
	c.emits(3)
	q := webhook.DeliveryQuery{Account: account, Limit: 3}
	c.want("two dead, three pending, in steps of 3", 3, nil)(c.dismissBy(q))
	c.wantUndelivered(e, 0)
	c.wantPending(2)
	c.wantLog(webhook.DeliveryQuery{IDs: old, Undelivered: true})
	c.want("the second step", 2, nil)(c.dismissBy(q))
	c.want("the third step", 0, nil)(c.dismissBy(q))
	c.wantPending(0)
}

func dismissLate(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	d := c.one(h)
	c.dismiss(d.ID)
	c.apply(delivered(h, d))
	if r := c.wantState(d.ID, webhook.StateDelivered, webhook.ResultDelivered); r.Reason != "" {
		c.Errorf("delivered, with reason %q", r.Reason)
	}
}

func recoverDisabled(c *check) {
	x, y := c.endpoint(), c.endpoint(func(e *webhook.Endpoint) { e.Events = []webhook.EventType{typeC} })
	c.kill(x, 1)
	c.kill(y, 1, ofType(typeC))
	x = c.enable(x, false)
	c.want("for a disabled endpoint", 0, webhook.ErrDisabled)(c.recoverBy(webhook.DeliveryQuery{Account: account, Endpoint: x.ID}))
	c.want("for all endpoints, one of them disabled", 1, nil)(c.recoverBy(webhook.DeliveryQuery{Account: account}))
	c.wantPending(1)
	c.enable(x, true)
	c.want("for an enabled endpoint", 1, nil)(c.recoverBy(webhook.DeliveryQuery{Account: account, Endpoint: x.ID}))
}

func recoverPurged(c *check) {
	e := c.endpoint()
	c.kill(e, 1)
	c.advance(2)
	c.purge(webhook.Ages{Bodies: c.units(1)})
	c.want("without a body", 0, nil)(c.recoverBy(webhook.DeliveryQuery{Account: account}))
	c.wantPending(0)
	c.wantUndelivered(e, 1)
}
