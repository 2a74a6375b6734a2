package webhook

import (
	"context"
	"time"

	"github.com/autoreach/webhook/internal/pace"
)

// renewLoop keeps the leases of held lanes, and gives up those that it could
// not keep before somebody else may take them.
func (e *engine) renewLoop(ctx context.Context) {
	tick := e.o.Lease / 15
	for n := 1; ctx.Err() == nil; n++ {
		wait(ctx, nil, tick)
		e.fenceOff()
		if n%5 == 0 {
			e.renew(ctx)
		}
	}
}

// renew extends all leases. It is given a third of the lease to do so: if the
// store hangs, the next try begins.
func (e *engine) renew(ctx context.Context) {
	e.mu.Lock()
	holds := make([]Hold, 0, len(e.lanes))
	for _, l := range e.lanes {
		holds = append(holds, l.hold)
	}
	e.mu.Unlock()
	if len(holds) == 0 {
		return
	}
	asked := time.Now()
	call, cancel := context.WithTimeout(ctx, e.o.Lease/3)
	defer cancel()
	lost, err := e.store.Extend(call, holds, e.o.Lease)
	if e.failed(ctx, "extend", err) {
		return
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
}

// fenceOff gives up lanes whose lease could not be renewed in time, and moves
// sends that have been on their way for long to the budget of slow ones.
func (e *engine) fenceOff() {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	for _, l := range e.lanes {
		if !now.Before(l.deadline) {
			e.o.Logger.Warn("webhook: gave up a lane whose lease could not be renewed", "endpoint", l.hold.Endpoint)
			e.lose(l)
		}
	}
	for f := range e.flights {
		if !f.overdue && now.Sub(f.began) > pace.SlowAfter {
			f.overdue = true
			e.sched.Overdue(f.ticket)
		}
	}
	e.launch(now)
}
