package webhook

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/autoreach/webhook/internal/fair"
	"github.com/autoreach/webhook/internal/pace"
)

// engine is one Run: it claims lanes, takes slots, asks what is due in them,
// sends, and settles what came of it. Each of these is a loop in a file of its
// own; what they share is here, under one lock.
//
// A slot is taken before a delivery is fetched, and the delivery begins when
// it has been fetched. So nothing waits in the process's hands while its
// endpoint is edited, paused or deleted, and a lane that gets no slot is given
// back instead of waiting here.
type engine struct {
	d     *Dispatcher
	store Store
	o     *Options

	claimSignal, dueSignal, settleSignal, watchSignal, newsSignal chan struct{} // each holds one signal

	senders sync.WaitGroup // goroutines that send
	work    chan *flight   // for senders that are idle
	over    chan struct{}  // closed when Run has ended

	mu        sync.Mutex
	lanes     map[string]*lane // held, by endpoint
	asks      []*lane          // those for which Due is to be asked
	budget    *fair.Budget
	flights   map[*flight]struct{}
	outcomes  []Outcome // to be settled
	returns   []Return
	returning []Return           // by the Settle under way
	settling  bool               // a Settle is under way
	looking   bool               // a claim follows soon
	owed      map[string][]int64 // by endpoint: deliveries whose outcome is not settled
	targets   map[string]*target
	pauses    Pauses         // Seq 0: not known yet
	woken     time.Time      // when something was emitted here
	emitted   int            // deliveries, about
	share     int            // slots for each of the lanes that were just claimed
	crowded   bool           // more lanes are ready than there are slots for
	full      map[string]int // by host: lanes turned away for which no other has made room
	slowWait  int            // slow lanes turned away for which no other has made room
	turned    int            // lanes turned away since the rest was adjusted
	rest      time.Duration
	adjusted  time.Time
	forgot    time.Time // when it was forgotten who was turned away
	stopping  bool
	started   bool
	errs      map[string]failure // of the last call, by method
	news      []Change
}

// maxHeld is how many lanes a process holds: more than it can send to at a
// time, since those whose endpoint hangs stay held.
func (e *engine) maxHeld() int { return 8 * e.o.MaxInFlightTotal }

// lane is an endpoint's lane while this process holds it.
type lane struct {
	hold     Hold
	target   *target
	pace     *pace.Pace
	tenure   fair.Tenure
	deadline time.Time // no send begins, and none goes on, after it
	ctx      context.Context
	cancel   context.CancelFunc

	mark       int64          // as of the last Due; MarkAny before the first
	tickets    []*fair.Ticket // for what Due is being asked
	flying     []int64
	overdue    int           // of these, on their way for long
	pending    int           // as the last Due counted, up to pace.Threshold; -1 if it did not
	failed     int           // attempts in a row
	fresh      bool          // nothing is known of the endpoint
	proved     bool          // an attempt succeeded since the claim
	failingFor time.Duration // until the claim
	deadInRow  int

	asked   time.Time     // when Due was asked last
	emitted int           // what the engine's was then
	asking  bool          // Due is being asked
	single  bool          // one delivery was all that waited
	hungry  bool          // Due is to be asked: there may be more
	glance  bool          // for one delivery, at first
	waiting bool          // for its rate limit
	leaving bool          // nothing begins any more; it is returned when its hands are empty
	tenured bool          // it is leaving because others wait
	turn    bool          // these wait for its host, or for the slow share
	rest    time.Duration // how long the lane rests after the return
	gone    bool          // returned or lost
}

// flight is one request on its way.
type flight struct {
	lane     *lane
	delivery Delivery
	ticket   *fair.Ticket
	began    time.Time
	overdue  bool
	target   *target // as the lane's was at the beginning
}

const (
	// unsettledMax is how many deliveries of a lane may be sent and not
	// settled: none are sent on when the store does not take their outcomes.
	unsettledMax = 64
	// shortWait is how long a lane is kept that has to wait for its rate limit.
	shortWait = 100 * time.Millisecond
)

