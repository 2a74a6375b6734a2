package storetest

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// What the cases store, unless they say otherwise.
const (
	account = "acct_1"
	foreign = "acct_2"
	typeA   = "lead.scored"
	typeB   = "lead.created"
	typeC   = "campaign.finished"
)

// check is a running case: the test, the store, and what the cases do with it
// most. Its methods end the case when a call fails that must not.
type check struct {
	testing.TB
	ctx context.Context
	s   webhook.Store
	h   Harness
}

// units is a duration of n units.
func (c *check) units(n float64) time.Duration { return time.Duration(n * float64(c.h.Unit)) }

// advance lets n units pass.
func (c *check) advance(n float64) { c.h.Advance(c.units(n)) }

// long is a lease that does not end within a case.
func (c *check) long() time.Duration { return c.units(1000) }

func (c *check) must(err error, what string) {
	c.Helper()
	if err != nil {
		c.Fatalf("%s: %v", what, err)
	}
}

var lastID atomic.Uint64

// newID returns a UUIDv7; later ones are greater.
func newID() string {
	n := lastID.Add(1)
	var b [16]byte
	_, _ = rand.Read(b[8:])
	ms := uint64(time.Now().UnixMilli()) + n>>12
	binary.BigEndian.PutUint64(b[:8], ms<<16|0x7000|n&0xfff)
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// draft is an endpoint to be created.
func draft(with ...func(*webhook.Endpoint)) webhook.Endpoint {
	e := webhook.Endpoint{
		ID: newID(), Account: account, Name: "CRM", URL: "https://crm.example.com/hooks",
		Events: []webhook.EventType{typeA, typeB}, Secret: "whsec_0123456789abcdef", Enabled: true,
		SigningKey: "whsk_0123456789abcdef", ChangedBy: "user:zoë",
	}
	for _, f := range with {
		f(&e)
	}
	return e
}

func fifo(e *webhook.Endpoint)           { e.FIFO = true }
func ofForeign(e *webhook.Endpoint)      { e.Account = foreign }
func ofForeignEv(e *eventRecord)         { e.Account = foreign }
func ofType(t string) func(*eventRecord) { return func(e *eventRecord) { e.Type = t } }

type eventRecord = webhook.EventRecord

// endpoint creates one.
func (c *check) endpoint(with ...func(*webhook.Endpoint)) webhook.Endpoint {
	c.Helper()
	return c.put(draft(with...))
}

func (c *check) put(e webhook.Endpoint) webhook.Endpoint {
	c.Helper()
	out, err := c.s.PutEndpoint(c.ctx, e, 100_000)
	c.must(err, "PutEndpoint")
	return out
}

// enable sets whether the endpoint is enabled, at its present version.
func (c *check) enable(e webhook.Endpoint, on bool) webhook.Endpoint {
	c.Helper()
	now := c.look(e).Endpoint
	now.Enabled, now.DisabledBy, now.DisabledReason = on, "", ""
	if !on {
		now.DisabledBy = webhook.DisabledByCustomer
	}
	return c.put(now)
}

// find returns the endpoint as stored, or nil.
func (c *check) find(e webhook.Endpoint) *webhook.EndpointRecord {
	c.Helper()
	rs, err := c.s.Endpoints(c.ctx, webhook.EndpointQuery{Account: e.Account, ID: e.ID, Hours: 168})
	c.must(err, "Endpoints")
	switch len(rs) {
	case 0:
		return nil
	case 1:
		return &rs[0]
	}
	c.Fatalf("Endpoints with an ID returned %d endpoints", len(rs))
	return nil
}

// look returns the endpoint as stored.
func (c *check) look(e webhook.Endpoint) webhook.EndpointRecord {
	c.Helper()
	r := c.find(e)
	if r == nil {
		c.Fatalf("Endpoints does not return the endpoint %s of %s", e.ID, e.Account)
		return webhook.EndpointRecord{}
	}
	return *r
}

// event is one to be appended.
func event(with ...func(*eventRecord)) eventRecord {
	id := newID()
	e := eventRecord{
		ID: id, Account: account, Type: typeA, OccurredAt: time.Now().UTC().Truncate(time.Millisecond),
		Body: []byte(`{"event":"lead.scored","id":"` + id + `"}`),
	}
	for _, f := range with {
		f(&e)
	}
	return e
}

func (c *check) append(events ...eventRecord) []webhook.Appended {
	c.Helper()
	out, err := c.s.Append(c.ctx, events)
	c.must(err, "Append")
	if len(out) != len(events) {
		c.Fatalf("Append of %d events returned %d results", len(events), len(out))
	}
	return out
}

// emit appends one event.
func (c *check) emit(with ...func(*eventRecord)) eventRecord {
	c.Helper()
	e := event(with...)
	if a := c.append(e)[0]; a.Duplicate || a.ID != e.ID {
		c.Fatalf("Append of a new event %s: got %+v", e.ID, a)
	}
	return e
}

// emits appends n events, one after the other.
func (c *check) emits(n int, with ...func(*eventRecord)) []eventRecord {
	c.Helper()
	out := make([]eventRecord, n)
	for i := range out {
		out[i] = c.emit(with...)
	}
	return out
}

func (c *check) claimFor(max int, lease time.Duration) []webhook.Claim {
	c.Helper()
	claims, _, err := c.s.Claim(c.ctx, max, lease)
	c.must(err, "Claim")
	if len(claims) > max {
		c.Fatalf("Claim of up to %d lanes returned %d", max, len(claims))
	}
	return claims
}

// claim takes the lane that must be ready, and is the only one with work.
func (c *check) claim(e webhook.Endpoint) webhook.Claim {
	c.Helper()
	return c.claimLease(e, c.long())
}

func (c *check) claimLease(e webhook.Endpoint, lease time.Duration) webhook.Claim {
	c.Helper()
	var out webhook.Claim
	claims := c.claimFor(100, lease)
	for _, x := range claims {
		if x.Endpoint == e.ID {
			out = x
		} else if b := c.due(x.Hold); len(b.Deliveries) > 0 { // one that was edited may be ready without work
			c.Fatalf("only the lane of %s may have work; %v has %v", e.ID, x.Hold, ids(b.Deliveries))
		} else {
			c.giveBack(webhook.Return{Hold: x.Hold, Mark: b.Mark})
		}
	}
	if out.Endpoint == "" {
		c.Fatalf("Claim must return the lane of %s, which is ready; got %d lanes %v", e.ID, len(claims), holds(claims))
	}
	return out
}

// noClaim says that no lane may be ready.
func (c *check) noClaim(when string) {
	c.Helper()
	if claims := c.claimFor(100, c.long()); len(claims) > 0 {
		c.Fatalf("%s: Claim must return nothing, got %v", when, holds(claims))
	}
}

func holds(claims []webhook.Claim) []webhook.Hold {
	var out []webhook.Hold
	for _, x := range claims {
		out = append(out, x.Hold)
	}
	return out
}

// ask asks one lane; ok is false if it is left out.
func (c *check) ask(w webhook.Want) (b webhook.Batch, ok bool) {
	c.Helper()
	bs, err := c.s.Due(c.ctx, []webhook.Want{w})
	c.must(err, "Due")
	switch {
	case len(bs) == 0:
		return b, false
	case len(bs) > 1 || bs[0].Hold != w.Hold:
		c.Fatalf("Due for %v returned %d batches, the first for %v", w.Hold, len(bs), bs[0].Hold)
	}
	return bs[0], true
}

// due asks a lane that must be held for up to 100 deliveries.
func (c *check) due(h webhook.Hold, with ...func(*webhook.Want)) webhook.Batch {
	c.Helper()
	w := webhook.Want{Hold: h, Max: 100}
	for _, f := range with {
		f(&w)
	}
	b, ok := c.ask(w)
	if !ok {
		c.Fatalf("Due leaves out the lane %v, which is held", h)
	}
	return b
}

// one asks for the single delivery that must be due.
func (c *check) one(h webhook.Hold) webhook.Delivery {
	c.Helper()
	b := c.due(h)
	if len(b.Deliveries) != 1 {
		c.Fatalf("Due must return one delivery, got %v", ids(b.Deliveries))
	}
	return b.Deliveries[0]
}

func ids(ds []webhook.Delivery) []int64 {
	var out []int64
	for _, d := range ds {
		out = append(out, d.ID)
	}
	return out
}

func (c *check) wantIDs(what string, got []webhook.Delivery, want ...int64) {
	c.Helper()
	if !slices.Equal(ids(got), want) {
		c.Fatalf("%s: want deliveries %v, got %v", what, want, ids(got))
	}
}

func (c *check) settle(outcomes []webhook.Outcome, returns ...webhook.Return) webhook.Settled {
	c.Helper()
	s, err := c.s.Settle(c.ctx, outcomes, returns)
	c.must(err, "Settle")
	if len(s.Applied) != len(outcomes) {
		c.Fatalf("Settle of %d outcomes returned %d times Applied", len(outcomes), len(s.Applied))
	}
	return s
}

// apply settles one outcome, which must be applied.
func (c *check) apply(o webhook.Outcome) webhook.Settled {
	c.Helper()
	s := c.settle([]webhook.Outcome{o})
	if !s.Applied[0] {
		c.Fatalf("Settle does not apply %s of delivery %d by %v", o.State, o.Delivery, o.Hold)
	}
	return s
}

// drop settles one outcome, which must not be applied.
func (c *check) drop(o webhook.Outcome, why string) {
	c.Helper()
	if s := c.settle([]webhook.Outcome{o}); s.Applied[0] {
		c.Fatalf("Settle applies %s of delivery %d by %v: %s", o.State, o.Delivery, o.Hold, why)
	}
}

// giveBack returns a lane, which must be accepted.
func (c *check) giveBack(r webhook.Return) {
	c.Helper()
	if s := c.settle(nil, r); len(s.Refused) > 0 {
		c.Fatalf("Settle refuses the return of %v, whose holder is the present one", r.Hold)
	}
}

// refuse returns a lane, which must be refused.
func (c *check) refuse(r webhook.Return, why string) {
	c.Helper()
	if s := c.settle(nil, r); len(s.Refused) != 1 || s.Refused[0] != r.Hold {
		c.Fatalf("Settle must refuse the return of %v: %s; refused are %v", r.Hold, why, s.Refused)
	}
}

// work claims a lane, settles what is due as verdict says and gives it back.
func (c *check) work(e webhook.Endpoint, verdict func(webhook.Hold, webhook.Delivery) webhook.Outcome) []webhook.Delivery {
	c.Helper()
	h := c.claim(e).Hold
	b := c.due(h)
	var outcomes []webhook.Outcome
	for _, d := range b.Deliveries {
		outcomes = append(outcomes, verdict(h, d))
	}
	s := c.settle(outcomes, webhook.Return{Hold: h, Mark: b.Mark})
	if slices.Contains(s.Applied, false) || len(s.Refused) > 0 {
		c.Fatalf("Settle by the holder: applied %v, refused %v", s.Applied, s.Refused)
	}
	return b.Deliveries
}

// kill emits n events to the only endpoint that gets them, and lets their
// deliveries die.
func (c *check) kill(e webhook.Endpoint, n int, with ...func(*eventRecord)) []webhook.Delivery {
	c.Helper()
	c.emits(n, with...)
	ds := c.work(e, dead)
	if len(ds) != n {
		c.Fatalf("%d events were emitted, Due returned %d deliveries", n, len(ds))
	}
	return ds
}

func (c *check) log(q webhook.DeliveryQuery) []webhook.DeliveryRecord {
	c.Helper()
	if q.Account == "" {
		q.Account = account
	}
	rs, err := c.s.Deliveries(c.ctx, q)
	c.must(err, "Deliveries")
	return rs
}

// record returns one delivery of the log.
func (c *check) record(id int64) webhook.DeliveryRecord {
	c.Helper()
	rs := c.log(webhook.DeliveryQuery{IDs: []int64{id}, Body: true})
	if len(rs) != 1 || rs[0].ID != id {
		c.Fatalf("Deliveries with ID %d returned %d records", id, len(rs))
		return webhook.DeliveryRecord{}
	}
	return rs[0]
}

// wantState says where a delivery must stand, and how many attempts of each
// result its history must have.
func (c *check) wantState(id int64, state webhook.State, results ...webhook.Result) webhook.DeliveryRecord {
	c.Helper()
	r := c.record(id)
	var got []webhook.Result
	for _, a := range r.Attempts {
		got = append(got, a.Result)
	}
	if r.State != state || !slices.Equal(got, results) {
		c.Fatalf("delivery %d must be %s with the attempts %v; it is %s with %v", id, state, results, r.State, got)
	}
	return r
}
