package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/autoreach/webhook"
)

var unknownCases = []testCase{
	{"Unknown/EveryMethodRepeated", "when the answer of a call is lost after it was applied, its repeat with the same arguments " +
		"does no harm, whatever the method: endpoints, events, lanes, history and counts are as after one call", unknownAll},
	{"Unknown/ClaimLost", "lanes whose claim was answered into the void come back when the lease ends", unknownClaim},
	{"Unknown/SettleAndReturnRepeated", "a repeat of outcomes with a return changes nothing, even when another holder has the " +
		"lane by then", unknownSettle},
}

var errLost = errors.New("the answer was lost")

// lossy is a store whose answers get lost after the call was applied, as
// often as lose says. The caller cannot know, and repeats.
type lossy struct {
	webhook.Store
	lose func() bool
}

func (l lossy) lost(err error) error {
	if err == nil && l.lose() {
		return errLost
	}
	return err
}

func lossy1[R any](l lossy, r R, err error) (R, error) {
	if err = l.lost(err); err == errLost {
		var zero R
		return zero, err
	}
	return r, err
}

func (l lossy) PutEndpoint(ctx context.Context, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	r, err := l.Store.PutEndpoint(ctx, e, limit)
	return lossy1(l, r, err)
}

func (l lossy) DeleteEndpoint(ctx context.Context, account, id string) error {
	return l.lost(l.Store.DeleteEndpoint(ctx, account, id))
}

func (l lossy) Endpoints(ctx context.Context, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	r, err := l.Store.Endpoints(ctx, q)
	return lossy1(l, r, err)
}

func (l lossy) Append(ctx context.Context, events []eventRecord) ([]webhook.Appended, error) {
	r, err := l.Store.Append(ctx, events)
	return lossy1(l, r, err)
}

func (l lossy) Claim(ctx context.Context, n int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
	r, next, err := l.Store.Claim(ctx, n, lease)
	r, err = lossy1(l, r, err)
	return r, next, err
}

func (l lossy) Due(ctx context.Context, wants []webhook.Want) ([]webhook.Batch, error) {
	r, err := l.Store.Due(ctx, wants)
	return lossy1(l, r, err)
}

func (l lossy) Extend(ctx context.Context, hs []webhook.Hold, lease time.Duration) ([]webhook.Hold, error) {
	r, err := l.Store.Extend(ctx, hs, lease)
	return lossy1(l, r, err)
}

func (l lossy) Settle(ctx context.Context, o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
	s, err := l.Store.Settle(ctx, o, r)
	return lossy1(l, s, err)
}

func (l lossy) Deliveries(ctx context.Context, q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
	r, err := l.Store.Deliveries(ctx, q)
	return lossy1(l, r, err)
}

func (l lossy) Resend(ctx context.Context, account string, id int64, op string) (int64, error) {
	r, err := l.Store.Resend(ctx, account, id, op)
	return lossy1(l, r, err)
}

func (l lossy) Recover(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	r, err := l.Store.Recover(ctx, q)
	return lossy1(l, r, err)
}

func (l lossy) Dismiss(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	r, err := l.Store.Dismiss(ctx, q)
	return lossy1(l, r, err)
}

func (l lossy) Purge(ctx context.Context, ages webhook.Ages, n int) (int, error) {
	r, err := l.Store.Purge(ctx, ages, n)
	return lossy1(l, r, err)
}

func (l lossy) Erase(ctx context.Context, e webhook.Erasure, n int) (int, error) {
	r, err := l.Store.Erase(ctx, e, n)
	return lossy1(l, r, err)
}

func (l lossy) Stats(ctx context.Context) (webhook.StoreStats, error) {
	r, err := l.Store.Stats(ctx)
	return lossy1(l, r, err)
}

func (l lossy) Pauses(ctx context.Context) (webhook.Pauses, error) {
	r, err := l.Store.Pauses(ctx)
	return lossy1(l, r, err)
}

