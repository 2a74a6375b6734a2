package storetest

import (
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

var dueCases = []testCase{
	{"Due/NotHeldIsLeftOut", "a lane is answered for only to its present holder, within the lease: work of an unheld lane would " +
		"go out twice", dueNotHeld},
	{"Due/NeverEarly", "a delivery is not handed out before it is due, and soon after", dueEarly},
	{"Due/Order", "what is due comes in the order of due times and then of IDs", dueOrder},
	{"Due/Max", "no more deliveries come than asked for, resends included, and for 0 the rest of the answer", dueMax},
	{"Due/SkipHonoured", "deliveries in the caller's hands are not handed out again, and do not use up Max", dueSkip},
	{"Due/ExcludeHonoured", "paused types are not handed out, and do not use up Max", dueExclude},
	{"Due/ResendsFirst", "resends come before all others: somebody clicked and waits", dueResends},
	{"Due/ConfigWhenChanged", "the endpoint comes along when its version is not the caller's, and only then", dueConfig},
	{"Due/PendingCounted", "Pending counts what waits, due or not, up to Count", duePending},
	{"Due/Fields", "a delivery tells its counted attempts, its delay, whether all answers were 410, and its age", dueFields},
	{"Due/ChangesNothing", "asking again gives the same answer: a lost answer loses nothing", dueRepeat},
	{"Due/ManyLanes", "wants of several lanes are answered each for itself", dueMany},
}

func dueNotHeld(c *check) {
	e, kept := c.endpoint(), c.endpoint()
	c.emit()
	claims := map[string]webhook.Hold{}
	for _, x := range c.claimFor(1, c.long()) {
		claims[x.Endpoint] = x.Hold
	}
	for _, x := range c.claimFor(1, c.long()) {
		claims[x.Endpoint] = x.Hold
	}
	h, keep := claims[e.ID], claims[kept.ID]
	out := func(when string, h webhook.Hold) {
		c.Helper()
		bs, err := c.s.Due(c.ctx, []webhook.Want{{Hold: h, Max: 10}, {Hold: keep, Max: 10}})
		c.must(err, "Due")
		if len(bs) != 1 || bs[0].Hold != keep || len(bs[0].Deliveries) != 1 {
			c.Errorf("%s: the lane must be left out and the other one answered; got %d batches", when, len(bs))
		}
	}
	out("a token of the future", webhook.Hold{Endpoint: e.ID, Token: h.Token + 1})
	out("a token of the past", webhook.Hold{Endpoint: e.ID, Token: h.Token - 1})
	out("an unknown lane", webhook.Hold{Endpoint: newID(), Token: 1})
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny})
	out("a lane that was given back", h)
	h = c.claimLease(e, c.units(2)).Hold
	c.due(h)
	c.advance(3)
	out("a lease that has ended", h)
	second := c.claim(e).Hold
	out("a lane that another one holds", h)
	c.due(second)
}

func dueEarly(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	d := c.one(h)
	c.apply(retry(c.units(4))(h, d))
	c.wantIDs("right after the failure", c.due(h).Deliveries)
	c.advance(2)
	c.wantIDs("in the middle of the delay", c.due(h).Deliveries)
	c.advance(2.5)
	c.wantIDs("after the delay", c.due(h).Deliveries, d.ID)
}

func dueOrder(c *check) {
	e := c.endpoint()
	c.emits(5)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	delays := []float64{0, 3, 1, 2}
	var outcomes []webhook.Outcome
	for i, n := range delays {
		if n > 0 {
			outcomes = append(outcomes, retry(c.units(n))(h, ds[i]))
		}
	}
	c.settle(outcomes)
	c.advance(5)
	c.emit()
	all := c.due(h).Deliveries
	c.wantIDs("by due time, then ID", all, ds[0].ID, ds[4].ID, ds[2].ID, ds[3].ID, ds[1].ID, all[len(all)-1].ID)
	two := c.due(h, func(w *webhook.Want) { w.Max = 4 }).Deliveries
	c.wantIDs("the first four", two, ds[0].ID, ds[4].ID, ds[2].ID, ds[3].ID)
}

