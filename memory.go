package webhook

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"sort"
	"sync"
	"time"
)

// MemoryStore is a [Store] that keeps everything in the process: for tests,
// for trying things out, and as the reference for other stores. What it holds
// is gone when the process ends.
type MemoryStore struct {
	options MemoryOptions
	start   time.Time

	mu        sync.Mutex
	accounts  map[string]*memAccount
	lanes     map[string]*memLane
	ready     laneHeap
	events    map[string]*memEvent
	stored    queue[*memEvent]    // events with a body, as they were appended
	bare      queue[*memEvent]    // events without
	keys      queue[memKey]       // keys as they were used
	finished  queue[*memDelivery] // deliveries as they ended
	bodies    int64
	pending   int
	lastID    int64
	lastToken int64
	pauses    map[Pause]bool
	pauseSeq  int64
}

// MemoryOptions bound what a [MemoryStore] holds. The zero value means the
// defaults. Of an event that no delivery needs any more, about 0.4 kB are kept to
// recognise repeats, of about the newest MaxPending + MaxLog events.
type MemoryOptions struct {
	MaxPending int   // deliveries that wait; more are refused with ErrFull. Default 1,000,000
	MaxBytes   int64 // of all events' bodies; more are refused with ErrFull. Default 1 GiB
	MaxLog     int   // finished deliveries; the oldest are forgotten first. Default 100,000
}

// NewMemoryStore returns an empty store. Nil options mean the defaults.
func NewMemoryStore(opts *MemoryOptions) *MemoryStore {
	s := &MemoryStore{
		start:    time.Now(),
		accounts: map[string]*memAccount{},
		lanes:    map[string]*memLane{},
		events:   map[string]*memEvent{},
		pauses:   map[Pause]bool{},
		pauseSeq: 1,
	}
	if opts != nil {
		s.options = *opts
	}
	if s.options.MaxPending <= 0 {
		s.options.MaxPending = 1_000_000
	}
	if s.options.MaxBytes <= 0 {
		s.options.MaxBytes = 1 << 30
	}
	if s.options.MaxLog <= 0 {
		s.options.MaxLog = 100_000
	}
	return s
}

// An instant is the store's clock: nanoseconds since it was made.
type instant int64

const never = instant(math.MaxInt64)

func (s *MemoryStore) now() instant                { return instant(time.Since(s.start)) }
func (s *MemoryStore) time(t instant) time.Time    { return s.start.Add(time.Duration(t)).UTC().Round(0) }
func (t instant) add(d time.Duration) instant      { return t + instant(d) }
func (t instant) since(u instant) time.Duration    { return time.Duration(t - u) }
func (s *MemoryStore) instant(t time.Time) instant { return instant(t.Sub(s.start)) }

type memAccount struct {
	lanes []*memLane // in the order of creation
	keys  map[string]memKey
}

type memKey struct {
	account, key string
	until        instant
	result       Appended
}

type memEvent struct {
	*EventRecord // shared with senders: replaced, never changed
	created      instant
	first        int64 // ID of its first delivery; those of the others that the emit made follow
	deliveries   int   // as emitted
	pending      int   // deliveries that wait
	refs         int   // deliveries in the log
}

type memLane struct {
	config    Endpoint
	readyAt   instant // never: nothing to do, disabled, or parked
	notBefore instant
	held      bool
	parked    bool
	token     int64
	mark      int64
	pace      []byte
	index     int // in MemoryStore.ready; -1 when readyAt is never

	queue   deliveryHeap // ordinary ones that wait
	resends deliveryHeap
	log     []*memDelivery // all, by ID; some of them forgotten
	gone    int            // how many in log are forgotten
	checked int            // log[:checked] holds nothing that waits

	health    Health
	deadInRow int
	hours     []Hour
}

func (s *MemoryStore) account(name string) *memAccount {
	a := s.accounts[name]
	if a == nil {
		a = &memAccount{keys: map[string]memKey{}}
		s.accounts[name] = a
	}
	return a
}

// lane returns the lane of an account's endpoint, or nil.
func (s *MemoryStore) lane(account, id string) *memLane {
	if l := s.lanes[id]; l != nil && l.config.Account == account {
		return l
	}
	return nil
}

// setReady moves the lane in the order of ready lanes.
func (s *MemoryStore) setReady(l *memLane, at instant) {
	l.readyAt = at
	switch {
	case at == never && l.index >= 0:
		heap.Remove(&s.ready, l.index)
	case at == never:
	case l.index >= 0:
		heap.Fix(&s.ready, l.index)
	default:
		heap.Push(&s.ready, l)
	}
}

// wake tells the lane that work came.
func (s *MemoryStore) wake(l *memLane, now instant) {
	l.mark++
	if !l.held && l.config.Enabled {
		l.parked = false
		s.setReady(l, min(l.readyAt, max(now, l.notBefore)))
	}
}

// stop makes whoever holds the lane lose it, and keeps it from being claimed.
func (s *MemoryStore) stop(l *memLane) {
	if l.held {
		l.notBefore = max(l.notBefore, l.readyAt) // its holder may send until then
	}
	l.held, l.parked = false, false
	s.newToken(l)
	s.setReady(l, never)
}