func (l lossy) SetPause(ctx context.Context, p webhook.Pause, on bool) error {
	return l.lost(l.Store.SetPause(ctx, p, on))
}

// again calls f until its outcome is known; benign is what a repeat may be
// refused with.
func again(f func() error, benign ...error) error {
	for {
		err := f()
		if errors.Is(err, errLost) {
			continue
		}
		for _, b := range benign {
			if errors.Is(err, b) {
				return nil
			}
		}
		return err
	}
}

// unknownAll goes through a life on which every single answer is lost once,
// and compares what is stored with a life without losses.
func unknownAll(c *check) {
	calm := c.life(account+"_calm", func() bool { return false })
	turn := 0
	wild := c.life(account+"_wild", func() bool { turn++; return turn%2 == 1 })
	if calm != wild {
		c.Errorf("after a life without lost answers:\n%s\nafter one in which every answer was lost once:\n%s", calm, wild)
	}
	if turn < 30 {
		c.Errorf("only %d answers could be lost", turn)
	}
}

// life lives through all methods in an account of its own, and describes what
// is stored in the end.
func (c *check) life(account string, lose func() bool) string {
	c.Helper()
	s := lossy{c.s, lose}
	do := func(what string, f func() error, benign ...error) {
		c.Helper()
		c.must(again(f, benign...), what)
	}
	of := func(e *eventRecord) { e.Account = account }
	e := draft(func(e *webhook.Endpoint) { e.Account = account })
	gone := draft(func(e *webhook.Endpoint) { e.Account = account })
	for _, x := range []webhook.Endpoint{e, gone} {
		do("PutEndpoint", func() error { _, err := s.PutEndpoint(c.ctx, x, 2); return err })
	}
	do("DeleteEndpoint", func() error { return s.DeleteEndpoint(c.ctx, account, gone.ID) }, webhook.ErrNotFound)
	e.Version, e.Name = 1, "renamed"
	do("PutEndpoint", func() error { _, err := s.PutEndpoint(c.ctx, e, 2); return err }, webhook.ErrConflict)
	events := []eventRecord{event(of), event(of), event(of), event(of), event(of), event(of), event(of, ofSubject("lead:1"))}
	for i := range events {
		events[i].Key, events[i].KeyWindow = fmt.Sprint("key", i), c.long()
	}
	do("Append", func() error { _, err := s.Append(c.ctx, events); return err })
	h := c.claim(e).Hold
	var b []webhook.Batch
	due := func() {
		c.Helper()
		do("Due", func() (err error) { b, err = s.Due(c.ctx, []webhook.Want{{Hold: h, Max: 100}}); return err })
		if len(b) != 1 {
			c.Fatalf("the lane is lost")
		}
	}
	due()
	ds := b[0].Deliveries
	if len(ds) != len(events) {
		c.Fatalf("%d events, %d deliveries", len(events), len(ds))
	}
	do("Extend", func() error { _, err := s.Extend(c.ctx, []webhook.Hold{h}, c.long()); return err })
	settle := func(r []webhook.Return, o ...webhook.Outcome) {
		c.Helper()
		do("Settle", func() error { _, err := s.Settle(c.ctx, o, r); return err })
	}
	settle(nil, delivered(h, ds[0]), dead(h, ds[1]), interrupted(h, ds[2]), dead(h, ds[3]), retry(0)(h, ds[4]), unsent(webhook.ReasonExpired)(h, ds[5]))
	byIDs := func(d ...webhook.Delivery) webhook.DeliveryQuery {
		return webhook.DeliveryQuery{Account: account, IDs: ids(d)}
	}
	do("Resend", func() error { _, err := s.Resend(c.ctx, account, ds[1].ID, "op"); return err })
	do("Recover", func() error { _, err := s.Recover(c.ctx, byIDs(ds[3])); return err })
	do("Dismiss", func() error { _, err := s.Dismiss(c.ctx, byIDs(ds[5])); return err })
	c.advance(0.1)
	due()
	settle([]webhook.Return{{Hold: h, Mark: webhook.MarkAny}}, dead(h, b[0].Deliveries[0]))
	h = c.claim(e).Hold
	pause := webhook.Pause{Account: account}
	do("SetPause", func() error { return s.SetPause(c.ctx, pause, true) })
	do("SetPause", func() error { return s.SetPause(c.ctx, pause, false) })
	do("Pauses", func() error { _, err := s.Pauses(c.ctx); return err })
	do("Stats", func() error { _, err := s.Stats(c.ctx); return err })
	erased := 1
	for erased > 0 {
		do("Erase", func() (err error) {
			erased, err = s.Erase(c.ctx, webhook.Erasure{Account: account, Subject: "lead:1"}, 10)
			return err
		})
	}
	do("Purge", func() error { _, err := s.Purge(c.ctx, webhook.Ages{Log: c.long()}, 10); return err })
	due()
	var rs []webhook.DeliveryRecord
	do("Deliveries", func() (err error) {
		rs, err = s.Deliveries(c.ctx, webhook.DeliveryQuery{Account: account})
		return err
	})
	var es []webhook.EndpointRecord
	do("Endpoints", func() (err error) {
		es, err = s.Endpoints(c.ctx, webhook.EndpointQuery{Account: account, Hours: 5})
		return err
	})
	out := fmt.Sprintf("%d endpoints, version %d %s, %d pending, %d due, %s after %d, %d undelivered, failing %t, counters %+v\n",
		len(es), es[0].Version, es[0].Name, es[0].Pending, len(b[0].Deliveries), es[0].Health.Last, es[0].Health.Attempt,
		es[0].Health.Undelivered, es[0].Health.InError, c.counters(e))
	for _, r := range rs {
		out += fmt.Sprintf("%s %s resend %t of %t, resent %t, undelivered %t:", r.State, r.Reason, r.Resend, r.Of != 0, r.ResentAs != 0, r.Undelivered)
		for _, a := range r.Attempts {
			out += fmt.Sprint(" ", a.N, a.Result)
		}
		out += "\n"
	}
	return out
}

