package webhook

import "time"

// memDelivery is small as long as it only waits for its first attempt, as
// millions of them may: what is different about others is in its past.
type memDelivery struct {
	lane    *memLane
	event   *memEvent
	past    *memPast // nil if nothing has happened to it since it was emitted
	ordinal uint32   // among those that the emit made
	index   int32    // in its heap
}

// memPast is what a delivery has beyond its event.
type memPast struct {
	id          int64
	created     instant
	due         instant
	finished    instant
	delay       time.Duration
	attempts    int
	history     []memAttempt
	state       State
	reason      Reason
	allGone     bool // every attempt so far answered 410
	resend      bool
	moot        bool // it resends what had been delivered
	undelivered bool
	forgotten   bool
	ops         map[string]int64 // resends by the names of their operations
	of          int64
	resentAs    int64
}

type memAttempt struct {
	Attempt
	token int64
}

// untouched is the past of those that have none; not to be changed.
var untouched = &memPast{state: StatePending}

// seen is the delivery's past, to be read. For id, created and due it has
// methods of its own.
func (d *memDelivery) seen() *memPast {
	if d.past == nil {
		return untouched
	}
	return d.past
}

// touch is the delivery's past, to be changed.
func (d *memDelivery) touch() *memPast {
	if d.past == nil {
		d.past = &memPast{id: d.id(), created: d.created(), due: d.due(), state: StatePending}
	}
	return d.past
}

// name gives a new delivery its ID.
func (d *memDelivery) name(id int64) {
	if d.past != nil {
		d.past.id = id
		return
	}
	if d.event.first == 0 {
		d.event.first = id
	}
	d.ordinal = uint32(id - d.event.first)
}

func (d *memDelivery) id() int64 {
	if d.past != nil {
		return d.past.id
	}
	return d.event.first + int64(d.ordinal)
}

func (d *memDelivery) created() instant {
	if d.past != nil {
		return d.past.created
	}
	return d.event.created
}

// due is when it is due; one without a past has been since it was emitted.
func (d *memDelivery) due() instant {
	if d.past != nil {
		return d.past.due
	}
	return d.event.created
}

func (d *memDelivery) pending() bool { return d.seen().state == StatePending }
