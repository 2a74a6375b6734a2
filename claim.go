package webhook

import (
	"context"
	"time"

	"github.com/autoreach/webhook/internal/fair"
	"github.com/autoreach/webhook/internal/pace"
)

const (
	// claimBatch is how many lanes are claimed at a time. As long as all that were
	// asked for come, it doubles, up to maxClaimBatch: fewer claims of more, while
	// processes that share a little take about as much each.
	claimBatch    = 64
	maxClaimBatch = 256
	// claimPause is how many times as long as a claim that found nothing took
	// the next one has to wait; twice as long with each that finds nothing, up to
	// maxClaimPause.
	claimPause    = 2
	maxClaimPause = 20 * time.Millisecond
)

// claimLoop takes ready lanes as long as there are slots.
func (e *engine) claimLoop(ctx context.Context) {
	b := newStoreBackoff()
	batch, pause := claimBatch, time.Duration(0)
	for ctx.Err() == nil {
		n := e.claimable(batch)
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
		took := time.Since(asked)
		e.take(claims, asked, next == 0)
		if len(claims) == 0 && next > 0 {
			// Whatever is emitted asks for a claim, and most of it is for lanes
			// that are held: claiming leaves the store time for delivering.
			pause = min(max(claimPause*took, 2*pause), maxClaimPause)
			wait(ctx, nil, pause)
			next -= pause
		} else {
			pause = 0
		}
		if len(claims) == n {
			batch = min(2*batch, maxClaimBatch)
		} else {
			batch = claimBatch
		}
		if next != 0 || len(claims) == 0 {
			if signalled := wait(ctx, e.claimSignal, max(next, time.Millisecond)); !signalled {
				pause = 0 // it is quiet
			}
		}
	}
}

// call is the context of a call of the store whose answer is of no use later
// than a lease. It is not cut short at once when Run is told to end: a claim
// whose answer is lost keeps its lanes from everybody until the lease ends.
func (e *engine) call(ctx context.Context) (context.Context, context.CancelFunc) {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.o.Lease)
	stop := context.AfterFunc(ctx, func() {
		wait(call, nil, min(time.Second, e.o.Grace))
		cancel()
	})
	return call, func() { stop(); cancel() }
}

// claimable is how many lanes may be claimed now, at most that many.
func (e *engine) claimable(most int) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.stopping || e.pauses.Seq == 0 || e.pausedAll() {
		return 0
	}
	n := min(most, e.maxHeld()-len(e.lanes)-len(e.returning)-len(e.returns), e.budget.Free())
	if n <= 0 {
		e.crowded = true
		return 0
	}
	return n
}

// take makes claimed lanes the engine's own. more says that there are more.
func (e *engine) take(claims []Claim, asked time.Time, more bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.crowded = more && e.budget.Free() <= len(claims)
	e.share = max(1, e.budget.Free()/max(1, len(claims)))
	for _, c := range claims {
		if old := e.lanes[c.Endpoint]; old != nil {
			e.lose(old) // its lease had run out
		}
		l := &lane{
			hold: c.Hold, target: e.target(c.Config), pace: pace.Load(c.Pace),
			tenure: fair.Tenure{Since: asked}, deadline: e.fence(asked),
			mark: MarkAny, hungry: true, fresh: len(c.Pace) == 0, pending: -1, failingFor: c.FailingFor, deadInRow: c.DeadInRow,
		}
		l.ctx, l.cancel = context.WithCancel(context.Background())
		e.lanes[c.Endpoint] = l
		e.advance(l, asked)
	}
}

// fenceMargin is the part of the lease before whose end a holder that could
// not renew it stops sending.
const fenceMargin = 5

// fence is until when a lease that was asked for at that time can be relied on.
func (e *engine) fence(asked time.Time) time.Time {
	return asked.Add(e.o.Lease - e.o.Lease/fenceMargin)
}

// maxTargets bounds the cache of endpoints made ready.
const maxTargets = 10_000

// target returns the endpoint made ready, from the cache if it is there.
func (e *engine) target(c Endpoint) *target {
	// The time tells one that was deleted from one that was created with its ID.
	if t := e.targets[c.ID]; t != nil && t.config.Version == c.Version && t.config.CreatedAt.Equal(c.CreatedAt) {
		return t
	}
	if len(e.targets) >= maxTargets {
		clear(e.targets)
	}
	t := e.d.newTarget(c)
	e.targets[c.ID] = t
	return t
}
