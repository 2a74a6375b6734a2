package webhook

import (
	"context"
	"sync"
	"time"

	"github.com/autoreach/webhook/internal/fair"
	"github.com/autoreach/webhook/internal/pace"
)

// engine is one Run: it claims lanes, asks what is due in them, sends, and
// settles what came of it. Each of these is a loop in a file of its own; what
// they share is here, under one lock.
type engine struct {
	d     *Dispatcher
	store Store
	o     *Options

	claimSignal, dueSignal, settleSignal, watchSignal chan struct{} // each holds one signal

	sending sync.WaitGroup // the goroutines that send
	changes chan struct{}  // signals that news is not empty

	mu       sync.Mutex
	lanes    map[string]*lane // held, by endpoint
	sched    *fair.Scheduler[*lane]
	flights  map[*flight]struct{}
	outcomes []Outcome // to be settled
	returns  []Return
	settling bool // a Settle is under way
	targets  map[string]*target
	pauses   Pauses
	crowded  bool // more lanes are ready than can be held
	stopping bool
	lastErr  error // of the last call of the store; nil when it answered
	news     []Change
}

// maxHeld is how many lanes a process holds: more than it can send to at a
// time, since those that wait for a hanging endpoint stay held.
func (e *engine) maxHeld() int { return 4 * e.o.MaxInFlightTotal }

// fenceMargin is the part of the lease before whose end a holder that could
// not renew it stops sending.
const fenceMargin = 5

// lane is an endpoint's lane while this process holds it.
type lane struct {
	hold     Hold
	target   *target
	pace     *pace.Pace
	slot     *fair.Lane[*lane]
	tenure   fair.Tenure
	deadline time.Time // no send begins, and none goes on, after it
	ctx      context.Context
	cancel   context.CancelFunc

	mark    int64
	ready   []Delivery         // in hand, not begun
	hands   map[int64]struct{} // in hand: ready, in flight, or not settled yet
	flying  int                // in flight
	pending int                // as the last Due counted, up to pace.Threshold
	failed  int                // attempts in a row
	claim   Claim              // for the failing time

	asked   time.Time     // when Due was asked last
	asking  bool          // Due is being asked
	hungry  bool          // Due is to be asked: there may be more
	waiting bool          // for its rate limit
	leaving bool          // nothing begins any more; it is returned when its hands are empty
	rest    time.Duration // how long the lane rests after the return
	park    int64         // Pauses.Seq, to park it
	gone    bool          // returned or lost
}

// flight is one request on its way.
type flight struct {
	lane     *lane
	delivery Delivery
	ticket   *fair.Ticket[*lane]
	began    time.Time
	overdue  bool
	version  int64 // of the endpoint, as it is sent to
}

func newEngine(d *Dispatcher) *engine {
	signal := func() chan struct{} { return make(chan struct{}, 1) }
	return &engine{
		d: d, store: d.store, o: &d.options,
		claimSignal: signal(), dueSignal: signal(), settleSignal: signal(), watchSignal: signal(), changes: signal(),
		lanes:   map[string]*lane{},
		flights: map[*flight]struct{}{},
		targets: map[string]*target{},
		sched: fair.New[*lane](fair.Limits{
			Total:   d.options.MaxInFlightTotal,
			PerHost: d.options.MaxInFlightHost,
		}),
	}
}

// notify leaves a signal for a loop, unless one is waiting there already.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wake makes the engine look for work.
func (e *engine) wake() {
	notify(e.claimSignal)
	notify(e.dueSignal)
}

// limits are those of the lane's endpoint.
func (e *engine) limits(l *lane) pace.Limits {
	c := &l.target.config
	in := c.MaxInFlight
	if in == 0 {
		in = e.o.MaxInFlight
	}
	return pace.Limits{MaxInFlight: in, PerSecond: c.PerSecond, FIFO: c.FIFO}
}

