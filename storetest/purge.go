package storetest

import "github.com/autoreach/webhook"

var purgeCases = []testCase{
	{"Purge/ExpiresPending", "what has waited longer than Ages.Pending is dead as expired, in lanes of any state: idle, held, " +
		"disabled, paused", purgeExpires},
	{"Purge/KeepsYoung", "what is younger than its age stays, and an age of 0 keeps for ever", purgeKeeps},
	{"Purge/Bodies", "a body is forgotten past Ages.Bodies, and the log stays", purgeBodies},
	{"Purge/Log", "a finished delivery is forgotten past Ages.Log after its end, with its attempts", purgeLog},
	{"Purge/PendingKeepsEvent", "an event that a pending delivery needs is never forgotten, however old", purgeNeeded},
	{"Purge/Chunked", "a call takes at most n rows of each kind, and who calls until it returns 0 has purged everything",
		purgeChunks},
	{"Purge/BehindKept", "what must be kept does not hide from the purge what lies behind it", purgeBehind},
	{"Purge/KeysFreed", "purging does not free a key within its window, nor keep it afterwards", purgeKeys},
}

// purge calls until nothing is left to do.
func (c *check) purge(ages webhook.Ages) int {
	c.Helper()
	return c.purgeBy(ages, 1000)
}

func (c *check) purgeBy(ages webhook.Ages, n int) (total int) {
	c.Helper()
	for range 1000 {
		k, err := c.s.Purge(c.ctx, ages, n)
		c.must(err, "Purge")
		if k == 0 {
			return total
		}
		total += k
	}
	c.Fatalf("Purge still finds something after 1,000 calls")
	return total
}

func purgeExpires(c *check) {
	for i := range 5 {
		c.endpoint(func(e *webhook.Endpoint) { e.Account = account + string(rune('a'+i)); e.FIFO = i == 4 })
	}
	emit := func(i int) eventRecord {
		return c.emit(func(e *eventRecord) { e.Account = account + string(rune('a'+i)) })
	}
	for i := range 5 {
		emit(i)
		emit(i)
	}
	var held webhook.Claim
	pause := c.setPause(webhook.Pause{}, true)
	for _, x := range c.claimFor(10, c.long()) {
		b := c.due(x.Hold)
		r := webhook.Return{Hold: x.Hold, Mark: b.Mark}
		switch x.Config.Account {
		case account + "a": // idle
		case account + "b":
			held = x
			c.apply(retry(c.long())(x.Hold, b.Deliveries[0]))
			continue
		case account + "c":
			c.enable(x.Config, false)
			continue
		case account + "d":
			r.Park = pause
		case account + "e":
			r.Mark, r.Pause = webhook.MarkAny, c.long()
		}
		c.giveBack(r)
	}
	c.advance(3)
	fresh := emit(1)
	n := c.purge(webhook.Ages{Pending: c.units(2)})
	c.wantPending(1)
	if n < 10 {
		c.Errorf("10 deliveries expired, Purge says %d", n)
	}
	for i := range 5 {
		for _, r := range c.log(webhook.DeliveryQuery{Account: account + string(rune('a'+i)), States: []webhook.State{webhook.StateDead}}) {
			if r.Reason != webhook.ReasonExpired || !r.Undelivered || r.FinishedAt.IsZero() {
				c.Errorf("an expired delivery: %+v", r)
			}
		}
	}
	b := c.due(held.Hold)
	if len(b.Deliveries) != 1 {
		c.Fatalf("the holder must find the fresh delivery only, got %v", ids(b.Deliveries))
	}
	c.wantEvent(b.Deliveries[0], fresh)
	x := c.look(held.Config).Health
	if x.Undelivered != 2 || !x.InError || x.LastReason == "" {
		c.Errorf("the health after two deliveries expired: %+v", x)
	}
}

func purgeKeeps(c *check) {
	e := c.endpoint()
	c.kill(e, 1)
	c.emits(2)
	c.advance(2)
	c.purge(webhook.Ages{})
	c.purge(webhook.Ages{Pending: c.units(50), Bodies: c.units(50), Log: c.units(50)})
	c.wantPending(2)
	c.wantUndelivered(e, 1)
	for _, r := range c.log(webhook.DeliveryQuery{Body: true}) {
		if len(r.Body) == 0 || r.State == webhook.StateDead && len(r.Attempts) != 1 {
			c.Errorf("purged before its age: %+v", r)
		}
	}
}

