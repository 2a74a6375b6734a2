package storetest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

var appendCases = []testCase{
	{"Append/OnePerSubscriber", "an event makes one delivery for each endpoint of its account that is enabled and subscribed, " +
		"and for nobody else", appendSubscribers},
	{"Append/SubscriptionAtThatMoment", "who gets an event is decided when it is appended: later edits, endpoints and " +
		"subscriptions change nothing", appendSnapshot},
	{"Append/ReadyAtOnce", "a lane with new work is ready at once, also when it has worked before", appendReady},
	{"Append/BytesIdentical", "events come out byte for byte as they went in: the signature covers these bytes, and receivers " +
		"compare them", appendBytes},
	{"Append/ArgumentsCopied", "the slice of events is the caller's again after the call", appendCopies},
	{"Append/OrderKept", "deliveries of a lane have growing IDs in the order of the slice and of the calls that followed each " +
		"other, and become due in that order", appendOrder},
	{"Append/AllOrNone", "a batch is stored wholly or not at all, seen at any moment: half of it would be appended twice by " +
		"a repeat", appendAtomic},
	{"Append/CancelledContext", "a call whose context is cancelled may fail, but then nothing is stored, or a repeat finds it",
		appendCancelled},
	{"Append/MissedIsLogged", "an endpoint that the engine disabled by itself has what it misses logged as dead, so that it can be " +
		"recovered; one that its owner disabled does not", appendMissed},
	{"Append/Empty", "a call without events succeeds and changes nothing", appendEmpty},
}

func appendSubscribers(c *check) {
	x, y := c.endpoint(), c.endpoint()
	c.endpoint(func(e *webhook.Endpoint) { e.Events = []webhook.EventType{typeC} })
	c.endpoint(func(e *webhook.Endpoint) { e.Events = nil })
	c.endpoint(func(e *webhook.Endpoint) { e.Enabled, e.DisabledBy = false, webhook.DisabledByCustomer })
	c.endpoint(ofForeign)
	ev := event()
	a := c.append(ev)[0]
	if a.ID != ev.ID || a.Deliveries != 2 || a.Duplicate {
		c.Errorf("for two subscribers: got %+v", a)
	}
	var got []string
	for _, claim := range c.claimFor(100, c.long()) {
		got = append(got, claim.Endpoint)
		c.wantEvent(c.one(claim.Hold), ev)
	}
	slices.Sort(got)
	want := []string{x.ID, y.ID}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		c.Errorf("ready lanes are %v, want %v", got, want)
	}
	if a := c.append(event(ofType("lead.unheard")))[0]; a.Deliveries != 0 || a.Duplicate {
		c.Errorf("an event without subscribers: got %+v", a)
	}
}

func appendSnapshot(c *check) {
	e, late := c.endpoint(), c.endpoint(func(e *webhook.Endpoint) { e.Events = []webhook.EventType{typeC} })
	ev := c.emit()
	e.Events, e.URL = []webhook.EventType{typeC}, "https://moved.example.com/"
	e = c.put(e)
	late.Events = []webhook.EventType{typeA}
	c.put(late)
	c.endpoint()
	claim := c.claim(e)
	c.wantEvent(c.one(claim.Hold), ev)
	if claim.Config.URL != e.URL {
		c.Errorf("pending deliveries go to the endpoint as it is now: want %s, got %s", e.URL, claim.Config.URL)
	}
}

func appendReady(c *check) {
	e := c.endpoint()
	for round := range 3 {
		c.emit()
		if ds := c.work(e, delivered); len(ds) != 1 {
			c.Fatalf("round %d: one event was appended, due are %v", round, ids(ds))
		}
		c.noClaim("after all is delivered")
	}
}

// wantEvent compares what a delivery carries with what was appended.
func (c *check) wantEvent(d webhook.Delivery, want eventRecord) {
	c.Helper()
	if d.Event == nil {
		c.Fatalf("delivery %d has no event", d.ID)
		return
	}
	got := *d.Event
	if got.ID != want.ID || got.Account != want.Account || got.Type != want.Type || !got.OccurredAt.Equal(want.OccurredAt) {
		c.Errorf("delivery %d carries the event %s %s %s %v, want %s %s %s %v", d.ID,
			got.ID, got.Account, got.Type, got.OccurredAt, want.ID, want.Account, want.Type, want.OccurredAt)
	}
	if !bytes.Equal(got.Body, want.Body) {
		c.Errorf("delivery %d: the body of %d bytes is not the one of %d bytes that was appended", d.ID, len(got.Body), len(want.Body))
	}
}

func appendBytes(c *check) {
	e := c.endpoint()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	bodies := [][]byte{
		all,
		[]byte("\x00"),
		[]byte("\xff\xfe\xc3\x28 not UTF-8"),
		[]byte(` {"a" : 1.0, "a":"é\u00e9",  "b":1e400}` + "\r\n"),
		bytes.Repeat([]byte("\\'\"\x00\n\xf0"), 256<<10/6),
	}
	var want []eventRecord
	for _, b := range bodies {
		want = append(want, c.emit(func(e *eventRecord) { e.Body = b }))
	}
	odd := c.emit(func(e *eventRecord) {
		e.Key, e.Subject = "k'\"; -- \u2603", "lead:\u2603'"
		e.OccurredAt = time.Date(1969, 12, 31, 23, 59, 59, 999_000_000, time.UTC)
	})
	want = append(want, odd)
	ds := c.due(c.claim(e).Hold).Deliveries
	if len(ds) != len(want) {
		c.Fatalf("%d events, %d deliveries", len(want), len(ds))
	}
	for i, d := range ds {
		c.wantEvent(d, want[i])
		if r := c.record(d.ID); !bytes.Equal(r.Body, want[i].Body) || !r.OccurredAt.Equal(want[i].OccurredAt) {
			c.Errorf("the log's record of delivery %d differs from the event in its body or time", d.ID)
		}
	}
}