func unknownClaim(c *check) {
	e := c.endpoint()
	c.emit()
	s := lossy{c.s, func() bool { return true }}
	if _, _, err := s.Claim(c.ctx, 10, c.units(2)); !errors.Is(err, errLost) {
		c.Fatalf("Claim: %v", err)
	}
	c.noClaim("within the lease of a claim whose answer was lost")
	c.advance(2.5)
	c.one(c.claim(e).Hold)
}

func unknownSettle(c *check) {
	e := c.endpoint()
	c.emits(2)
	h := c.claim(e).Hold
	ds := c.due(h).Deliveries
	o := []webhook.Outcome{retry(0)(h, ds[0]), interrupted(h, ds[1])}
	r := webhook.Return{Hold: h, Mark: webhook.MarkAny, Pace: []byte("old")}
	c.settle(o, r) // its answer is lost
	c.advance(0.1)
	now := c.claim(e).Hold
	c.apply(retry(c.units(2))(now, ds[1]))
	if s := c.settle(o, r); len(s.Refused) != 1 || len(s.Changes) != 0 {
		c.Errorf("the repeat of a return that was applied: %+v", s)
	}
	c.noClaim("after the repeat, while another one holds the lane")
	c.wantIDs("after the repeat", c.due(now).Deliveries, ds[0].ID)
	c.advance(2.5)
	for _, d := range c.due(now, skip(ds[0].ID)).Deliveries {
		if d.ID != ds[1].ID || d.Attempts != 1 || d.Delay != c.units(2) {
			c.Errorf("after the repeat of a settle: %+v", d)
		}
	}
	f, i := webhook.ResultFailed, webhook.ResultInterrupted
	c.wantState(ds[0].ID, webhook.StatePending, f)
	c.wantState(ds[1].ID, webhook.StatePending, i, f)
}
