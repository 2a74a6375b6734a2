// Package fair decides which lane starts the next send, under the budgets of the
// process: slots in all, slots for slow lanes, slots per destination host.
//
// Lanes take turns, one delivery each: deficit round robin with a quantum of one
// delivery, where every delivery costs one, is plain round robin. A lane that a
// budget keeps from starting leaves the round and waits aside, so it costs the
// others nothing, and comes back, first come first served, when a slot of that
// budget is free. Every operation takes constant time, however many lanes wait.
//
// To get there, a lane enters the round only together with the slots of its host
// and of the slow budget it will need. So whoever is in the round can start as
// soon as the total allows, and nobody is looked at in vain.
package fair

import (
	"container/list"
	"math"
)

// Limits are the budgets.
type Limits struct {
	// Total is the number of sends in flight that are not overdue, at least 1.
	// With the overdue ones there are never more than twice as many.
	Total int

	// Slow is the number of sends of slow lanes and overdue sends, together, up
	// to which slow lanes may start; 0 means a quarter of Total, at least 1.
	Slow int

	// PerHost is the number of sends in flight to one host; 0 means no limit.
	PerHost int
}

// Scheduler shares the budgets among lanes. It is not safe for concurrent use. It
// has no clock and no randomness: the same calls give the same answers.
type Scheduler[L any] struct {
	limits Limits
	hosts  map[string]*host
	round  *list.List // of *Lane: those that can start, next first
	parked *list.List // of *host: those with a slot for slow lanes that wait for the slow budget
	turn   uint64     // counts the lanes that began to wait

	timely   int // sends in flight that are not overdue, up to Total
	running  int // sends in flight
	slow     int // of these, those that count as slow
	reserved int // places in the round of slow lanes
}

// host is a destination with its lanes that wait aside, oldest first.
type host struct {
	name   string
	used   int       // sends in flight and places in the round
	lanes  int       // lanes that were added and not removed
	wait   list.List // of *Lane: not slow
	slow   list.List // of *Lane
	parked bool      // in Scheduler.parked
}

// Lane is one lane's handle.
type Lane[L any] struct {
	Value L

	host    *host
	slow    bool
	waiting int           // sends that could start
	running int           // sends in flight
	turn    uint64        // when it began to wait aside
	in      *list.List    // the round, or where it waits aside, or nil
	at      *list.Element // its place there
	removed bool
}

// Waiting returns the number of sends that could start.
func (l *Lane[L]) Waiting() int { return l.waiting }

// Running returns the number of sends in flight.
func (l *Lane[L]) Running() int { return l.running }

// Slow reports whether the lane is under the slow budget.
func (l *Lane[L]) Slow() bool { return l.slow }

// Ticket is a slot taken for one send. It remembers the budgets it counts in,
// which the lane may have left since.
type Ticket[L any] struct {
	lane    *Lane[L]
	slow    bool
	overdue bool
	done    bool
}

// New returns a Scheduler without lanes.
func New[L any](limits Limits) *Scheduler[L] {
	limits.Total = max(1, limits.Total)
	if limits.Slow <= 0 {
		limits.Slow = max(1, limits.Total/4)
	}
	if limits.PerHost <= 0 {
		limits.PerHost = math.MaxInt
	}
	return &Scheduler[L]{limits: limits, hosts: make(map[string]*host), round: list.New(), parked: list.New()}
}

// Add returns a new lane with nothing to start.
func (s *Scheduler[L]) Add(v L, hostname string, slow bool) *Lane[L] {
	h := s.hosts[hostname]
	if h == nil {
		h = &host{name: hostname}
		s.hosts[hostname] = h
	}
	h.lanes++
	return &Lane[L]{Value: v, host: h, slow: slow}
}

// Remove takes the lane out. Its sends in flight keep their slots until Done.
func (s *Scheduler[L]) Remove(l *Lane[L]) {
	if l.removed {
		return
	}
	s.Unready(l, l.waiting)
	l.removed = true
	l.host.lanes--
	s.forget(l.host)
}

// Ready adds n sends that could start.
func (s *Scheduler[L]) Ready(l *Lane[L], n int) {
	if l.removed || n <= 0 {
		return
	}
	l.waiting += n
	s.enter(l)
}

// Unready takes n of the sends back that could start, or as many as there are.
func (s *Scheduler[L]) Unready(l *Lane[L], n int) {
	l.waiting -= max(0, min(n, l.waiting))
	if l.waiting == 0 {
		s.leave(l)
	}
}

// SetSlow puts the lane under the slow budget, or takes it out. Sends in flight
// count where they counted.
func (s *Scheduler[L]) SetSlow(l *Lane[L], slow bool) {
	if l.slow == slow {
		return
	}
	s.leave(l)
	l.slow = slow
	s.enter(l)
}

// Free returns how many more sends Total allows at the moment.
func (s *Scheduler[L]) Free() int {
	return min(s.limits.Total-s.timely, 2*s.limits.Total-s.running)
}

// Next starts one send of the lane whose turn it is and takes its slots; ok is
// false if no lane can start one now. As every other method may have made room,
// call it after any of them, until it says no.
func (s *Scheduler[L]) Next() (l *Lane[L], t *Ticket[L], ok bool) {
	for s.Free() > 0 && s.round.Len() > 0 {
		l := s.round.Front().Value.(*Lane[L])
		if l.slow && s.slow >= s.limits.Slow {
			// Overdue sends took the slot it had: it waits again, the first of its host.
			s.leaveRound(l)
			l.in, l.at = &l.host.slow, l.host.slow.PushFront(l)
			s.wake(l.host)
			continue
		}
		t := &Ticket[L]{lane: l, slow: l.slow}
		s.timely++
		s.running++
		if l.slow {
			s.slow++
		}
		l.running++
		l.waiting--
		l.host.used++
		s.leave(l)
		s.enter(l) // at the end
		return l, t, true
	}
	return nil, nil, false
}

// Overdue notes that the send has been in flight for so long that it counts
// towards the slow budget and no longer towards Total, so that endpoints that
// hang never hold every slot. Its lane is slow from now on, until SetSlow.
func (s *Scheduler[L]) Overdue(t *Ticket[L]) {
	if t.done || t.overdue {
		return
	}
	t.overdue = true
	s.timely--
	if !t.slow {
		t.slow = true
		s.slow++
	}
	s.SetSlow(t.lane, true)
}

// Done gives the slots back.
func (s *Scheduler[L]) Done(t *Ticket[L]) {
	if t.done {
		return
	}
	t.done = true
	t.lane.running--
	s.running--
	if !t.overdue {
		s.timely--
	}
	t.lane.host.used--
	if t.slow {
		s.slow--
	}
	s.wake(t.lane.host)
	s.wakeSlow()
	s.forget(t.lane.host)
}