func appendCopies(c *check) {
	e := c.endpoint()
	events := []eventRecord{event(), event()}
	want := slices.Clone(events)
	c.append(events...)
	events[0], events[1] = eventRecord{}, events[0]
	ds := c.due(c.claim(e).Hold).Deliveries
	if len(ds) != 2 {
		c.Fatalf("2 events, %d deliveries", len(ds))
	}
	for i, d := range ds {
		c.wantEvent(d, want[i])
	}
}

func appendOrder(c *check) {
	e := c.endpoint()
	var want []string
	for i := range 20 {
		var batch []eventRecord
		for range i%3 + 1 {
			batch = append(batch, event())
			want = append(want, batch[len(batch)-1].ID)
		}
		if i%2 == 0 { // IDs of events do not decide
			slices.Reverse(batch)
			slices.Reverse(want[len(want)-len(batch):])
		}
		c.append(batch...)
	}
	ds := c.due(c.claim(e).Hold).Deliveries
	var got []string
	for i, d := range ds {
		if i > 0 && d.ID <= ds[i-1].ID {
			c.Errorf("delivery IDs do not grow along the lane: %v", ids(ds))
		}
		if d.Event != nil {
			got = append(got, d.Event.ID)
		}
	}
	if !slices.Equal(got, want) {
		c.Errorf("order of appended events:\ngot  %v\nwant %v", got, want)
	}
}

func appendAtomic(c *check) {
	const batch = 20
	e := c.endpoint()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			rs, err := c.s.Endpoints(c.ctx, webhook.EndpointQuery{Account: account, ID: e.ID})
			if err != nil || len(rs) != 1 {
				c.Errorf("Endpoints while events are appended: %d, %v", len(rs), err)
			} else if n := rs[0].Pending; n%batch != 0 {
				c.Errorf("events are appended %d at a time, but a reader sees %d", batch, n)
			}
			time.Sleep(c.units(0.01))
		}
	})
	for range 20 {
		events := make([]eventRecord, batch)
		for i := range events {
			events[i] = event()
		}
		if _, err := c.s.Append(c.ctx, events); err != nil {
			c.Errorf("Append: %v", err)
		}
		time.Sleep(c.units(0.02))
	}
	close(stop)
	wg.Wait()
}

func appendCancelled(c *check) {
	e := c.endpoint()
	ctx, cancel := context.WithCancel(c.ctx)
	cancel()
	events := []eventRecord{event(), event(), event()}
	_, err := c.s.Append(ctx, events)
	switch n := c.look(e).Pending; {
	case n != 0 && n != 3:
		c.Errorf("a cancelled Append of 3 events stored %d (error %v)", n, err)
	case n == 0 && err == nil:
		c.Errorf("a cancelled Append returned nil, but nothing is stored")
	}
	c.append(events...)
	if n := c.look(e).Pending; n != 3 {
		c.Errorf("after the repeat of a cancelled Append of 3 events %d are pending", n)
	}
}

func appendMissed(c *check) {
	engine := c.endpoint(func(e *webhook.Endpoint) { e.Enabled, e.DisabledBy = false, webhook.DisabledByEngine })
	c.endpoint(func(e *webhook.Endpoint) { e.Enabled, e.DisabledBy = false, webhook.DisabledByCustomer })
	c.endpoint(func(e *webhook.Endpoint) {
		e.Enabled, e.DisabledBy, e.Events = false, webhook.DisabledByEngine, []webhook.EventType{typeC}
	})
	ev := event()
	if a := c.append(ev)[0]; a.Deliveries != 0 || a.Duplicate {
		c.Errorf("a missed delivery does not count in Deliveries: got %+v", a)
	}
	rs := c.log(webhook.DeliveryQuery{})
	if len(rs) != 1 {
		c.Fatalf("want one logged delivery, of the endpoint that the engine disabled; got %d", len(rs))
	}
	r := rs[0]
	if r.Endpoint != engine.ID || r.Event != ev.ID || r.State != webhook.StateDead || r.Reason != webhook.ReasonMissed ||
		!r.Undelivered || len(r.Attempts) != 0 || r.FinishedAt.IsZero() {
		c.Errorf("want a dead delivery that was missed and counts as undelivered, got %+v", r)
	}
	got := c.look(engine)
	if got.Health.Undelivered != 1 || got.Health.LastReason == "" || got.Pending != 0 || got.Health.Last != webhook.LastNever {
		c.Errorf("health after a missed delivery: %+v, %d pending", got.Health, got.Pending)
	}
	c.noClaim("after a missed delivery")
	if a := c.append(ev)[0]; !a.Duplicate || a.Deliveries != 0 {
		c.Errorf("the same event again: got %+v", a)
	}
	if n := len(c.log(webhook.DeliveryQuery{})); n != 1 {
		c.Errorf("the same event again is missed again: %d deliveries", n)
	}
}

func appendEmpty(c *check) {
	if out, err := c.s.Append(c.ctx, nil); err != nil || len(out) != 0 {
		c.Errorf("got %v, %v", out, err)
	}
	c.wantStats(webhook.StoreStats{})
}
