package storetest

import "github.com/autoreach/webhook"

var fifoCases = []testCase{
	{"FIFO/HeadOnly", "of a FIFO lane only the oldest delivery is handed out", fifoHead},
	{"FIFO/FailingHeadBlocks", "a FIFO lane waits for its failing head, which is retried to its end; the lane is not ready " +
		"before, and goes on when the head is delivered or dead", fifoBlocks},
	{"FIFO/SkippedHeadBlocks", "while the head is in the caller's hands nothing else is handed out: the order is the promise",
		fifoSkip},
	{"FIFO/ExcludedHeadBlocks", "a head of a paused type blocks those behind it", fifoExclude},
	{"FIFO/ResendsBeside", "resends are outside the order: they come beside the head and while it blocks", fifoResend},
	{"FIFO/Switched", "an endpoint that becomes FIFO, or stops being it, is served so from then on", fifoSwitch},
	{"FIFO/HeadEndsElsewhere", "when the head ends without the holder (dismissed, expired, erased, or delivered by a former " +
		"holder), the lane is ready for the next one: the head's retry is hours away", fifoEnds},
	{"FIFO/HeadEndsWhileHeld", "when the head ends while the lane is held, its holder's return is refused, or the lane is ready at " +
		"once", fifoEndsHeld},
	{"FIFO/SwitchedOffWakes", "an endpoint that stops being FIFO is served at once, though its head waits for a retry", fifoOff},
	{"FIFO/LateAppendIsBehind", "what is appended while the head is retried stays behind it", fifoAppend},
}

func fifoHead(c *check) {
	e := c.endpoint(fifo)
	events := c.emits(4)
	h := c.claim(e).Hold
	for _, ev := range events {
		d := c.one(h)
		c.wantEvent(d, ev)
		c.apply(delivered(h, d))
	}
	c.wantIDs("after the last one", c.due(h).Deliveries)
}

func fifoBlocks(c *check) {
	e := c.endpoint(fifo)
	c.emits(3)
	h := c.claim(e).Hold
	first := c.one(h)
	c.apply(retry(c.units(4))(h, first))
	b := c.due(h)
	c.wantIDs("while the head waits for its retry", b.Deliveries)
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark})
	c.noClaim("while the head waits for its retry")
	c.advance(2)
	c.noClaim("while the head waits for its retry")
	c.advance(2.5)
	h = c.claim(e).Hold
	again := c.one(h)
	c.wantIDs("when it is due", []webhook.Delivery{again}, first.ID)
	c.apply(dead(h, again))
	if next := c.one(h); next.ID <= first.ID {
		c.Errorf("after the death of %d comes %d", first.ID, next.ID)
	}
}

func fifoSkip(c *check) {
	e := c.endpoint(fifo)
	c.emits(3)
	h := c.claim(e).Hold
	head := c.one(h)
	c.wantIDs("with the head in hand", c.due(h, skip(head.ID)).Deliveries)
}

func fifoExclude(c *check) {
	e := c.endpoint(fifo)
	c.append(event(ofType(typeB)), event(), event())
	h := c.claim(e).Hold
	c.wantIDs("with the head's type paused", c.due(h, exclude(typeB)).Deliveries)
	if ds := c.due(h, exclude(typeA)).Deliveries; len(ds) != 1 {
		c.Errorf("with another type paused: got %v", ids(ds))
	}
}

func fifoResend(c *check) {
	e := c.endpoint(fifo)
	c.emits(2)
	h := c.claim(e).Hold
	first := c.one(h)
	c.apply(dead(h, first))
	second := c.one(h)
	c.resend(first.ID)
	b := c.due(h)
	if len(b.Deliveries) != 2 || !b.Deliveries[0].Resend || b.Deliveries[1].ID != second.ID {
		c.Fatalf("want the resend and then the head %d, got %v", second.ID, ids(b.Deliveries))
	}
	c.wantIDs("with the head in hand", c.due(h, skip(second.ID)).Deliveries, b.Deliveries[0].ID)
	c.apply(retry(c.long())(h, second))
	b = c.due(h)
	if len(b.Deliveries) != 1 || !b.Deliveries[0].Resend {
		c.Fatalf("want the resend while the head is retried, got %v", ids(b.Deliveries))
	}
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark})
	if d := c.one(c.claim(e).Hold); !d.Resend {
		c.Errorf("want the resend by the next holder, got %d", d.ID)
	}
}