func atMost(n int) func(*webhook.Want)            { return func(w *webhook.Want) { w.Max = n } }
func skip(id ...int64) func(*webhook.Want)        { return func(w *webhook.Want) { w.Skip = id } }
func exclude(types ...string) func(*webhook.Want) { return func(w *webhook.Want) { w.Exclude = types } }

func dueMax(c *check) {
	e := c.endpoint()
	old := c.kill(e, 2)
	c.resend(ids(old)...)
	c.emits(3)
	h := c.claim(e).Hold
	all := c.due(h).Deliveries
	if len(all) != 5 {
		c.Fatalf("2 resends and 3 deliveries wait, due are %v", ids(all))
	}
	for n := range 6 {
		c.wantIDs("Max", c.due(h, atMost(n)).Deliveries, ids(all)[:n]...)
	}
	if with, without := c.due(h), c.due(h, atMost(0)); without.Mark != with.Mark || without.Config == nil {
		c.Errorf("Max 0: the mark is %d and the endpoint known %v, want %d and the endpoint as with any other Max",
			without.Mark, without.Config != nil, with.Mark)
	}
}

func dueSkip(c *check) {
	e := c.endpoint()
	c.emits(4)
	h := c.claim(e).Hold
	all := ids(c.due(h).Deliveries)
	c.wantIDs("skipping the first and third", c.due(h, skip(all[0], all[2]), atMost(2)).Deliveries, all[1], all[3])
	c.wantIDs("skipping all", c.due(h, skip(all...)).Deliveries)
	c.wantIDs("skipping what is not there", c.due(h, skip(all[3]+1000)).Deliveries, all...)
	old := c.due(h).Deliveries[0]
	c.apply(dead(h, old))
	c.resend(old.ID)
	again := c.due(h).Deliveries
	c.wantIDs("skipping a resend", c.due(h, skip(again[0].ID), atMost(1)).Deliveries, all[1])
}

func dueExclude(c *check) {
	e := c.endpoint()
	c.append(event(ofType(typeB)), event(), event(ofType(typeB)), event())
	h := c.claim(e).Hold
	all := ids(c.due(h).Deliveries)
	c.wantIDs("without "+typeB, c.due(h, exclude(typeB), atMost(2)).Deliveries, all[1], all[3])
	c.wantIDs("without both", c.due(h, exclude(typeB, typeA)).Deliveries)
	c.wantIDs("without others", c.due(h, exclude("lead", typeC)).Deliveries, all...)
}

func dueResends(c *check) {
	e := c.endpoint()
	old := c.kill(e, 2)
	fresh := c.emit()
	c.advance(1)
	c.resend(old[1].ID)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	if len(ds) != 2 || !ds[0].Resend || ds[1].Resend || ds[0].Event == nil || ds[0].Event.ID != old[1].Event.ID {
		c.Fatalf("want the resend of %d and then the new delivery, got %v", old[1].ID, ids(ds))
	}
	c.wantEvent(ds[1], fresh)
}

func dueConfig(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	if b := c.due(h, func(w *webhook.Want) { w.Version = e.Version }); b.Config != nil {
		c.Errorf("the caller knows version %d, which is stored; Config is not nil", e.Version)
	}
	changed := e
	changed.URL, changed.Secret = "https://moved.example.com/", "whsec_another_secret"
	changed = c.put(changed)
	b := c.due(h, func(w *webhook.Want) { w.Version = e.Version })
	if b.Config == nil {
		c.Fatalf("the caller knows version %d, %d is stored; Config is nil: it would go on sending to the old URL", e.Version, changed.Version)
		return
	}
	c.sameEndpoint("Batch.Config", *b.Config, changed)
	if len(b.Deliveries) != 1 {
		c.Errorf("an edit took the lane's work away: due are %v", ids(b.Deliveries))
	}
}

