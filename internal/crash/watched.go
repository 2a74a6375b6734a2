package main

import (
	"context"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

// A watched store is one whose process dies in one of its calls, if it has a
// trap. It also counts what is settled, and whether that was in time.
type watched struct {
	webhook.Store
	trap  *trap // nil for none
	gauge *gauge

	mu    sync.Mutex
	until map[webhook.Hold]time.Time // the end of the lease
}

func newWatched(s webhook.Store, r *role, g *gauge) *watched {
	w := &watched{Store: s, gauge: g, until: map[webhook.Hold]time.Time{}}
	if r.Trap != nil {
		w.trap = &trap{Point: *r.Trap, gauge: g}
	}
	return w
}

// during runs a call with its moments. counts says whether this one matters.
func (s *watched) during(ctx context.Context, call string, counts bool, f func(ctx context.Context) error) error {
	if s.trap == nil || s.trap.Call != call || !counts {
		return f(ctx)
	}
	s.trap.reach(entering)
	err := f(context.WithValue(ctx, trapKey{}, s.trap))
	if err == nil {
		s.trap.reach(leaving)
	}
	return err
}

// Append implements [webhook.Store].
func (s *watched) Append(ctx context.Context, events []webhook.EventRecord) (out []webhook.Appended, err error) {
	err = s.during(ctx, "append", true, func(ctx context.Context) error {
		out, err = s.Store.Append(ctx, events)
		return err
	})
	return out, err
}

// Claim implements [webhook.Store].
func (s *watched) Claim(ctx context.Context, most int, lease time.Duration) (claims []webhook.Claim, next time.Duration, err error) {
	end := time.Now().Add(lease)
	if claims, next, err = s.Store.Claim(ctx, most, lease); err != nil || len(claims) == 0 {
		return claims, next, err
	}
	_ = s.during(ctx, "claim", true, func(context.Context) error { return nil })
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range claims {
		s.until[c.Hold] = end
	}
	return claims, next, nil
}

// Extend implements [webhook.Store].
func (s *watched) Extend(ctx context.Context, holds []webhook.Hold, lease time.Duration) (lost []webhook.Hold, err error) {
	end := time.Now().Add(lease)
	err = s.during(ctx, "extend", true, func(ctx context.Context) error {
		lost, err = s.Store.Extend(ctx, holds, lease)
		return err
	})
	if err != nil {
		return lost, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range holds {
		s.until[h] = end
	}
	for _, h := range lost {
		delete(s.until, h)
	}
	return lost, nil
}

// Settle implements [webhook.Store].
func (s *watched) Settle(ctx context.Context, outcomes []webhook.Outcome, returns []webhook.Return) (out webhook.Settled, err error) {
	var sent []*webhook.Outcome
	for i := range outcomes {
		if outcomes[i].Attempt != nil {
			sent = append(sent, &outcomes[i])
		}
	}
	err = s.during(ctx, "settle", len(sent) > 0, func(ctx context.Context) error {
		out, err = s.Store.Settle(ctx, outcomes, returns)
		return err
	})
	if err == nil && len(sent) > 0 {
		s.gauge.add(reading{Done: int64(len(sent)), Late: s.late(sent)})
	}
	return out, err
}

// late counts outcomes that were settled after the end of the lease, or are of
// requests that the dispatcher itself cut off.
func (s *watched) late(sent []*webhook.Outcome) (n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for _, o := range sent {
		if o.Attempt.Result == webhook.ResultInterrupted || !now.Before(s.until[o.Hold]) {
			n++
		}
	}
	return n
}