// room is how many more deliveries of the lane could begin now.
func (e *engine) room(l *lane, now time.Time) int {
	if l.leaving || e.stopping {
		return 0
	}
	limits := e.limits(l)
	n := l.pace.Cap(limits)
	if l.pace.Open() && l.pending < pace.Threshold && !limits.FIFO {
		n = min(2, limits.MaxInFlight) // the breaker delays nothing where little waits
	}
	n -= l.flying + len(l.ready)
	if limits.PerSecond > 0 { // one by one, since each takes from the rate
		if len(l.ready) > 0 || l.pace.Wait(now, limits) > 0 {
			return 0
		}
		n = min(n, 1)
	}
	return max(0, n)
}

// advance does what the lane's state asks for, after any change of it: begin
// sends, ask for more, or give the lane back.
func (e *engine) advance(l *lane, now time.Time) {
	if l.gone {
		return
	}
	e.decideLeaving(l, now)
	if l.leaving {
		for _, d := range l.ready {
			delete(l.hands, d.ID)
		}
		e.sched.Unready(l.slot, len(l.ready))
		l.ready = nil
	}
	switch {
	case l.leaving && len(l.hands) == 0 && !l.asking:
		e.giveBack(l, MarkAny)
	case l.leaving:
	case l.hungry && !l.asking && e.room(l, now) > 0:
		notify(e.dueSignal)
	case l.hungry && !l.waiting && l.pace.Wait(now, e.limits(l)) > 0:
		e.later(l, l.pace.Wait(now, e.limits(l)))
	case !l.hungry && !l.asking && len(l.hands) == 0:
		e.giveBack(l, l.mark)
	}
	e.launch(now)
}

// shortWait is how long a lane is kept that has to wait for its rate limit.
const shortWait = 100 * time.Millisecond

// later looks at the lane again when its rate limit allows the next send.
func (e *engine) later(l *lane, d time.Duration) {
	l.waiting = true
	time.AfterFunc(d, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		l.waiting = false
		e.advance(l, time.Now())
	})
}

// decideLeaving says whether the lane is to be returned although it may have
// more to send.
func (e *engine) decideLeaving(l *lane, now time.Time) {
	if rest := l.pace.TakePause(); rest > 0 {
		l.leaving, l.rest = true, max(l.rest, rest)
	}
	if l.leaving {
		return
	}
	switch {
	case e.stopping || l.tenure.Over(now, e.crowded):
		l.leaving = true
	case l.pace.Open() && l.pending >= pace.Threshold && l.flying == 0 && l.failed > 0:
		l.leaving, l.rest = true, jitter(l.pace.Probe())
	case l.hungry && l.pace.Wait(now, e.limits(l)) > shortWait:
		l.leaving = true
	}
	if e.paused(l) {
		l.leaving, l.park = true, e.pauses.Seq
	}
}

// giveBack queues the lane's return.
func (e *engine) giveBack(l *lane, mark int64) {
	l.rest = max(l.rest, l.pace.Wait(time.Now(), e.limits(l)))
	r := Return{Hold: l.hold, Mark: mark, Pause: l.rest, Park: l.park, Pace: l.pace.Marshal()}
	if exclude := e.pausedTypes(); r.Park == 0 && mark != MarkAny && len(exclude) > 0 {
		r.Park, r.Exclude = e.pauses.Seq, exclude
	}
	e.returns = append(e.returns, r)
	e.release(l)
	notify(e.settleSignal)
}

// release forgets a lane that is not held any more. Sends of it that are in
// flight go on unless they are cancelled.
func (e *engine) release(l *lane) {
	l.gone = true
	e.sched.Remove(l.slot)
	if e.lanes[l.hold.Endpoint] == l {
		delete(e.lanes, l.hold.Endpoint)
	}
	if l.flying == 0 {
		l.cancel()
	}
	if e.crowded {
		notify(e.claimSignal)
	}
}

// lose gives a lane up that is somebody else's, or may be, and cuts off what
// it is sending.
func (e *engine) lose(l *lane) {
	if !l.gone {
		e.release(l)
	}
	l.cancel()
}

// forget stops sending to an endpoint that was disabled or deleted.
func (d *Dispatcher) forget(endpoint string) {
	e := d.engine.Load()
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if l := e.lanes[endpoint]; l != nil {
		e.lose(l)
	}
}