func duePending(c *check) {
	e := c.endpoint()
	c.emits(6)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	c.settle([]webhook.Outcome{delivered(h, ds[0]), retry(c.long())(h, ds[1])})
	for count, want := range []int{0, 1, 2, 3, 4, 5, 5, 5} {
		b := c.due(h, atMost(2), func(w *webhook.Want) { w.Count = count })
		if b.Pending != want {
			c.Errorf("5 deliveries wait, Count is %d: want Pending %d, got %d", count, want, b.Pending)
		}
	}
}

func dueFields(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	fail := func(d webhook.Delivery, status int, delay time.Duration) webhook.Delivery {
		c.Helper()
		o := retry(delay)(h, d)
		o.Attempt.Status = status
		c.apply(o)
		c.advance(1.5)
		return c.one(h)
	}
	want := func(d webhook.Delivery, attempts int, delay time.Duration, gone bool) {
		c.Helper()
		if d.Attempts != attempts || d.Delay != delay || d.Gone != gone || d.Resend {
			c.Errorf("want %d attempts, delay %v, gone %t; got %+v", attempts, delay, gone, d)
		}
	}
	d := c.one(h)
	want(d, 0, 0, false)
	if d.Age < 0 || d.Age > c.units(1) {
		c.Errorf("the age of what was just appended is %v", d.Age)
	}
	d = fail(d, 410, c.units(1))
	want(d, 1, c.units(1), true)
	if d.Age < c.units(1.4) || d.Age > c.units(50) {
		c.Errorf("the age after %v is %v", c.units(1.5), d.Age)
	}
	d = fail(d, 410, c.units(1.25))
	want(d, 2, c.units(1.25), true)
	d = fail(d, 500, c.units(1))
	want(d, 3, c.units(1), false)
	d = fail(d, 410, c.units(1))
	want(d, 4, c.units(1), false)
	if !slices.Equal(e.Events, c.look(e).Events) {
		c.Errorf("failures changed the endpoint")
	}
}

func dueRepeat(c *check) {
	e := c.endpoint()
	c.emits(3)
	h := c.claim(e).Hold
	first := c.due(h)
	second := c.due(h)
	if first.Mark != second.Mark || !slices.Equal(ids(first.Deliveries), ids(second.Deliveries)) {
		c.Errorf("asked twice: mark %d %v, then mark %d %v", first.Mark, ids(first.Deliveries), second.Mark, ids(second.Deliveries))
	}
	for _, d := range second.Deliveries {
		if d.Attempts != 0 {
			c.Errorf("handing out counts as an attempt: %+v", d)
		}
	}
}

func dueMany(c *check) {
	const lanes = 20
	var wants []webhook.Want
	for i := range lanes {
		c.endpoint(func(e *webhook.Endpoint) { e.Account = account + string(rune('a'+i)) })
		for range i {
			c.emit(func(e *eventRecord) { e.Account = account + string(rune('a'+i)) })
		}
	}
	claims := c.claimFor(100, c.long())
	if len(claims) != lanes-1 {
		c.Fatalf("%d lanes have work, %d were claimed", lanes-1, len(claims))
	}
	for i, x := range claims {
		wants = append(wants, webhook.Want{Hold: x.Hold, Max: i%5 + 1, Count: 100})
	}
	bs, err := c.s.Due(c.ctx, wants)
	c.must(err, "Due")
	byHold := map[webhook.Hold]webhook.Batch{}
	for _, b := range bs {
		byHold[b.Hold] = b
	}
	if len(bs) != len(wants) || len(byHold) != len(wants) {
		c.Fatalf("%d wants, %d batches of %d lanes", len(wants), len(bs), len(byHold))
	}
	for i, w := range wants {
		b, has := byHold[w.Hold], int(claims[i].Config.Account[len(account)]-'a')
		if b.Pending != has || len(b.Deliveries) != min(has, w.Max) {
			c.Errorf("a lane with %d deliveries, asked for %d: got %d of %d", has, w.Max, len(b.Deliveries), b.Pending)
		}
		for _, d := range b.Deliveries {
			if d.Event == nil || d.Event.Account != claims[i].Config.Account {
				c.Errorf("a delivery of another lane came")
			}
		}
	}
}