func newEngine(d *Dispatcher) *engine {
	signal := func() chan struct{} { return make(chan struct{}, 1) }
	return &engine{
		d: d, store: d.store, o: &d.options,
		claimSignal: signal(), dueSignal: signal(), settleSignal: signal(), watchSignal: signal(), newsSignal: signal(),
		work:    make(chan *flight),
		over:    make(chan struct{}),
		lanes:   map[string]*lane{},
		flights: map[*flight]struct{}{},
		owed:    map[string][]int64{},
		targets: map[string]*target{},
		full:    map[string]int{},
		errs:    map[string]failure{},
		rest:    minRest,
		budget:  fair.New(fair.Limits{Total: d.options.MaxInFlightTotal, PerHost: d.options.MaxInFlightHost}),
	}
}

// notify leaves a signal for a loop, unless one is waiting there already.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// wake makes the engine look for work that was emitted in this process: so many
// deliveries, about.
func (e *engine) wake(deliveries int) {
	e.mu.Lock()
	e.woken = time.Now()
	e.emitted += deliveries
	e.mu.Unlock()
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
	return pace.Limits{MaxInFlight: in, PerSecond: l.target.perSecond(), FIFO: c.FIFO}
}

// hands is how many deliveries of the lane are sent and not settled.
func (e *engine) hands(l *lane) int { return len(l.flying) + len(e.owed[l.hold.Endpoint]) }

// without takes one number out, wherever it is.
func without(ids []int64, id int64) []int64 {
	if i := slices.Index(ids, id); i >= 0 {
		return slices.Delete(ids, i, i+1)
	}
	return ids
}

// room is how many more deliveries of the lane could begin now.
func (e *engine) room(l *lane, now time.Time) int {
	if l.leaving || e.stopping {
		return 0
	}
	limits := e.limits(l)
	n := l.pace.Cap(limits)
	switch {
	case limits.FIFO:
		n -= len(e.owed[l.hold.Endpoint]) // which is the head is only known when it is settled
	case l.pace.Open() && l.pending >= 0 && l.pending < pace.Threshold:
		n = min(2, limits.MaxInFlight) // the breaker delays nothing where little waits
	case e.budget.Strained() && (!l.proved || l.class() == fair.Slow):
		n = 1
	}
	n = min(n-len(l.flying), unsettledMax-len(e.owed[l.hold.Endpoint]))
	if limits.PerSecond > 0 {
		if l.pace.Wait(now, limits) > 0 {
			return 0
		}
		n = min(n, 1+int(limits.PerSecond*shortWait.Seconds()))
	}
	return max(0, n)
}

// class says under which budget the lane's requests are sent.
func (l *lane) class() fair.Class {
	switch {
	case l.pace.Slow():
		return fair.Slow
	case l.fresh:
		return fair.Fresh
	}
	return fair.Proven
}

// advance does what the lane's state asks for, after any change of it: ask
// what is due, wait, or give the lane back.
func (e *engine) advance(l *lane, now time.Time) {
	if l.gone {
		return
	}
	e.decideLeaving(l, now)
	paused, busy := e.paused(l), l.asking || e.hands(l) > 0
	switch {
	case paused && !l.asking && !e.stopping && (l.mark == MarkAny || busy && now.Sub(l.asked) >= heldInterval):
		e.ask(l, now) // for its mark: an edit may move it away from what is paused
	case busy && (l.leaving || paused):
	case paused:
		e.giveBack(l, l.mark)
	case l.leaving:
		e.giveBack(l, MarkAny)
	case l.hungry && !l.asking:
		e.reserve(l, now)
	case !busy:
		e.giveBack(l, l.mark)
	}
}

// decideLeaving says whether the lane is to be returned although it may have
// more to send.
func (e *engine) decideLeaving(l *lane, now time.Time) {
	if rest := l.pace.TakePause(); rest > 0 {
		l.leaving, l.rest = true, max(l.rest, rest)
	}
	if l.leaving || e.paused(l) {
		return
	}
	switch {
	case e.stopping:
		l.leaving = true
	case l.overdue == 0 && l.tenure.Over(now, e.crowded):
		l.leaving, l.tenured = true, true
	case l.hungry && l.overdue == 0 && l.tenure.Sends > 1 && l.tenure.Over(now, true) && e.makeRoom(l):
		l.leaving, l.tenured, l.turn = true, true, true
	case e.tripped(l) && len(l.flying) == 0:
		l.leaving = true
	case l.hungry && len(l.flying) == 0 && l.pace.Wait(now, e.limits(l)) > shortWait: // with one on its way it stays held anyway
		l.leaving = true
	}
}