func fifoSwitch(c *check) {
	e := c.endpoint()
	c.emits(3)
	h := c.claim(e).Hold
	all := c.due(h).Deliveries
	c.settle([]webhook.Outcome{retry(c.units(1))(h, all[0])})
	e.FIFO = true
	e = c.put(e)
	c.wantIDs("FIFO, and the head waits for its retry", c.due(h).Deliveries)
	c.advance(2)
	c.wantIDs("FIFO, and the head is due", c.due(h).Deliveries, all[0].ID)
	e.FIFO = false
	c.put(e)
	c.wantIDs("no longer FIFO", c.due(h).Deliveries, all[1].ID, all[2].ID, all[0].ID)
}

func fifoAppend(c *check) {
	e := c.endpoint(fifo)
	head := c.emit()
	c.work(e, retry(c.units(3)))
	c.emit()
	for range 2 { // the append woke the lane; there is nothing to do in it yet
		claims := c.claimFor(10, c.long())
		if len(claims) == 0 {
			break
		}
		b := c.due(claims[0].Hold)
		c.wantIDs("behind a head that waits for its retry", b.Deliveries)
		c.giveBack(webhook.Return{Hold: claims[0].Hold, Mark: b.Mark})
	}
	c.noClaim("when the woken holder found nothing due")
	c.advance(4)
	c.wantEvent(c.one(c.claim(e).Hold), head)
}

// blocked returns a lane whose head waits for a retry for long, with another
// one behind it, and the head's former holder.
func (c *check) blocked(account string) (e webhook.Endpoint, h webhook.Hold, head webhook.Delivery) {
	c.Helper()
	e = c.endpoint(fifo, func(e *webhook.Endpoint) { e.Account = account })
	c.emit(ofSubject("lead:1"), func(ev *eventRecord) { ev.Account = account })
	h = c.claim(e).Hold
	head = c.one(h)
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny})
	c.work(e, retry(c.long()))
	return e, h, head
}

// ends are the ways a head ends without the holder.
func (c *check) ends(account string, old webhook.Hold, head webhook.Delivery) map[string]func() {
	return map[string]func(){
		"dismissed": func() {
			c.want("Dismiss", 1, nil)(c.dismissBy(webhook.DeliveryQuery{Account: account, IDs: []int64{head.ID}}))
		},
		"delivered": func() { c.apply(delivered(old, head)) },
		"erased":    func() { c.erase(webhook.Erasure{Account: account, Subject: "lead:1"}, 10) },
		"expired":   func() { c.purge(webhook.Ages{Pending: c.units(2)}) },
	}
}

func fifoEnds(c *check) {
	for _, how := range []string{"dismissed", "delivered", "erased", "expired"} {
		e, old, head := c.blocked(account + how)
		c.advance(3)
		next := c.emitTo(e)
		for _, x := range c.claimFor(10, c.long()) {
			b := c.due(x.Hold)
			c.wantIDs("behind the head", b.Deliveries)
			c.giveBack(webhook.Return{Hold: x.Hold, Mark: b.Mark})
		}
		c.noClaim("while the head waits")
		c.ends(e.Account, old, head)[how]()
		claims := c.claimFor(10, c.long())
		if len(claims) != 1 {
			c.Errorf("the head was %s: %d lanes are ready for the next one, want 1", how, len(claims))
			continue
		}
		c.wantEvent(c.one(claims[0].Hold), next)
	}
}

func fifoEndsHeld(c *check) {
	for _, how := range []string{"dismissed", "delivered", "erased", "expired"} {
		e, old, head := c.blocked(account + how)
		c.advance(3)
		next := c.emitTo(e)
		h := c.claim(e).Hold
		b := c.due(h)
		c.wantIDs("behind the head", b.Deliveries)
		c.ends(e.Account, old, head)[how]()
		if s := c.settle(nil, webhook.Return{Hold: h, Mark: b.Mark}); len(s.Refused) == 0 {
			h = c.claim(e).Hold
		}
		c.wantEvent(c.one(h), next)
	}
}

func fifoOff(c *check) {
	e, _, _ := c.blocked(account)
	next := c.emitTo(e)
	h := c.claim(e).Hold
	c.giveBack(webhook.Return{Hold: h, Mark: c.due(h).Mark})
	c.noClaim("while the head waits")
	e.FIFO = false
	c.put(e)
	h = c.claim(e).Hold
	c.wantEvent(c.one(h), next)
}
