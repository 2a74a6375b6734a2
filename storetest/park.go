package storetest

import "github.com/autoreach/webhook"

var parkCases = []testCase{
	{"Park/All", "a lane that is parked wholly is not ready, whatever is due: asking it again and again would cost for nothing",
		parkAll},
	{"Park/Exclude", "a lane parked for some types is ready when something of another type is due", parkExclude},
	{"Park/StaleSeqRefused", "a return that judged by pauses of the past is refused: they may have been lifted meanwhile", parkStale},
	{"Park/LiftingWakes", "lifting a pause makes parked lanes ready, all of them and at once", parkLift},
	{"Park/EditWakes", "an edit makes a parked lane ready: its new address may not be paused", parkEdit},
	{"Park/AppendWakes", "an append makes a parked lane ready: the new event's type may not be paused", parkAppend},
	{"Park/ResendWakes", "a resend makes a parked lane ready", parkResend},
	{"Park/PauseHolds", "lifting a pause does not cut short the pause of a Return", parkPause},
	{"Park/StaleMarkRefused", "a parked return is refused by a stale mark like any other", parkMark},
	{"Park/HeldLaneKeepsLease", "once a lane that had been parked is claimed, neither an edit nor a lifted pause takes it from " +
		"its holder", parkHeld},
	{"Park/Disabled", "a parked lane that is disabled stays so when a pause is lifted", parkDisabled},
}

func (c *check) pauses() webhook.Pauses {
	c.Helper()
	p, err := c.s.Pauses(c.ctx)
	c.must(err, "Pauses")
	return p
}

func (c *check) setPause(p webhook.Pause, on bool) int64 {
	c.Helper()
	c.must(c.s.SetPause(c.ctx, p, on), "SetPause")
	return c.pauses().Seq
}

// park parks the lane, which must be ready.
func (c *check) park(e webhook.Endpoint, seq int64, exclude ...webhook.EventType) {
	c.Helper()
	h := c.claim(e).Hold
	b := c.due(h, func(w *webhook.Want) { w.Exclude = exclude })
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark, Park: seq, Exclude: exclude})
}

var pauseB = webhook.Pause{Type: typeB}

func parkAll(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	b := c.due(h)
	c.apply(retry(c.units(1))(h, b.Deliveries[0]))
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark, Park: c.setPause(webhook.Pause{}, true)})
	c.noClaim("a parked lane")
	c.advance(2)
	c.noClaim("a parked lane, after a retry became due")
	c.setPause(webhook.Pause{}, false)
	if n := len(c.due(c.claim(e).Hold).Deliveries); n != 2 {
		c.Errorf("after the pause %d deliveries are due, want 2", n)
	}
}

func parkExclude(c *check) {
	e := c.endpoint()
	c.append(event(ofType(typeB)), event())
	seq := c.setPause(pauseB, true)
	h := c.claim(e).Hold
	d := c.due(h, exclude(typeB)).Deliveries
	if len(d) != 1 {
		c.Fatalf("one of two deliveries is of a paused type, due are %v", ids(d))
	}
	c.apply(retry(c.units(2))(h, d[0]))
	b := c.due(h, exclude(typeB))
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark, Park: seq, Exclude: []webhook.EventType{typeB}})
	c.noClaim("before the other type's retry is due")
	c.advance(2.5)
	h = c.claim(e).Hold
	b = c.due(h, exclude(typeB))
	c.wantIDs("the other type's retry", b.Deliveries, d[0].ID)
	c.apply(delivered(h, d[0]))
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark, Park: seq, Exclude: []webhook.EventType{typeB}})
	c.advance(2)
	c.noClaim("when only the paused type is left")
}

func parkStale(c *check) {
	e := c.endpoint()
	c.emit(ofType(typeB))
	seq := c.setPause(pauseB, true)
	h := c.claim(e).Hold
	b := c.due(h, exclude(typeB))
	c.setPause(pauseB, false)
	c.refuse(webhook.Return{Hold: h, Mark: b.Mark, Park: seq, Exclude: []webhook.EventType{typeB}}, "the pause was lifted meanwhile")
	if n := len(c.due(h).Deliveries); n != 1 {
		c.Errorf("after a refused return %d deliveries are due, want 1", n)
	}
	seq = c.setPause(webhook.Pause{Host: "other.example.com"}, true)
	c.refuse(webhook.Return{Hold: h, Mark: b.Mark, Park: seq - 1}, "it judged by other pauses")
	c.giveBack(webhook.Return{Hold: h, Mark: b.Mark, Park: seq})
}

