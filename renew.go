package webhook

import (
	"context"
	"slices"
	"time"

	"github.com/autoreach/webhook/internal/fair"
	"github.com/autoreach/webhook/internal/pace"
)

// renewLoop keeps the leases of held lanes.
func (e *engine) renewLoop(ctx context.Context) {
	for ctx.Err() == nil {
		every := e.o.Lease / 3
		if !e.renew(ctx) {
			every = e.o.Lease / 15
		}
		wait(ctx, nil, every)
	}
}

// renew extends all leases, and says whether it could. It leaves time for
// another try before the first of them ends.
func (e *engine) renew(ctx context.Context) bool {
	e.mu.Lock()
	holds := make([]Hold, 0, len(e.lanes))
	for _, l := range e.lanes {
		holds = append(holds, l.hold)
	}
	for _, r := range slices.Concat(e.returning, e.returns) { // settling may take longer than a lease
		holds = append(holds, r.Hold)
	}
	e.mu.Unlock()
	if len(holds) == 0 {
		return true
	}
	asked := time.Now()
	call, cancel := context.WithTimeout(ctx, e.o.Lease/5)
	defer cancel()
	lost, err := e.store.Extend(call, holds, e.o.Lease)
	if e.failed(ctx, "extend", err) {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, h := range lost {
		if l := e.lanes[h.Endpoint]; l != nil && l.hold == h {
			e.lose(l)
		}
	}
	for _, h := range holds {
		if l := e.lanes[h.Endpoint]; l != nil && l.hold == h {
			l.deadline = e.fence(asked)
		}
	}
	return true
}

// fenceLoop does in time what must not wait for the store.
func (e *engine) fenceLoop(ctx context.Context) {
	for ctx.Err() == nil {
		wait(ctx, nil, min(e.o.Lease/15, time.Second))
		for _, endpoint := range e.fenceOff() {
			e.o.Logger.Warn("webhook: gave up a lane whose lease could not be renewed", "endpoint", endpoint)
		}
	}
}

// fenceOff gives up lanes whose lease could not be renewed, before somebody
// else may take them, and moves sends that have been on their way for long to
// the slow share.
func (e *engine) fenceOff() (lost []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for _, l := range e.lanes {
		if !now.Before(l.deadline) {
			lost = append(lost, l.hold.Endpoint)
			e.lose(l)
		}
	}
	for f := range e.flights {
		if f.overdue || now.Sub(f.began) <= pace.SlowAfter {
			continue
		}
		f.overdue = true
		f.lane.overdue++
		e.budget.Overdue(f.ticket)
		// It would do nothing else until the answer comes, which slow ones do anyway
		// where they take turns.
		if l := f.lane; l.tenured && l.rest == 0 && (l.class() != fair.Slow || !e.budget.Strained()) {
			l.leaving, l.tenured, l.turn, l.hungry = false, false, false, true
			e.advance(l, now)
		}
		notify(e.claimSignal)
	}
	if now.Sub(e.adjusted) >= time.Second {
		e.adjusted = now
		e.adjustRest(now)
	}
	return lost
}
