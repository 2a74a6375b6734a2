package storetest

import "github.com/autoreach/webhook"

var returnCases = []testCase{
	{"Return/StaleTokenRefused", "a lane is given back only by its present holder", returnToken},
	{"Return/StaleMarkRefused", "a return with a mark of before an append is refused, so that the holder asks again: else the " +
		"new work would lie until the next append, which may never come", returnMark},
	{"Return/ResendRaisesMark", "a resend or recovery between Due and Return makes the return stale, too", returnResend},
	{"Return/EditRaisesMark", "an edit between Due and Return makes the return stale: it can make work eligible", returnEdit},
	{"Return/MarkAny", "with MarkAny the lane is ready at once, for work that is left", returnAny},
	{"Return/ReadyWhenDue", "a returned lane is ready at its earliest due time: not before, soon after, and never without work",
		returnDue},
	{"Return/PauseHolds", "a lane is not ready before Pause has passed, whatever is due or appended meanwhile: the endpoint has " +
		"asked for it", returnPause},
	{"Return/PauseOverEnable", "disabling and enabling does not cut a pause short", returnPauseEnable},
	{"Return/PauseEnds", "a pause ends by the next claim: the next return counts", returnPauseEnds},
	{"Return/PaceCopied", "Pace is the caller's again after the call", returnPace},
	{"Return/Repeated", "the repeat of a return whose answer was lost is refused and changes nothing", returnRepeat},
}

func returnToken(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	any := func(h webhook.Hold) webhook.Return { return webhook.Return{Hold: h, Mark: webhook.MarkAny} }
	c.refuse(any(old), "another one holds the lane")
	c.refuse(any(webhook.Hold{Endpoint: e.ID, Token: now.Token + 1}), "nobody has that token yet")
	c.noClaim("after refused returns")
	c.wantIDs("for the present holder", c.due(now).Deliveries, d.ID)
	c.giveBack(any(now))
	c.refuse(any(now), "it was given back already")
	c.claim(e)
}

func returnMark(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	c.apply(delivered(h, c.one(h)))
	b := c.due(h)
	c.wantIDs("when all is delivered", b.Deliveries)
	late := c.emit()
	c.refuse(webhook.Return{Hold: h, Mark: b.Mark}, "an event was appended after the Due that found nothing")
	b = c.due(h)
	if len(b.Deliveries) != 1 {
		c.Fatalf("after a refused return the holder must find the new delivery, got %v", ids(b.Deliveries))
	}
	c.wantEvent(b.Deliveries[0], late)
	c.apply(delivered(h, b.Deliveries[0]))
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark})
	c.noClaim("a lane that was given back empty")
}

func returnResend(c *check) {
	e := c.endpoint()
	old := c.kill(e, 2)
	c.emit()
	for i, again := range []func(...int64){c.resend, c.recover} {
		h := c.claim(e).Hold
		b := c.due(h)
		again(old[i].ID)
		c.refuse(webhook.Return{Hold: h, Mark: b.Mark, Pause: 0}, "a delivery was resent after the Due")
		c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny})
	}
}

func returnEdit(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	b := c.due(h)
	e.Name = "renamed"
	c.put(e)
	c.refuse(webhook.Return{Hold: h, Mark: b.Mark}, "the endpoint was edited after the Due")
	c.giveBack(webhook.Return{Hold: h, Mark: c.due(h).Mark})
}

func returnAny(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	b := c.due(h)
	c.emit() // no mark to be stale
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny})
	h = c.claim(e).Hold
	if n := len(c.due(h).Deliveries); n != 2 || len(b.Deliveries) != 1 {
		c.Errorf("the next holder finds %d deliveries, want 2", n)
	}
}

func returnDue(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	c.settle([]webhook.Outcome{retry(c.units(8))(h, ds[0]), retry(c.units(4))(h, ds[1])})
	b := c.due(h)
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark})
	c.noClaim("before anything is due")
	c.advance(2)
	c.noClaim("before anything is due")
	c.advance(2.5)
	c.wantIDs("at the first retry", c.work(e, delivered), ds[1].ID)
	c.noClaim("before the second retry")
	c.advance(4)
	c.wantIDs("at the second retry", c.work(e, delivered), ds[0].ID)
	c.noClaim("without any work")
	h2 := c.emit()
	h = c.claim(e).Hold
	b = c.due(h)
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark})
	c.wantEvent(c.one(c.claim(e).Hold), h2) // given back with work that is due
}

func returnPause(c *check) {
	for _, any := range []bool{true, false} {
		e := c.endpoint(func(e *webhook.Endpoint) { e.Account = map[bool]string{true: account, false: foreign}[any] })
		c.emitTo(e)
		h := c.claim(e).Hold
		r := webhook.Return{Hold: h, Mark: c.due(h).Mark, Pause: c.units(4)}
		if any {
			r.Mark = webhook.MarkAny
		}
		c.giveBack(r)
		c.noClaim("at the begin of the pause")
		c.emitTo(e)
		c.noClaim("after an append during the pause")
		e.Name = "renamed"
		c.put(e)
		c.advance(2)
		c.noClaim("in the middle of the pause, after an edit")
		c.advance(2.5)
		if n := len(c.due(c.claim(e).Hold).Deliveries); n != 2 {
			c.Errorf("after the pause there are %d deliveries, want 2", n)
		}
	}
}

func returnPauseEnable(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny, Pause: c.units(4)})
	c.enable(c.enable(e, false), true)
	c.emit()
	c.noClaim("after disabling and enabling during a pause")
	c.advance(2)
	c.noClaim("in the middle of the pause")
	c.advance(2.5)
	c.claim(e)
}

func returnPauseEnds(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny, Pause: c.units(1)})
	c.advance(1.5)
	h = c.claim(e).Hold
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny})
	c.claim(e)
}

func returnPace(c *check) {
	e := c.endpoint()
	c.emit()
	pace := []byte("slowly")
	c.giveBack(webhook.Return{Hold: c.claim(e).Hold, Mark: webhook.MarkAny, Pace: pace})
	copy(pace, "wiped!")
	if got := c.claim(e).Pace; string(got) != "slowly" {
		c.Errorf("Pace is %q, the last holder returned %q and used its slice again", got, "slowly")
	}
}

func returnRepeat(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	r := webhook.Return{Hold: h, Mark: webhook.MarkAny, Pause: c.units(2), Pace: []byte("p")}
	c.giveBack(r)
	c.advance(1)
	c.refuse(r, "it was given back already")
	c.advance(1.5)
	h = c.claim(e).Hold
	c.refuse(r, "another one holds the lane")
	c.one(h)
}
