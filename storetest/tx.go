package storetest

import "github.com/autoreach/webhook"

var txCases = []testCase{
	{"Tx/RolledBack", "what was done in a transaction that is rolled back has not happened: nothing is delivered of what the " +
		"caller took back", txRolledBack},
	{"Tx/Committed", "what was done in a transaction is there when it commits, and its lanes are ready", txCommitted},
	{"Tx/OwnWrites", "an event of a transaction goes to the endpoints that it created before", txOwn},
	{"Tx/ReturnNoticesCommit", "a return is refused when a transaction that appended to the lane has committed since the Due, " +
		"however long it was open, or the lane is ready at once", txReturn},
}

func (c *check) inTx(run func(tx webhook.Tx) bool) {
	c.Helper()
	if c.h.InTx == nil {
		c.Skip("the store has no transactions")
	}
	c.h.InTx(c, c.s, run)
}

func txRolledBack(c *check) {
	e, kept := c.endpoint(), c.endpoint(ofForeign)
	ev, created := event(), draft()
	c.inTx(func(tx webhook.Tx) bool {
		_, err := tx.Append(c.ctx, []eventRecord{ev})
		c.must(err, "Append")
		_, err = tx.PutEndpoint(c.ctx, created, 10)
		c.must(err, "PutEndpoint")
		c.must(tx.DeleteEndpoint(c.ctx, foreign, kept.ID), "DeleteEndpoint")
		return false
	})
	c.noClaim("after a rollback")
	c.wantLog(webhook.DeliveryQuery{})
	if c.find(created) != nil || c.find(kept) == nil {
		c.Errorf("a create or delete that was rolled back has happened")
	}
	if a := c.append(ev)[0]; a.Duplicate {
		c.Errorf("an event that was rolled back is a duplicate")
	}
	c.wantEvent(c.one(c.claim(e).Hold), ev)
}

func txCommitted(c *check) {
	e, gone := c.endpoint(), c.endpoint(ofForeign)
	ev := event()
	c.inTx(func(tx webhook.Tx) bool {
		_, err := tx.Append(c.ctx, []eventRecord{ev})
		c.must(err, "Append")
		c.must(tx.DeleteEndpoint(c.ctx, foreign, gone.ID), "DeleteEndpoint")
		return true
	})
	if c.find(gone) != nil {
		c.Errorf("a delete that was committed has not happened")
	}
	c.wantEvent(c.one(c.claim(e).Hold), ev)
	c.wantDuplicate(c.append(ev)[0], ev.ID, 1)
}

func txOwn(c *check) {
	e, ev := draft(), event()
	var a []webhook.Appended
	c.inTx(func(tx webhook.Tx) bool {
		_, err := tx.PutEndpoint(c.ctx, e, 10)
		c.must(err, "PutEndpoint")
		a, err = tx.Append(c.ctx, []eventRecord{ev})
		c.must(err, "Append")
		return true
	})
	if len(a) != 1 || a[0].Deliveries != 1 {
		c.Errorf("an event for the endpoint that was just created: %+v", a)
	}
	c.wantEvent(c.one(c.claim(e).Hold), ev)
}

func txReturn(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	c.apply(delivered(h, c.one(h)))
	b := c.due(h)
	ev := event()
	c.inTx(func(tx webhook.Tx) bool {
		_, err := tx.Append(c.ctx, []eventRecord{ev})
		c.must(err, "Append")
		return true
	})
	if s := c.settle(nil, webhook.Return{Hold: h, Mark: b.Mark}); len(s.Refused) == 0 {
		h = c.claim(e).Hold
	}
	c.wantEvent(c.one(h), ev)
}
