package webhook

import (
	"context"
	"slices"
	"time"

	"github.com/autoreach/webhook/internal/pace"
)

const (
	// heldInterval is how often a lane that waits for an answer is asked for
	// what came in meanwhile.
	heldInterval = 200 * time.Millisecond
	// wakeInterval is the same when something was emitted in this process.
	wakeInterval = 10 * time.Millisecond
	// busyInterval is how often all lanes are looked at for that when others want
	// to be asked without a pause.
	busyInterval = 50 * time.Millisecond
	longSleep    = time.Hour // when only a signal brings work
	// When so many lanes ask at a time, the next question waits (see gather):
	// answers come in meanwhile, and each lane asks for more at a time.
	manyLanes = 16
	maxGather = 10 * time.Millisecond
)

// gather lets more come together for the next call of the store, for as long as
// the last one took: much of what a call costs is paid for each lane and each step.
func gather(ctx context.Context, took time.Duration) {
	if took > time.Millisecond {
		wait(ctx, nil, min(took, maxGather))
	}
}

// dueLoop asks held lanes for work.
func (e *engine) dueLoop(ctx context.Context) {
	b := newStoreBackoff()
	var looked time.Time
	for ctx.Err() == nil {
		if now := time.Now(); now.Sub(looked) >= busyInterval {
			looked = now
			e.refresh(true)
		}
		wants, lanes := e.wants()
		if len(wants) == 0 {
			looked = time.Now()
			wait(ctx, e.dueSignal, e.refresh(false))
			continue
		}
		asked := time.Now()
		call, cancel := e.call(ctx)
		batches, err := e.store.Due(call, wants)
		cancel()
		took := time.Since(asked)
		if e.failed(ctx, "due", err) {
			e.unask(lanes)
			b.wait(ctx)
			continue
		}
		b.reset()
		e.feed(wants, lanes, batches)
		if len(wants) >= manyLanes {
			gather(ctx, took)
		}
	}
}

// refresh makes lanes hungry that were not asked for a while, or since
// something was emitted here, and says how long the loop may sleep. Where the loop
// is busy they take one slot each to find out whether there is more.
func (e *engine) refresh(busy bool) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.lanes) == 0 {
		return longSleep
	}
	now := time.Now()
	sleep := heldInterval
	for _, l := range e.lanes {
		patience := heldInterval
		if e.woken.After(l.asked) {
			patience = wakeInterval
		}
		if left := patience - now.Sub(l.asked); left > 0 {
			sleep = min(sleep, left)
		} else if !l.asking {
			l.hungry, l.glance = true, busy && e.hands(l) > 0
			e.advance(l, now)
		}
	}
	if len(e.asks) > 0 {
		return 0
	}
	return sleep
}

// wants says what the lanes want for which slots were taken.
func (e *engine) wants() ([]Want, []*lane) {
	e.mu.Lock()
	defer e.mu.Unlock()
	wants, lanes := make([]Want, 0, len(e.asks)), make([]*lane, 0, len(e.asks))
	exclude := e.pausedTypes()
	for _, l := range e.asks {
		if l.gone {
			continue
		}
		w := Want{Hold: l.hold, Max: len(l.tickets), Exclude: exclude, Version: l.target.config.Version}
		if l.failed > 0 || l.pace.Open() {
			w.Count = pace.Threshold
		}
		if l.tenure.Sends == 0 && w.Max > 0 {
			w.Max++ // to learn whether there is more
		}
		w.Skip = append(append(w.Skip, l.flying...), e.owed[l.hold.Endpoint]...)
		wants, lanes = append(wants, w), append(lanes, l)
	}
	e.asks = nil
	return wants, lanes
}

// unask takes questions back whose answer never came.
func (e *engine) unask(lanes []*lane) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range lanes {
		e.giveUp(l)
		l.asking, l.hungry = false, true
		e.advance(l, time.Now())
	}
}

// feed begins what is due. Lanes that the store left out are lost.
func (e *engine) feed(wants []Want, lanes []*lane, batches []Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	answers := make(map[Hold]*Batch, len(batches))
	for i := range batches {
		answers[batches[i].Hold] = &batches[i]
	}
	for i, l := range lanes {
		l.asking = false
		b := answers[l.hold]
		if !l.gone && b == nil {
			e.lose(l)
		}
		if l.gone {
			continue
		}
		if b.Config != nil {
			l.target = e.target(*b.Config)
		}
		l.mark = b.Mark
		if l.pending = -1; wants[i].Count > 0 {
			l.pending = b.Pending
		}
		l.hungry = len(b.Deliveries) >= wants[i].Max
		l.single = l.tenure.Sends == 0 && len(b.Deliveries) == 1 && !l.target.config.FIFO
		for _, d := range b.Deliveries {
			if e.hand(l, d, now) {
				l.hungry = true
			}
		}
		e.giveUp(l)
		e.advance(l, now)
	}
}

// hand begins a delivery, if it still may. What has expired or cannot be read
// is dead without being sent. more says that the lane has to be asked again.
func (e *engine) hand(l *lane, d Delivery, now time.Time) (more bool) {
	switch {
	case l.gone || slices.Contains(l.flying, d.ID) || slices.Contains(e.owed[l.hold.Endpoint], d.ID):
	case d.Event == nil:
		e.settle(Outcome{Hold: l.hold, Delivery: d.ID, After: d.Attempts, State: StateDead, Reason: ReasonUnreadable})
		return true
	case d.Age >= e.o.ExpireAfter:
		e.settle(Outcome{Hold: l.hold, Delivery: d.ID, After: d.Attempts, State: StateDead, Reason: ReasonExpired})
		return true
	case l.leaving, e.stopping, e.paused(l), e.tripped(l), len(l.tickets) == 0,
		l.pace.Wait(now, e.limits(l)) > 0, slices.Contains(e.pausedTypes(), d.Event.Type):
		return true
	case !now.Before(l.deadline): // the lease may be somebody else's already
		e.lose(l)
	default:
		t := l.tickets[0]
		l.tickets = l.tickets[1:]
		e.begin(&flight{lane: l, delivery: d, ticket: t, began: now, target: l.target})
	}
	return false
}

func (e *engine) pausedTypes() []EventType {
	var types []EventType
	for _, p := range e.pauses.List {
		if p.Type != "" {
			types = append(types, p.Type)
		}
	}
	return types
}

func (e *engine) pausedAll() bool { return slices.Contains(e.pauses.List, Pause{}) }

// paused says whether nothing of the lane may be sent.
func (e *engine) paused(l *lane) bool {
	return slices.ContainsFunc(e.pauses.List, func(p Pause) bool {
		return p == Pause{} || p.Account != "" && p.Account == l.target.config.Account || p.Host != "" && p.Host == l.target.host
	})
}
