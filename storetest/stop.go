package storetest

import "github.com/autoreach/webhook"

var stopCases = []testCase{
	{"Disable/StopsAtOnce", "when a disable has returned nothing is handed out any more, and the holder's token is void",
		disableStops},
	{"Disable/GetsNothingMeanwhile", "what is emitted while an endpoint is disabled is not delivered to it, ever", disableMeanwhile},
	{"Disable/LateRetryResurrectsNothing", "a former holder's retry or return does not make a disabled lane ready, nor count after " +
		"it is enabled again", disableLate},
	{"Disable/LateDeliveredApplied", "a 2xx to what was handed out before is applied in a disabled lane", disableDelivered},
	{"Enable/DeliversWhatWaited", "an enabled endpoint goes on with all that waited, in order", enableDelivers},
	{"Enable/NotBeforeFormerLease", "an enabled lane waits for the end of its former holder's lease, who may still be sending",
		enableLease},
	{"Enable/RetryTimesKept", "disabling and enabling does not move retries", enableRetry},
	{"Edit/KeepsHolder", "an edit of an enabled endpoint takes the lane from nobody", editHeld},
}

func disableStops(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	b := c.due(h)
	c.enable(e, false)
	if _, ok := c.ask(webhook.Want{Hold: h, Max: 1}); ok {
		c.Errorf("Due answers the holder of a disabled lane")
	}
	if lost := c.extend(5, h); len(lost) != 1 {
		c.Errorf("Extend does not report a disabled lane as lost")
	}
	c.refuse(webhook.Return{Hold: h, Mark: b.Mark}, "the endpoint is disabled")
	c.noClaim("a disabled lane")
	if r := c.look(e); r.Pending != 2 {
		c.Errorf("what waited must wait on: %d pending, want 2", r.Pending)
	}
}

func disableMeanwhile(c *check) {
	e := c.endpoint()
	e = c.enable(e, false)
	if a := c.append(event())[0]; a.Deliveries != 0 {
		c.Errorf("an event for nobody: %+v", a)
	}
	c.noClaim("a disabled lane after an append")
	c.enable(e, true)
	ev := c.emit()
	c.wantEvent(c.one(c.claim(e).Hold), ev)
	if n := len(c.log(webhook.DeliveryQuery{})); n != 1 {
		c.Errorf("%d deliveries are logged, want 1", n)
	}
}

func disableLate(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claimLease(e, c.units(1)).Hold
	b := c.due(h)
	e = c.enable(e, false)
	c.drop(retry(0)(h, b.Deliveries[0]), "the endpoint was disabled")
	c.drop(dead(h, b.Deliveries[1]), "the endpoint was disabled")
	c.refuse(webhook.Return{Hold: h, Mark: webhook.MarkAny}, "the endpoint was disabled")
	c.advance(1.5)
	c.noClaim("a disabled lane, after late outcomes and the lease")
	c.enable(e, true)
	c.drop(retry(c.long())(h, webhook.Delivery{ID: b.Deliveries[1].ID, Attempts: 0}), "the token is void since the disable")
	c.wantIDs("after the enable", c.due(c.claim(e).Hold).Deliveries, ids(b.Deliveries)...)
}

func disableDelivered(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claimLease(e, c.units(1)).Hold
	b := c.due(h)
	e = c.enable(e, false)
	c.apply(delivered(h, b.Deliveries[0]))
	c.wantState(b.Deliveries[0].ID, webhook.StateDelivered, webhook.ResultDelivered)
	c.noClaim("a disabled lane, after a late 2xx")
	c.advance(1.5)
	c.enable(e, true)
	c.wantIDs("after the enable", c.due(c.claim(e).Hold).Deliveries, b.Deliveries[1].ID)
}

func enableDelivers(c *check) {
	for _, order := range []bool{false, true} {
		e := c.endpoint(func(e *webhook.Endpoint) {
			e.FIFO, e.Account = order, map[bool]string{true: account, false: foreign}[order]
		})
		var want []eventRecord
		for range 4 {
			want = append(want, c.emitTo(e))
		}
		e = c.enable(e, false)
		c.advance(1)
		c.noClaim("a disabled lane")
		c.enable(e, true)
		h := c.claim(e).Hold
		for _, ev := range want {
			ds := c.due(h, atMost(1)).Deliveries
			if len(ds) != 1 {
				c.Fatalf("after the enable %d deliveries are missing", len(want))
			}
			c.wantEvent(ds[0], ev)
			c.apply(delivered(h, ds[0]))
		}
	}
}

func enableLease(c *check) {
	e := c.endpoint()
	c.emit()
	c.claimLease(e, c.units(1))
	c.advance(0.5)
	e = c.enable(c.enable(e, false), true)
	c.advance(1)
	old := c.claimLease(e, c.units(4)).Hold
	e = c.enable(c.enable(e, false), true)
	c.emit()
	c.noClaim("right after the enable: the former holder may still be sending")
	c.advance(2)
	c.noClaim("within the former holder's lease")
	c.advance(2.5)
	if now := c.claim(e); now.Token <= old.Token {
		c.Errorf("token %d after %d", now.Token, old.Token)
	}
}

func enableRetry(c *check) {
	e := c.endpoint()
	c.emit()
	c.work(e, retry(c.units(4)))
	e = c.enable(c.enable(e, false), true)
	for _, x := range c.claimFor(10, c.long()) { // it may be ready, there is nothing due in it
		b := c.due(x.Hold)
		c.wantIDs("after the enable, before the retry is due", b.Deliveries)
		c.giveBack(webhook.Return{Hold: x.Hold, Mark: b.Mark})
	}
	c.noClaim("before the retry is due")
	c.advance(4.5)
	if d := c.one(c.claim(e).Hold); d.Attempts != 1 {
		c.Errorf("the retry has %d attempts, want 1", d.Attempts)
	}
}

func editHeld(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	e.Name = "renamed"
	c.put(e)
	c.noClaim("within the lease, after an edit")
	c.apply(retry(c.long())(h, ds[0]))
	c.wantIDs("after an edit", c.due(h).Deliveries, ds[1].ID)
	if lost := c.extend(5, h); len(lost) > 0 {
		c.Errorf("an edit took the lane from its holder")
	}
}
