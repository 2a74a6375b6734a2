package webhook

import (
	"context"
	"time"

	"github.com/autoreach/webhook/internal/fair"
	"github.com/autoreach/webhook/internal/pace"
)

// claimBatch is how many lanes are claimed at a time.
const claimBatch = 64

// claimLoop takes ready lanes as long as there is something to send with.
func (e *engine) claimLoop(ctx context.Context) {
	b := newStoreBackoff()
	for ctx.Err() == nil {
		n := e.claimable()
		if n == 0 {
			wait(ctx, e.claimSignal, pauseInterval)
			continue
		}
		asked := time.Now()
		call, cancel := e.call(ctx)
		claims, next, err := e.store.Claim(call, n, e.o.Lease)
		cancel()
		if e.failed(ctx, "claim", err) {
			b.wait(ctx)
			continue
		}
		b.reset()
		e.take(claims, asked, next == 0)
		if next > 0 || len(claims) == 0 {
			wait(ctx, e.claimSignal, max(next, time.Millisecond))
		}
	}
}

// call is the context of a call of the store whose answer is of no use later
// than a lease. It is not cut short when Run is told to end: a claim whose
// answer is lost keeps its lanes from everybody until the lease ends.
func (e *engine) call(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), e.o.Lease)
}

// claimable is how many lanes may be claimed now.
func (e *engine) claimable() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping || e.pausedAll() {
		return 0
	}
	n := min(claimBatch, e.maxHeld()-len(e.lanes), e.sched.Free())
	if n <= 0 {
		e.crowded = true
		return 0
	}
	return n
}

// take makes claimed lanes the engine's own. crowded says that more are ready.
func (e *engine) take(claims []Claim, asked time.Time, crowded bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.crowded = crowded && len(e.lanes)+len(claims) >= e.maxHeld()
	for _, c := range claims {
		if old := e.lanes[c.Endpoint]; old != nil {
			e.lose(old) // its lease had run out
		}
		l := &lane{
			hold: c.Hold, target: e.target(c.Config), pace: pace.Load(c.Pace), claim: c,
			tenure: fair.Tenure{Since: asked}, deadline: e.fence(asked),
			hands: map[int64]struct{}{}, hungry: true,
		}
		l.ctx, l.cancel = context.WithCancel(context.Background())
		l.slot = e.sched.Add(l, l.target.host, l.pace.Slow())
		e.lanes[c.Endpoint] = l
		e.advance(l, asked)
	}
}

// fence is when a lease that was asked for at that time must be thought over.
func (e *engine) fence(asked time.Time) time.Time {
	return asked.Add(e.o.Lease - e.o.Lease/fenceMargin)
}

// maxTargets bounds the cache of endpoints made ready.
const maxTargets = 10_000

// target returns the endpoint made ready, from the cache if it is there.
func (e *engine) target(c Endpoint) *target {
	if t := e.targets[c.ID]; t != nil && t.config.Version == c.Version {
		return t
	}
	if len(e.targets) >= maxTargets {
		clear(e.targets)
	}
	t := e.d.newTarget(c)
	e.targets[c.ID] = t
	return t
}