func (s *MemoryStore) newToken(l *memLane) {
	s.lastToken++
	l.token = s.lastToken
}

// enqueue adds a delivery that waits.
func (s *MemoryStore) enqueue(l *memLane, d *memDelivery) {
	s.lastID++
	d.lane = l
	d.name(s.lastID)
	l.log = append(l.log, d)
	d.event.refs++
	d.event.pending++
	s.pending++
	heap.Push(l.waiting(d), d)
}

// waiting is the heap that d waits in.
func (l *memLane) waiting(d *memDelivery) *deliveryHeap {
	if d.seen().resend {
		return &l.resends
	}
	return &l.queue
}

// finish ends a delivery that waits.
func (s *MemoryStore) finish(d *memDelivery, state State, reason Reason, now instant) {
	p := d.touch()
	if p.state == StatePending {
		heap.Remove(d.lane.waiting(d), int(d.index))
		d.event.pending--
		s.pending--
		s.finished.push(d)
	}
	p.state, p.reason, p.finished = state, reason, now
	s.setUndelivered(d, state == StateDead && reason != ReasonDiscarded && !p.moot)
	for s.finished.len() > s.options.MaxLog {
		s.forget(s.finished.pop())
	}
}

// nextInLine tells a FIFO lane that somebody other than its holder has ended
// the delivery at its head.
func (s *MemoryStore) nextInLine(l *memLane, now instant) {
	if l.queue.byID {
		s.wake(l, now)
	}
}

func (s *MemoryStore) setUndelivered(d *memDelivery, is bool) {
	if d.seen().undelivered != is {
		d.touch().undelivered = is
		if is {
			d.lane.health.Undelivered++
		} else {
			d.lane.health.Undelivered--
		}
	}
}

// forget drops a finished delivery from the log.
func (s *MemoryStore) forget(d *memDelivery) {
	if d.seen().forgotten {
		return
	}
	l := d.lane
	s.setUndelivered(d, false)
	p := d.touch()
	p.forgotten, p.history = true, nil
	s.release(d.event)
	if l.gone++; l.gone*2 > len(l.log) {
		kept := make([]*memDelivery, 0, len(l.log)-l.gone)
		checked := 0
		for i, x := range l.log {
			if !x.seen().forgotten {
				kept = append(kept, x)
			}
			if i+1 == l.checked {
				checked = len(kept)
			}
		}
		l.log, l.gone, l.checked = kept, 0, checked
	}
}

// release drops one delivery's hold on its event, whose body goes with the last.
func (s *MemoryStore) release(e *memEvent) {
	if e.refs--; e.refs == 0 {
		s.dropBody(e)
	}
}

// trim forgets events that nobody needs, the oldest first, beyond as many as may
// be needed.
func (s *MemoryStore) trim() {
	for _, q := range []*queue[*memEvent]{&s.bare, &s.stored} {
		for len(s.events) > s.options.MaxPending+s.options.MaxLog && q.len() > 0 && (*q.front()).refs == 0 {
			s.forgetEvent(q.pop())
		}
	}
}

// forgetEvent forgets an event, unless it was erased and stored anew.
func (s *MemoryStore) forgetEvent(e *memEvent) {
	if s.events[e.ID] == e {
		delete(s.events, e.ID)
	}
}

func (s *MemoryStore) dropBody(e *memEvent) {
	s.bodies -= int64(len(e.Body))
	bare := *e.EventRecord
	bare.Body, bare.Subject = nil, ""
	e.EventRecord = &bare
}

// find returns the lane's delivery with that ID, or nil.
func (l *memLane) find(id int64) *memDelivery {
	i := sort.Search(len(l.log), func(i int) bool { return l.log[i].id() >= id })
	if i < len(l.log) && l.log[i].id() == id && !l.log[i].seen().forgotten {
		return l.log[i]
	}
	return nil
}

// Stats implements [Operator].
func (s *MemoryStore) Stats(context.Context) (StoreStats, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	st := StoreStats{Endpoints: len(s.lanes), Pending: s.pending}
	for _, l := range s.lanes {
		st.Undelivered += l.health.Undelivered
		if l.held && l.readyAt > now {
			st.Held++
		}
		if !l.config.Enabled {
			continue
		}
		for _, q := range []*deliveryHeap{&l.queue, &l.resends} {
			if due := q.earliestDue(); due != never {
				st.Oldest = max(st.Oldest, now.since(due))
			}
		}
	}
	return st, nil
}

// Pauses implements [Operator].
func (s *MemoryStore) Pauses(context.Context) (Pauses, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := Pauses{Seq: s.pauseSeq}
	for x := range s.pauses {
		p.List = append(p.List, x)
	}
	sort.Slice(p.List, func(i, j int) bool {
		return fmt.Sprint(p.List[i]) < fmt.Sprint(p.List[j])
	})
	return p, nil
}

// SetPause implements [Operator].
func (s *MemoryStore) SetPause(_ context.Context, p Pause, on bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pauses[p] == on {
		return nil
	}
	s.pauseSeq++
	if on {
		s.pauses[p] = true
		return nil
	}
	delete(s.pauses, p)
	for _, l := range s.lanes {
		if l.parked {
			s.wake(l, s.now())
		}
	}
	return nil
}
