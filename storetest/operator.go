package storetest

import (
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

var operatorCases = []testCase{
	{"Stats/Counts", "Stats counts endpoints, what waits, what is undelivered and the lanes that are held now", statsCounts},
	{"Stats/Oldest", "Oldest is how long work has been waiting past its due time, in enabled lanes: the figure to alert on",
		statsOldest},
	{"Pauses/SetAndLift", "pauses are returned as they were set, each once, and gone when lifted", pausesSet},
	{"Pauses/SeqGrows", "the sequence number grows with every change, is never 0, and stays when nothing changes", pausesSeq},
	{"Clock/CallersClockIsIgnored", "a caller's clock that is an hour off changes nothing: leases, due times, ages and what is " +
		"recorded follow the store's", clockIgnored},
	{"Exclusive/LockAgain", "a lock that was released can be taken again", exclusiveLock},
}

func statsCounts(c *check) {
	c.wantStats(webhook.StoreStats{})
	x, y := c.endpoint(), c.endpoint(ofForeign)
	c.endpoint(func(e *webhook.Endpoint) { e.Enabled, e.DisabledBy = false, webhook.DisabledByCustomer })
	c.kill(x, 2)
	c.emits(3)
	c.emit(ofForeignEv)
	c.wantStats(webhook.StoreStats{Endpoints: 3, Pending: 4, Undelivered: 2})
	for _, claim := range c.claimFor(10, c.units(1)) {
		if claim.Endpoint == x.ID {
			c.extend(1000, claim.Hold)
		}
	}
	c.wantStats(webhook.StoreStats{Endpoints: 3, Pending: 4, Undelivered: 2, Held: 2})
	c.advance(1.5)
	c.wantStats(webhook.StoreStats{Endpoints: 3, Pending: 4, Undelivered: 2, Held: 1})
	c.enable(x, false)
	c.must(c.s.DeleteEndpoint(c.ctx, foreign, y.ID), "DeleteEndpoint")
	c.wantStats(webhook.StoreStats{Endpoints: 2, Pending: 3, Undelivered: 2})
}

func statsOldest(c *check) {
	oldest := func(when string, from, to float64) {
		c.Helper()
		st, err := c.s.Stats(c.ctx)
		c.must(err, "Stats")
		if st.Oldest < c.units(from) || st.Oldest > c.units(to) {
			c.Errorf("%s: Oldest is %v, want %v to %v", when, st.Oldest, c.units(from), c.units(to))
		}
	}
	oldest("an empty store", 0, 0)
	e := c.endpoint()
	c.emit()
	c.advance(3)
	oldest("after 3 units", 2.9, 5)
	c.work(e, retry(c.units(4)))
	oldest("while a retry is not due", 0, 0)
	c.advance(6)
	oldest("2 units after a retry was due", 1.9, 4)
	e = c.enable(e, false)
	oldest("in a disabled lane", 0, 0)
	c.enable(e, true)
	c.work(e, delivered)
	oldest("after all was delivered", 0, 0)
}

func pausesSet(c *check) {
	if p := c.pauses(); len(p.List) != 0 || p.Seq == 0 {
		c.Errorf("a new store has pauses %+v", p)
	}
	all := []webhook.Pause{{}, {Account: account}, {Type: typeA}, {Host: "crm.example.com"}, {Account: foreign}}
	for _, p := range all {
		c.setPause(p, true)
		c.setPause(p, true)
	}
	want := func(when string, want []webhook.Pause) {
		c.Helper()
		got := c.pauses().List
		if len(got) != len(want) {
			c.Errorf("%s: %d pauses, want %d: %+v", when, len(got), len(want), got)
		}
		for _, p := range want {
			if !slices.Contains(got, p) {
				c.Errorf("%s: %+v is not set", when, p)
			}
		}
	}
	want("when all are set", all)
	c.setPause(all[0], false)
	c.setPause(all[2], false)
	want("when two were lifted", []webhook.Pause{all[1], all[3], all[4]})
	c.setPause(webhook.Pause{Account: "nobody"}, false)
	want("when one was lifted that is not set", []webhook.Pause{all[1], all[3], all[4]})
}

func pausesSeq(c *check) {
	last := c.pauses().Seq
	for _, x := range []struct {
		p       webhook.Pause
		on, new bool
	}{
		{webhook.Pause{}, true, true}, {pauseB, true, true}, {pauseB, true, false},
		{pauseB, false, true}, {pauseB, false, false}, {webhook.Pause{}, false, true},
	} {
		seq := c.setPause(x.p, x.on)
		if seq == 0 || seq < last || seq == last && x.new {
			c.Errorf("setting %+v to %t: from %d to %d", x.p, x.on, last, seq)
		}
		last = seq
	}
	if again := c.pauses().Seq; again != last {
		c.Errorf("nothing changed, but the number went from %d to %d", last, again)
	}
}

func clockIgnored(c *check) {
	for _, off := range []time.Duration{time.Hour, -time.Hour} {
		name := account + off.String()
		e := draft(func(e *webhook.Endpoint) {
			e.Account, e.CreatedAt, e.UpdatedAt = name, time.Now().Add(off), time.Now().Add(off)
		})
		clock := c.put(e).CreatedAt // the store's
		if d := clock.Sub(e.CreatedAt) + off; d < -c.units(50) || d > c.units(50) {
			c.Logf("the store's clock is %v off this process's", d)
		}
		e = c.look(e).Endpoint
		e.UpdatedAt, e.CreatedAt = e.UpdatedAt.Add(off), e.CreatedAt.Add(off)
		e = c.put(e)
		c.emit(func(ev *eventRecord) { ev.Account, ev.OccurredAt = name, ev.OccurredAt.Add(off) })
		h := c.claimLease(e, c.units(6)).Hold
		d := c.one(h)
		if d.Age < 0 || d.Age > c.units(50) {
			c.Errorf("the event's own time makes its age %v", d.Age)
		}
		o := retry(c.units(2))(h, d)
		o.Attempt.At = time.Now().Add(off)
		c.apply(o)
		c.wantIDs("before the retry is due", c.due(h).Deliveries)
		c.purge(webhook.Ages{Pending: c.units(50), Bodies: c.units(50), Log: c.units(50)})
		c.advance(2.5)
		c.one(h)
		c.noClaim("within the lease")
		r := c.log(webhook.DeliveryQuery{Account: name})[0]
		x := c.look(e)
		for what, at := range map[string]time.Time{
			"CreatedAt": x.CreatedAt, "UpdatedAt": x.UpdatedAt, "the delivery's CreatedAt": r.CreatedAt, "NextAt": r.NextAt,
			"the attempt's At": r.Attempts[0].At, "Health.At": x.Health.At, "FailingSince": x.Health.FailingSince,
		} {
			if d := at.Sub(clock); d < -c.units(1) || d > c.units(100) {
				c.Errorf("%s is %v off the store's clock", what, d)
			}
		}
		c.settle([]webhook.Outcome{delivered(h, c.one(h))}, webhook.Return{Hold: h, Mark: c.due(h).Mark})
	}
}

func exclusiveLock(c *check) {
	x, ok := c.s.(webhook.Exclusive)
	if !ok {
		c.Skip("any number of processes can deliver from this store at a time")
	}
	for range 3 {
		unlock, err := x.Lock(c.ctx)
		c.must(err, "Lock")
		c.must(unlock(), "unlock")
	}
}