func parkLift(c *check) {
	lanes := map[string]bool{}
	for range 5 {
		lanes[c.endpoint().ID] = true
	}
	c.emit(ofType(typeB))
	c.setPause(webhook.Pause{Account: "another"}, true)
	seq := c.setPause(pauseB, true)
	var returns []webhook.Return
	for i, x := range c.claimFor(10, c.long()) {
		b := c.due(x.Hold, exclude(typeB))
		r := webhook.Return{Hold: x.Hold, Mark: b.Mark, Park: seq, Exclude: []webhook.EventType{typeB}}
		if i%2 == 0 {
			r.Exclude = nil
		}
		returns = append(returns, r)
	}
	if s := c.settle(nil, returns...); len(s.Refused) > 0 {
		c.Fatalf("returns are refused: %v", s.Refused)
	}
	c.setPause(webhook.Pause{Host: "other.example.com"}, true)
	c.noClaim("parked lanes, when another pause is set")
	c.setPause(pauseB, false)
	if n := len(c.claimFor(10, c.long())); n != len(lanes) {
		c.Errorf("after a pause was lifted %d of %d parked lanes are ready", n, len(lanes))
	}
}

func parkEdit(c *check) {
	e := c.endpoint()
	c.emit()
	c.park(e, c.setPause(webhook.Pause{Host: "crm.example.com"}, true))
	e.URL = "https://other.example.com/"
	c.put(e)
	c.one(c.claim(e).Hold)
}

func parkAppend(c *check) {
	e := c.endpoint()
	c.emit(ofType(typeB))
	seq := c.setPause(pauseB, true)
	c.park(e, seq, typeB)
	c.emit()
	c.park(e, seq)
	c.emit()
	if n := len(c.due(c.claim(e).Hold).Deliveries); n != 3 {
		c.Errorf("due are %d, want 3", n)
	}
}

func parkResend(c *check) {
	e := c.endpoint()
	old := c.kill(e, 2)
	c.emit()
	seq := c.setPause(webhook.Pause{}, true)
	c.park(e, seq)
	c.resend(old[0].ID)
	c.park(e, seq)
	c.recover(old[1].ID)
	c.claim(e)
}

func parkPause(c *check) {
	e := c.endpoint()
	c.emit()
	seq := c.setPause(webhook.Pause{}, true)
	h := c.claim(e).Hold
	c.giveBack(webhook.Return{Hold: h, Mark: c.due(h).Mark, Park: seq, Pause: c.units(3)})
	c.setPause(webhook.Pause{}, false)
	c.noClaim("when the operator's pause is lifted, but the lane's is not over")
	c.advance(3.5)
	c.claim(e)
}

func parkMark(c *check) {
	e := c.endpoint()
	c.emit(ofType(typeB))
	seq := c.setPause(pauseB, true)
	h := c.claim(e).Hold
	b := c.due(h, exclude(typeB))
	c.emit()
	c.refuse(webhook.Return{Hold: h, Mark: b.Mark, Park: seq, Exclude: []webhook.EventType{typeB}}, "an event was appended meanwhile")
	c.refuse(webhook.Return{Hold: h, Mark: b.Mark, Park: seq}, "an event was appended meanwhile")
}

func parkHeld(c *check) {
	e := c.endpoint()
	c.append(event(ofType(typeB)), event())
	seq := c.setPause(pauseB, true)
	h := c.claim(e).Hold
	c.apply(retry(c.units(1))(h, c.due(h, exclude(typeB)).Deliveries[0]))
	c.giveBack(webhook.Return{Hold: h, Mark: c.due(h).Mark, Park: seq, Exclude: []webhook.EventType{typeB}})
	c.advance(1.5)
	h = c.claim(e).Hold
	e.Name = "renamed"
	c.put(e)
	c.noClaim("within the lease, after an edit")
	c.due(h)
	c.setPause(pauseB, false)
	c.noClaim("within the lease, after a pause was lifted")
	c.due(h)
}

func parkDisabled(c *check) {
	e := c.endpoint()
	c.emit()
	c.park(e, c.setPause(webhook.Pause{}, true))
	e = c.enable(e, false)
	c.setPause(webhook.Pause{}, false)
	c.noClaim("a disabled lane, after a pause was lifted")
	c.enable(e, true)
	c.one(c.claim(e).Hold)
}
