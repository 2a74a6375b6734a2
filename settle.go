package webhook

import (
	"context"
	"slices"
	"time"
)

const (
	// settleBatch is how many outcomes go into one Settle.
	settleBatch = 1000
	// After a Settle of so many outcomes, but not all that it could take, the next
	// one waits (see gather).
	manyOutcomes = 64
)

// settle queues an outcome.
func (e *engine) settle(o Outcome) {
	e.owed[o.Endpoint] = append(e.owed[o.Endpoint], o.Delivery)
	e.outcomes = append(e.outcomes, o)
	notify(e.settleSignal)
}

// settleLoop settles what is queued: at once when nothing is under way, and
// all that gathered meanwhile in one step when something was. It repeats a
// step whose outcome is unknown until it is known.
func (e *engine) settleLoop(ctx context.Context) {
	b := newStoreBackoff()
	for ctx.Err() == nil {
		outcomes, returns := e.unsettled()
		if len(outcomes)+len(returns) == 0 {
			wait(ctx, e.settleSignal, longSleep)
			continue
		}
		for ctx.Err() == nil {
			call, cancel := context.WithTimeout(ctx, e.o.Lease)
			asked := time.Now()
			settled, err := e.store.Settle(call, outcomes, returns)
			cancel()
			took := time.Since(asked)
			if !e.failed(ctx, "settle", err) {
				b.reset()
				e.settled(outcomes, returns, settled)
				if n := len(outcomes); manyOutcomes <= n && n < settleBatch {
					gather(ctx, took)
				}
				break
			}
			b.wait(ctx)
		}
	}
}

// unsettled takes what is queued. The outcomes of a lane that is returned are
// settled already or in the same step, so a return need not wait for those of
// others.
func (e *engine) unsettled() ([]Outcome, []Return) {
	e.mu.Lock()
	defer e.mu.Unlock()
	outcomes := e.outcomes
	e.outcomes = nil
	if len(outcomes) > settleBatch {
		outcomes, e.outcomes = outcomes[:settleBatch:settleBatch], outcomes[settleBatch:]
	}
	e.returnDone(outcomes)
	returns := e.returns
	e.returns, e.returning = nil, returns
	e.settling = len(outcomes)+len(returns) > 0
	return outcomes, returns
}

// returnDone queues the returns of lanes that had one delivery to send, as far as is
// known, with its outcome if that is all they have in hand: one step of the store
// instead of two. What is emitted meanwhile for such a lane waits for the step, so one
// that had more to send is kept until then.
func (e *engine) returnDone(outcomes []Outcome) {
	for i := range outcomes {
		l := e.lanes[outcomes[i].Endpoint]
		if l != nil && l.hold == outcomes[i].Hold && l.tenure.Sends == 1 && e.hands(l) == 1 && !l.asking && !l.hungry {
			e.giveBack(l, l.mark)
		}
	}
}

// settled lets go of what is settled.
func (e *engine) settled(outcomes []Outcome, returns []Return, s Settled) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.settling, e.returning = false, nil
	now := time.Now()
	for i := range outcomes {
		o := &outcomes[i]
		if owed := without(e.owed[o.Endpoint], o.Delivery); len(owed) > 0 {
			e.owed[o.Endpoint] = owed
		} else {
			delete(e.owed, o.Endpoint)
		}
		if l := e.lanes[o.Endpoint]; l != nil {
			e.advance(l, now)
		}
	}
	for _, h := range s.Refused {
		e.returnAgain(returns, h)
	}
	e.lookForReady(returns)
	if len(s.Changes) > 0 {
		e.news = append(e.news, s.Changes...)
		notify(e.newsSignal)
	}
}

// lookForReady has claimLoop look again, since a lane that was returned may be ready
// earlier than what the loop waits for. Where none is known to have more to send,
// one claim soon is enough for all: retries may be due, or what a pause held up.
func (e *engine) lookForReady(returns []Return) {
	switch {
	case len(returns) == 0:
	case slices.ContainsFunc(returns, func(r Return) bool { return r.Mark == MarkAny }):
		notify(e.claimSignal)
	case !e.looking:
		e.looking = true
		time.AfterFunc(maxClaimPause, func() {
			e.mu.Lock()
			e.looking = false
			e.mu.Unlock()
			notify(e.claimSignal)
		})
	}
}

// returnAgain follows a refused return: either work came in, or the lane is
// lost. It is returned as one with work left, which is refused only if it is
// lost.
func (e *engine) returnAgain(returns []Return, h Hold) {
	for _, r := range returns {
		if r.Hold == h && (r.Mark != MarkAny || r.Park != 0) {
			if r.Park != 0 && r.Park == e.pauses.Seq { // maybe by pauses of the past
				notify(e.watchSignal)
				rest := wakeInterval // more likely something came in
				if len(r.Exclude) == 0 {
					rest = pauseInterval // which is not to be sent anyway
				}
				r.Pause = max(r.Pause, rest)
			}
			r.Mark, r.Park, r.Exclude = MarkAny, 0, nil
			e.returns = append(e.returns, r)
			notify(e.settleSignal)
		}
	}
}
