package storetest

import (
	"bytes"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

var deliveriesCases = []testCase{
	{"Deliveries/NewestFirst", "the log comes newest first, and Before continues behind the last one of a page", logPages},
	{"Deliveries/DefaultLimit", "a page has 100 deliveries unless asked for another number, and never more than 1,000", logLimit},
	{"Deliveries/Filters", "each field restricts the result, and all of them together", logFilters},
	{"Deliveries/Times", "Since includes the moment it names and Until excludes it, by the store's clock at the append", logTimes},
	{"Deliveries/Record", "a record tells what is known about a delivery, with the body only if asked for", logRecord},
}

func recordIDs(rs []webhook.DeliveryRecord) []int64 {
	var out []int64
	for _, r := range rs {
		out = append(out, r.ID)
	}
	return out
}

// wantLog compares the IDs of what a query finds, in any order.
func (c *check) wantLog(q webhook.DeliveryQuery, want ...int64) {
	c.Helper()
	got := recordIDs(c.log(q))
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.Errorf("Deliveries with %+v: got %v, want %v", q, got, want)
	}
}

func logPages(c *check) {
	c.endpoint()
	c.endpoint()
	c.emits(5)
	all := recordIDs(c.log(webhook.DeliveryQuery{}))
	if len(all) != 10 || !slices.IsSortedFunc(all, func(a, b int64) int { return int(b - a) }) {
		c.Fatalf("10 deliveries, newest first: got %v", all)
	}
	var got []int64
	for before, pages := int64(0), 0; pages < 6; pages++ {
		page := recordIDs(c.log(webhook.DeliveryQuery{Before: before, Limit: 4}))
		if got = append(got, page...); len(page) < 4 {
			break
		}
		before = page[3]
	}
	if !slices.Equal(got, all) {
		c.Errorf("in pages of 4: got %v, want %v", got, all)
	}
}

func logLimit(c *check) {
	c.endpoint()
	batch := make([]eventRecord, 505)
	for range 2 {
		for i := range batch {
			batch[i] = event()
		}
		c.append(batch...)
	}
	for ask, want := range map[int]int{0: 100, 7: 7, 1000: 1000, 5000: 1000} {
		if n := len(c.log(webhook.DeliveryQuery{Limit: ask})); n != want {
			c.Errorf("with a Limit of %d: got %d of 1,010, want %d", ask, n, want)
		}
	}
}

func logFilters(c *check) {
	x := c.endpoint()
	evs := []eventRecord{c.emit(), c.emit(ofType(typeB)), c.emit(), c.emit(ofType(typeB))}
	h := c.claim(x).Hold
	ds := c.due(h).Deliveries
	c.settle([]webhook.Outcome{delivered(h, ds[0]), dead(h, ds[1]), dead(h, ds[2])})
	c.dismiss(ds[2].ID)
	y := c.endpoint()
	both := c.emit()
	rs := c.log(webhook.DeliveryQuery{Event: both.ID})
	if len(rs) != 2 {
		c.Fatalf("an event of two endpoints has %d deliveries", len(rs))
	}
	bx, by := rs[0].ID, rs[1].ID
	if rs[0].Endpoint == y.ID {
		bx, by = by, bx
	}
	a, b, d, p := ds[0].ID, ds[1].ID, ds[2].ID, ds[3].ID
	type q = webhook.DeliveryQuery
	c.wantLog(q{}, a, b, d, p, bx, by)
	c.wantLog(q{Endpoint: x.ID}, a, b, d, p, bx)
	c.wantLog(q{Endpoint: y.ID}, by)
	c.wantLog(q{Endpoint: newID()})
	c.wantLog(q{Event: evs[1].ID}, b)
	c.wantLog(q{Event: newID()})
	c.wantLog(q{Type: typeB}, b, p)
	c.wantLog(q{IDs: []int64{d, a, by, by + 1000}}, a, d, by)
	c.wantLog(q{States: []webhook.State{webhook.StateDead}}, b, d)
	c.wantLog(q{States: []webhook.State{webhook.StateDelivered, webhook.StatePending}}, a, p, bx, by)
	c.wantLog(q{Undelivered: true}, b)
	c.wantLog(q{Before: d}, a, b)
	c.wantLog(q{Type: typeA, States: []webhook.State{webhook.StatePending}, Endpoint: x.ID}, bx)
	c.wantLog(q{Type: typeA, Undelivered: true})
	c.wantLog(q{IDs: []int64{a, b}, Type: typeB, Endpoint: x.ID, Event: evs[1].ID}, b)
}

func logTimes(c *check) {
	c.endpoint()
	var at []time.Time
	for range 3 {
		c.emit()
		c.advance(0.5)
	}
	rs := c.log(webhook.DeliveryQuery{})
	slices.Reverse(rs)
	all := recordIDs(rs)
	for _, r := range rs {
		at = append(at, r.CreatedAt)
	}
	if len(at) != 3 || !at[1].After(at[0]) || !at[2].After(at[1]) {
		c.Fatalf("three events, one after the other, were created at %v", at)
	}
	type q = webhook.DeliveryQuery
	c.wantLog(q{Since: at[1]}, all[1], all[2])
	c.wantLog(q{Until: at[1]}, all[0])
	c.wantLog(q{Since: at[1], Until: at[2]}, all[1])
	c.wantLog(q{Since: at[2].Add(c.units(0.2))})
	c.wantLog(q{Since: at[0].In(time.FixedZone("", 5*3600)), Until: at[0].Add(time.Millisecond)}, all[0])
}

func logRecord(c *check) {
	e := c.endpoint()
	ev := c.emit(func(ev *eventRecord) { ev.OccurredAt = ev.OccurredAt.Add(-time.Hour) })
	h := c.claim(e).Hold
	d := c.one(h)
	r := c.record(d.ID)
	if r.Account != account || r.Endpoint != e.ID || r.Event != ev.ID || r.Type != ev.Type || !r.OccurredAt.Equal(ev.OccurredAt) ||
		r.State != webhook.StatePending || r.Reason != "" || r.Resend || r.Of != 0 || r.ResentAs != 0 || r.Undelivered ||
		len(r.Attempts) != 0 || !bytes.Equal(r.Body, ev.Body) {
		c.Errorf("the record of a new delivery of %s %s: %+v", ev.ID, ev.Type, r)
	}
	if r.CreatedAt.Before(e.CreatedAt) || r.CreatedAt.Sub(e.CreatedAt) > c.units(50) || !r.FinishedAt.IsZero() || r.NextAt.Before(r.CreatedAt) ||
		r.NextAt.Sub(r.CreatedAt) > c.units(1) {
		c.Errorf("times by the store's clock, due at once: created %v, next %v, finished %v", r.CreatedAt, r.NextAt, r.FinishedAt)
	}
	c.advance(0.5)
	c.apply(delivered(h, d))
	r = c.log(webhook.DeliveryQuery{})[0]
	if r.Body != nil {
		c.Errorf("the body was not asked for")
	}
	if !r.FinishedAt.After(r.CreatedAt) || r.FinishedAt.Sub(r.CreatedAt) > c.units(50) {
		c.Errorf("created at %v, finished half a unit later, at %v", r.CreatedAt, r.FinishedAt)
	}
}
