package storetest

import (
	"github.com/autoreach/webhook"
)

var raceCases = []testCase{
	{"Settle/StaleRetryDropped", "a retry or death of a holder that lost its lane is not applied, and recorded as superseded: " +
		"the present holder decides", staleRetry},
	{"Settle/StaleDeliveredApplied", "a 2xx of a holder that lost its lane is applied: it has happened, and once is enough",
		staleDelivered},
	{"Settle/DeadBecomesDelivered", "a 2xx that arrives after the delivery died makes it delivered and takes it out of the " +
		"undelivered count", deadDelivered},
	{"Settle/DeliveredIsForEver", "what a second holder reports after the first one's 2xx changes nothing and is recorded as " +
		"superseded", deliveredWins},
	{"Settle/SeveralOutcomesOfOneDelivery", "of several outcomes for one delivery a delivered one wins, else the first that is " +
		"accepted", severalOutcomes},
	{"Settle/StaleAfterReturn", "what was handed out before a return cannot be retried or killed by an older token once another " +
		"holder has the lane", staleAfterReturn},
	{"Settle/TokenAlone", "an outcome is judged by its token alone: not by the lease's end, nor by a return, as long as nobody else " +
		"has claimed the lane", tokenAlone},
	{"Settle/JudgedBeforeTheCall", "outcomes that come together are judged by the lanes as they were: one that disables the " +
		"endpoint does not void the others", judgedBefore},
	{"Settle/StaleAfterSettledRetry", "a former holder's late failure does not move the retry that the present one set", staleMoves},
}

// twoHolders returns a delivery in the hands of a former holder and the
// present one.
func (c *check) twoHolders(e webhook.Endpoint) (old, now webhook.Hold, d webhook.Delivery) {
	c.Helper()
	c.emit()
	old = c.claimLease(e, c.units(1)).Hold
	d = c.one(old)
	c.advance(1.5)
	now = c.claim(e).Hold
	c.wantIDs("for the second holder", c.due(now).Deliveries, d.ID)
	return old, now, d
}

func staleRetry(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	c.drop(retry(c.long())(old, d), "the lane was taken over")
	c.wantIDs("after a stale retry", c.due(now).Deliveries, d.ID)
	c.drop(dead(old, d), "the lane was taken over")
	r := c.wantState(d.ID, webhook.StatePending, webhook.ResultSuperseded)
	if r.Attempts[0].N != 1 || r.Attempts[0].Status != 503 {
		c.Errorf("the superseded attempt: %+v", r.Attempts[0])
	}
	if h := c.look(e); h.Health.Last != webhook.LastNever || !h.Health.FailingSince.IsZero() || len(h.Hours) != 0 || h.Pending != 1 {
		c.Errorf("what was not applied changed the health: %+v %+v", h.Health, h.Hours)
	}
	if again := c.one(now); again.Attempts != 0 {
		c.Errorf("what was not applied counts as an attempt")
	}
	c.apply(delivered(now, d))
	c.wantState(d.ID, webhook.StateDelivered, webhook.ResultSuperseded, webhook.ResultDelivered)
}

func staleDelivered(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	o := delivered(old, d)
	c.apply(o)
	c.settle([]webhook.Outcome{o})
	c.wantState(d.ID, webhook.StateDelivered, webhook.ResultDelivered)
	c.wantIDs("after a stale 2xx", c.due(now).Deliveries)
	if h := c.look(e); h.Health.Last != webhook.LastDelivered || len(h.Hours) != 1 || h.Hours[0].Delivered != 1 {
		c.Errorf("a 2xx is a success whoever reports it, once: %+v %+v", h.Health, h.Hours)
	}
}

func deadDelivered(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	c.apply(dead(now, d))
	if h := c.look(e).Health; h.Undelivered != 1 || !h.InError {
		c.Fatalf("after a death: %+v", h)
	}
	s := c.apply(delivered(old, d))
	r := c.wantState(d.ID, webhook.StateDelivered, webhook.ResultFailed, webhook.ResultDelivered)
	if r.Undelivered || r.Reason != "" {
		c.Errorf("a delivered delivery with reason %q, undelivered %t", r.Reason, r.Undelivered)
	}
	if h := c.look(e).Health; h.Undelivered != 0 || h.InError || !h.FailingSince.IsZero() || h.Last != webhook.LastDelivered {
		c.Errorf("after the 2xx: %+v", h)
	}
	c.wantChanges(s, e, webhook.ChangeRecovered)
	if n, err := c.s.Recover(c.ctx, webhook.DeliveryQuery{Account: account}); n != 0 || err != nil {
		c.Errorf("nothing is left to recover: got %d, %v", n, err)
	}
}