// reserve takes slots for what the lane could send, and has Due asked for
// that. A lane that gets none and has nothing in hand is turned away.
func (e *engine) reserve(l *lane, now time.Time) {
	n := e.room(l, now)
	switch {
	case l.asked.IsZero(): // its neighbours shall get some too
		n = min(n, e.share)
	case l.glance:
		n, l.glance = min(n, 1), false
	}
	for len(l.tickets) < n {
		t, ok := e.budget.Take(l.target.host, l.class(), len(l.flying)+len(l.tickets) == 0)
		if !ok {
			break
		}
		l.tickets = append(l.tickets, t)
	}
	switch wait := l.pace.Wait(now, e.limits(l)); {
	case len(l.tickets) > 0:
		e.ask(l, now)
	case wait > 0 && !l.waiting:
		e.later(l, wait)
	case n > 0 && e.hands(l) == 0:
		if l.leaving = true; e.budget.Free() > 0 { // it is its own budget that is used up
			e.turnAway(l)
		}
		e.giveBack(l, MarkAny)
	}
}

// ask has Due asked about the lane.
func (e *engine) ask(l *lane, now time.Time) {
	l.asking, l.hungry, l.asked, l.emitted = true, false, now, e.emitted
	e.asks = append(e.asks, l)
	notify(e.dueSignal)
}

// tripped says whether the breaker keeps what waits in the lane: it is open, its probe
// failed, and enough waits.
func (e *engine) tripped(l *lane) bool {
	return l.pace.Open() && l.failed > 0 && l.pending >= pace.Threshold
}

// later looks at the lane again when its rate limit allows the next send.
func (e *engine) later(l *lane, d time.Duration) {
	l.waiting = true
	time.AfterFunc(min(d, time.Minute), func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		l.waiting = false
		e.advance(l, time.Now())
	})
}

// giveBack queues the lane's return.
func (e *engine) giveBack(l *lane, mark int64) {
	rest := max(l.rest, l.pace.Wait(time.Now(), e.limits(l)))
	if l.turn { // or it were back before those that were turned away, which rest as long
		rest = max(rest, jitter(e.rest))
	}
	if e.tripped(l) { // whatever it leaves for
		rest = max(rest, jitter(l.pace.Probe()))
	}
	r := Return{Hold: l.hold, Mark: mark, Pause: rest, Pace: l.pace.Marshal()}
	if mark != MarkAny {
		switch exclude := e.pausedTypes(); {
		case e.paused(l):
			r.Park = e.pauses.Seq
		case len(exclude) > 0:
			r.Park, r.Exclude = e.pauses.Seq, exclude
		}
	}
	e.returns = append(e.returns, r)
	e.release(l)
	notify(e.settleSignal)
}

// release forgets a lane that is not held any more. Sends of it that are in
// flight go on unless they are cut off.
func (e *engine) release(l *lane) {
	l.gone = true
	e.giveUp(l)
	if e.lanes[l.hold.Endpoint] == l {
		delete(e.lanes, l.hold.Endpoint)
	}
	if len(l.flying) == 0 {
		l.cancel()
	}
	if e.crowded {
		notify(e.claimSignal)
	}
}

// giveUp gives slots back that were taken for nothing.
func (e *engine) giveUp(l *lane) {
	for _, t := range l.tickets {
		e.budget.Done(t)
	}
	l.tickets = nil
}

// lose gives a lane up that is somebody else's, or may be, and cuts off what
// it is sending.
func (e *engine) lose(l *lane) {
	if !l.gone {
		e.release(l)
	}
	l.cancel()
}

// forget stops sending to endpoints that were disabled, deleted or erased.
func (d *Dispatcher) forget(which func(Endpoint) bool) {
	e := d.engine.Load()
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range e.lanes {
		if which(l.target.config) {
			e.lose(l)
		}
	}
}
