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
	// wakeInterval is the least time between two such questions, when
	// something was emitted in this process.
	wakeInterval = 10 * time.Millisecond
)

const longSleep = time.Hour // when only a signal brings work

// askInterval is how long the loop may sleep.
func (e *engine) askInterval() time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.lanes) == 0 {
		return longSleep
	}
	return heldInterval
}

// dueLoop asks held lanes for work.
func (e *engine) dueLoop(ctx context.Context) {
	b := newStoreBackoff()
	for ctx.Err() == nil {
		wants := e.wants()
		if len(wants) == 0 {
			wait(ctx, e.dueSignal, e.askInterval())
			continue
		}
		call, cancel := e.call(ctx)
		batches, err := e.store.Due(call, wants)
		cancel()
		if e.failed(ctx, "due", err) {
			e.unask(wants)
			b.wait(ctx)
			continue
		}
		b.reset()
		e.feed(wants, batches)
	}
}

// wants collects what hungry lanes with room want.
func (e *engine) wants() []Want {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	var wants []Want
	exclude := e.pausedTypes()
	for _, l := range e.lanes {
		if l.asking || !l.hungry && now.Sub(l.asked) < wakeInterval {
			continue
		}
		n := e.room(l, now)
		if n == 0 {
			continue
		}
		w := Want{Hold: l.hold, Max: n, Exclude: exclude, Version: l.target.config.Version}
		if l.failed > 0 || l.pace.Open() {
			w.Count = pace.Threshold
		}
		for id := range l.hands {
			w.Skip = append(w.Skip, id)
		}
		l.asking, l.hungry, l.asked = true, false, now
		wants = append(wants, w)
	}
	return wants
}

// unask takes a question back whose answer never came.
func (e *engine) unask(wants []Want) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, w := range wants {
		if l := e.lanes[w.Endpoint]; l != nil && l.hold == w.Hold {
			l.asking, l.hungry = false, true
			e.advance(l, time.Now())
		}
	}
}

// feed gives the lanes what is due in them. Those that the store left out are
// lost.
func (e *engine) feed(wants []Want, batches []Batch) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	answers := make(map[string]*Batch, len(batches))
	for i := range batches {
		answers[batches[i].Endpoint] = &batches[i]
	}
	for _, w := range wants {
		l := e.lanes[w.Endpoint]
		if l == nil || l.hold != w.Hold {
			continue
		}
		l.asking = false
		b := answers[w.Endpoint]
		if b == nil {
			e.d.options.Logger.Warn("webhook: lost a lane", "endpoint", w.Endpoint)
			e.lose(l)
			continue
		}
		if b.Config != nil {
			e.retarget(l, *b.Config)
		}
		l.mark, l.pending = b.Mark, b.Pending
		if len(b.Deliveries) >= w.Max {
			l.hungry = true
		}
		e.hand(l, b.Deliveries, now)
		e.advance(l, now)
	}
}

// retarget follows a change of the endpoint.
func (e *engine) retarget(l *lane, c Endpoint) {
	host := l.target.host
	l.target = e.target(c)
	if l.target.host == host {
		return
	}
	e.sched.Remove(l.slot)
	l.slot = e.sched.Add(l, l.target.host, l.pace.Slow())
	e.sched.Ready(l.slot, len(l.ready))
}

// hand takes deliveries in hand. What has expired or cannot be read is dead
// without being sent.
func (e *engine) hand(l *lane, ds []Delivery, now time.Time) {
	for _, d := range ds {
		l.hands[d.ID] = struct{}{}
		reason := Reason("")
		switch {
		case d.Event == nil:
			reason = ReasonUnreadable
		case d.Age >= e.o.ExpireAfter:
			reason = ReasonExpired
		}
		if reason != "" {
			e.settle(Outcome{Hold: l.hold, Delivery: d.ID, After: d.Attempts, State: StateDead, Reason: reason})
			l.hungry = true
			continue
		}
		l.ready = append(l.ready, d)
		e.sched.Ready(l.slot, 1)
	}
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
