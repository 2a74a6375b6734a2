// Package fair shares the slots of a process, which are requests in flight,
// among endpoints that are well, that are sick, and of which nothing is known.
//
// A slot is taken before a delivery is fetched, so nothing ever waits in a
// process's hands. Whoever gets no slot gives its lane back and comes again.
//
// It has no clock and no randomness: the same calls give the same answers.
package fair

// Class is what is known of an endpoint.
type Class int

// The classes.
const (
	Proven Class = iota // it answers, and quickly
	Fresh               // it has not answered yet
	Slow                // it answers late, or fails all the time
	classes
)

// Limits are the budgets.
type Limits struct {
	// Total is the number of requests in flight that are not overdue, at
	// least 1. Slow endpoints may hold a quarter of it, and while they do or want to,
	// fresh ones, which may turn out to be the same, another quarter.
	Total int

	// PerHost is the number of requests in flight to one host, at least 1.
	PerHost int
}

// firstShare is the part of Total, of PerHost and of the slow share that is kept for
// the first request of each endpoint, so that one with little to send need not wait for
// those with much.
const firstShare = 16

// overdueTotals is how many times Total may be in flight in all, with the
// requests that are overdue. It bounds memory when all the world hangs.
const overdueTotals = 4

// Budget shares the slots. It is not safe for concurrent use.
type Budget struct {
	limits  Limits
	share   int            // of a class other than Proven
	timely  int            // requests in flight that are not overdue
	running int            // requests in flight
	class   [classes]int   // of these, by class
	hosts   map[string]int // of these, by host
	crowd   int            // for so many seconds slow ones are taken to want more than their share
}

// Ticket is a slot that was taken.
type Ticket struct {
	host          string
	class         Class
	overdue, done bool
}

// New returns a budget of which nothing is taken.
func New(limits Limits) *Budget {
	limits.Total, limits.PerHost = max(1, limits.Total), max(1, limits.PerHost)
	return &Budget{limits: limits, share: max(1, limits.Total/4), hosts: map[string]int{}}
}

// Free returns how many slots there are for endpoints that are well.
func (b *Budget) Free() int {
	return max(0, min(b.limits.Total-b.timely, overdueTotals*b.limits.Total-b.running))
}

// Strained reports whether slow endpoints hold their whole share or more, or were
// refused a slot of late: those that take turns hold less of it between two of them.
func (b *Budget) Strained() bool { return b.class[Slow] >= b.share || b.crowd > 0 }

// Second is to be called once a second: it is forgotten that a slow endpoint was
// refused a slot, unless another one was since.
func (b *Budget) Second() { b.crowd = max(0, b.crowd-1) }

// Take takes a slot for a request to that host, if there is one for its class.
// first says that the endpoint has none yet.
func (b *Budget) Take(host string, c Class, first bool) (*Ticket, bool) {
	spare, hostSpare, slowSpare := 0, 0, 0
	if !first {
		spare, hostSpare, slowSpare = b.limits.Total/firstShare, b.limits.PerHost/firstShare, b.share/firstShare
	}
	if c == Slow && first && b.class[Slow] >= b.share {
		b.crowd = 2 // one would end at once where a second is just over
	}
	switch {
	case b.Free() <= spare, b.hosts[host] >= b.limits.PerHost-hostSpare,
		c == Slow && b.class[Slow] >= b.share-slowSpare,
		c == Fresh && b.Strained() && (b.class[Fresh] >= b.share || b.class[Slow] >= b.limits.Total):
		return nil, false
	}
	b.timely++
	b.running++
	b.class[c]++
	b.hosts[host]++
	return &Ticket{host: host, class: c}, true
}

// Full reports whether there is no slot for that host.
func (b *Budget) Full(host string) bool { return b.hosts[host] >= b.limits.PerHost }

// Overdue notes that the request has been on its way for so long that it counts
// for the slow share from now on, and no longer for Total: endpoints that hang,
// however many and however suddenly, do not keep the slots that others need.
func (b *Budget) Overdue(t *Ticket) {
	if t.done || t.overdue {
		return
	}
	t.overdue = true
	b.timely--
	b.class[t.class]--
	t.class = Slow
	b.class[Slow]++
}

// Done gives the slot back.
func (b *Budget) Done(t *Ticket) {
	if t.done {
		return
	}
	t.done = true
	b.running--
	b.class[t.class]--
	if !t.overdue {
		b.timely--
	}
	if b.hosts[t.host]--; b.hosts[t.host] == 0 {
		delete(b.hosts, t.host)
	}
}