func deliveredWins(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	c.apply(delivered(old, d))
	for _, o := range []webhook.Outcome{retry(0)(now, d), dead(now, d)} {
		c.drop(o, "it is delivered")
	}
	r := c.wantState(d.ID, webhook.StateDelivered, webhook.ResultDelivered, webhook.ResultSuperseded)
	if r.Undelivered {
		c.Errorf("a delivered delivery counts as undelivered")
	}
	if h := c.look(e).Health; h.Undelivered != 0 || h.InError || h.Last != webhook.LastDelivered {
		c.Errorf("health: %+v", h)
	}
}

func severalOutcomes(c *check) {
	for _, order := range []string{"2xx first", "2xx last"} {
		e := c.endpoint(func(e *webhook.Endpoint) { e.Account = account + order })
		c.emitTo(e)
		old := c.claimLease(e, c.units(1)).Hold
		d := c.one(old)
		c.advance(1.5)
		now := c.claim(e).Hold
		outcomes := []webhook.Outcome{delivered(old, d), retry(c.long())(now, d)}
		if order == "2xx last" {
			outcomes[0], outcomes[1] = outcomes[1], outcomes[0]
		}
		s := c.settle(outcomes)
		if i := map[string]int{"2xx first": 0, "2xx last": 1}[order]; !s.Applied[i] {
			c.Errorf("%s: the 2xx is not applied", order)
		}
		rs := c.log(webhook.DeliveryQuery{Account: e.Account})
		if len(rs) != 1 || rs[0].State != webhook.StateDelivered || len(rs[0].Attempts) != 2 {
			c.Errorf("%s: want it delivered with two attempts, got %+v", order, rs)
		}
	}
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	d := c.one(h)
	s := c.settle([]webhook.Outcome{retry(c.long())(h, d), dead(h, d), retry(0)(h, d)})
	if !s.Applied[0] || s.Applied[1] || s.Applied[2] {
		c.Errorf("three failures of one attempt: want the first one applied, got %v", s.Applied)
	}
	c.wantState(d.ID, webhook.StatePending, webhook.ResultFailed)
}

// emitTo appends an event to the endpoint's account.
func (c *check) emitTo(e webhook.Endpoint) eventRecord {
	c.Helper()
	return c.emit(func(ev *eventRecord) { ev.Account = e.Account })
}

func staleAfterReturn(c *check) {
	e := c.endpoint()
	c.emit()
	old := c.claim(e).Hold
	d := c.one(old)
	c.giveBack(webhook.Return{Hold: old, Mark: webhook.MarkAny})
	now := c.claim(e).Hold
	c.drop(retry(c.long())(old, d), "another one holds the lane")
	c.drop(unsent(webhook.ReasonExpired)(old, d), "another one holds the lane")
	c.wantIDs("for the present holder", c.due(now).Deliveries, d.ID)
}

func staleMoves(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	c.apply(retry(c.units(3))(now, d))
	c.drop(retry(c.long())(old, d), "another one holds the lane")
	c.advance(3.5)
	if again := c.one(now); again.Attempts != 1 || again.Delay != c.units(3) {
		c.Errorf("the present holder's retry: %+v", again)
	}
}

func tokenAlone(c *check) {
	e := c.endpoint()
	c.emits(3)
	h := c.claimLease(e, c.units(1)).Hold
	ds := c.due(h).Deliveries
	c.advance(1.5)
	c.apply(retry(c.long())(h, ds[0]))
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny})
	c.apply(dead(h, ds[1]))
	now := c.claim(e).Hold
	c.drop(dead(h, ds[2]), "another one holds the lane")
	c.wantIDs("for the next holder", c.due(now).Deliveries, ds[2].ID)
}

func judgedBefore(c *check) {
	e := c.endpoint()
	c.emits(3)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	s := c.settle([]webhook.Outcome{disabling(e.Version)(h, ds[0]), retry(c.long())(h, ds[1]), dead(h, ds[2])})
	if !s.Applied[0] || !s.Applied[1] || !s.Applied[2] {
		c.Errorf("three outcomes of the holder, the first one disabling: applied %v", s.Applied)
	}
	if c.look(e).Enabled {
		c.Errorf("the endpoint must be disabled after them")
	}
	c.wantState(ds[1].ID, webhook.StatePending, webhook.ResultFailed)
}

// wantChanges compares the kinds of an endpoint's changes.
func (c *check) wantChanges(s webhook.Settled, e webhook.Endpoint, kinds ...webhook.ChangeKind) {
	c.Helper()
	var got []webhook.ChangeKind
	for _, x := range s.Changes {
		if x.Account != e.Account || x.Endpoint != e.ID || x.Name != e.Name {
			c.Errorf("a change of another endpoint: %+v", x)
		}
		if x.Kind != webhook.ChangeRecovered && x.Reason == "" {
			c.Errorf("a change without a reason: %+v", x)
		}
		got = append(got, x.Kind)
	}
	if len(got) != len(kinds) {
		c.Errorf("changes are %v, want %v", got, kinds)
		return
	}
	for i := range got {
		if got[i] != kinds[i] {
			c.Errorf("changes are %v, want %v", got, kinds)
		}
	}
}