func purgeBodies(c *check) {
	e := c.endpoint()
	old := c.kill(e, 1)
	c.advance(2)
	young := c.kill(e, 1)
	c.purge(webhook.Ages{Bodies: c.units(1)})
	if r := c.wantState(old[0].ID, webhook.StateDead, webhook.ResultFailed); r.Body != nil {
		c.Errorf("the body is past its age and still there")
	}
	if r := c.record(young[0].ID); len(r.Body) == 0 {
		c.Errorf("the body is gone before its age")
	}
	c.wantUndelivered(e, 2)
}

func purgeLog(c *check) {
	e := c.endpoint()
	c.emits(3)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	c.apply(delivered(h, ds[0]))
	c.apply(dead(h, ds[1]))
	c.advance(3)
	c.apply(delivered(h, ds[2])) // as old, but ended now
	c.purge(webhook.Ages{Log: c.units(2)})
	c.wantLog(webhook.DeliveryQuery{}, ds[2].ID)
	c.wantUndelivered(e, 0)
	c.advance(3)
	c.purge(webhook.Ages{Log: c.units(2)})
	c.wantLog(webhook.DeliveryQuery{})
	if c.find(e) == nil {
		c.Errorf("the endpoint was purged")
	}
	c.drop(delivered(h, ds[1]), "it is forgotten")
}

func purgeNeeded(c *check) {
	e := c.endpoint()
	off := c.enable(c.endpoint(), false)
	ev := c.emit()
	c.enable(off, true)
	recovered := c.work(e, dead)[0]
	c.advance(2)
	c.recover(recovered.ID) // young, of an old event
	second := c.emit()
	c.advance(2)
	c.purge(webhook.Ages{Bodies: c.units(1), Log: c.units(1)})
	for _, x := range c.claimFor(10, c.long()) {
		b := c.due(x.Hold)
		if x.Endpoint == e.ID {
			if len(b.Deliveries) != 2 {
				c.Fatalf("a recovered and a waiting delivery, got %v", ids(b.Deliveries))
			}
			c.wantEvent(b.Deliveries[0], ev)
		}
		c.wantEvent(b.Deliveries[len(b.Deliveries)-1], second)
	}
	c.wantPending(3)
}

func purgeChunks(c *check) {
	e := c.endpoint()
	c.kill(e, 5)
	c.emits(5)
	c.advance(2)
	n, err := c.s.Purge(c.ctx, webhook.Ages{Pending: c.units(1)}, 2)
	c.must(err, "Purge")
	if n != 2 {
		c.Errorf("5 deliveries are past their age, a call for 2 changed %d", n)
	}
	c.wantPending(3)
	c.purgeBy(webhook.Ages{Pending: c.units(1)}, 2)
	c.wantPending(0)
	c.purgeBy(webhook.Ages{Bodies: c.units(1)}, 2)
	for _, r := range c.log(webhook.DeliveryQuery{Body: true}) {
		if r.Body != nil {
			c.Errorf("delivery %d still has its body", r.ID)
		}
	}
	c.advance(2)
	if n, err = c.s.Purge(c.ctx, webhook.Ages{Log: c.units(1)}, 3); err != nil || n < 3 {
		c.Errorf("10 deliveries are past their age, a call for 3 of each kind changed %d, %v", n, err)
	}
	if left := len(c.log(webhook.DeliveryQuery{})); left != 7 {
		c.Errorf("after a call for 3 of 10 deliveries %d are left", left)
	}
	c.purgeBy(webhook.Ages{Log: c.units(1)}, 3)
	c.wantLog(webhook.DeliveryQuery{})
}

func purgeBehind(c *check) {
	waits := c.endpoint(func(e *webhook.Endpoint) { e.Events = []webhook.EventType{typeC} })
	e := c.endpoint()
	for range 3 {
		c.emit(ofType(typeC)) // waits for ever
	}
	c.claim(waits)
	c.kill(e, 3)
	c.advance(2)
	c.purgeBy(webhook.Ages{Bodies: c.units(1)}, 1)
	for _, r := range c.log(webhook.DeliveryQuery{Body: true}) {
		if (r.Body == nil) != (r.State == webhook.StateDead) {
			c.Errorf("after purging until nothing was found a %s delivery has a body of %d bytes", r.State, len(r.Body))
		}
	}
}

func purgeKeys(c *check) {
	c.endpoint()
	key := func(e *eventRecord) { e.Key, e.KeyWindow = "score:1", c.units(6) }
	first := c.emit(key)
	c.advance(3)
	ages := webhook.Ages{Pending: c.units(1), Bodies: c.units(1), Log: c.units(1)}
	c.purge(ages)
	c.advance(1.5)
	c.purge(ages)
	c.wantDuplicate(c.append(event(key))[0], first.ID, 1)
	c.advance(3)
	c.purge(ages)
	c.emit(key)
}
