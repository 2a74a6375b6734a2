package webhook

import (
	"time"

	"github.com/autoreach/webhook/internal/fair"
)

// Lanes that want more slots of one host, or of the share of slow endpoints, than
// there are take turns: one that finds none is turned away and comes again after a
// rest, and one that was served for a while makes room and rests as long.

// minRest and maxRest bound these rests.
const minRest, maxRest = 500 * time.Millisecond, 30 * time.Second

// turnAway notes that the lane found no slot, and lets it rest.
func (e *engine) turnAway(l *lane) {
	switch {
	case e.budget.Full(l.target.host):
		e.full[l.target.host]++
	case l.class() == fair.Slow:
		e.slowWait++
	}
	e.turned++
	l.rest = max(l.rest, jitter(e.rest))
}

// makeRoom says whether the lane is the one that makes room for another, which was
// turned away by their host or by the share of slow endpoints.
func (e *engine) makeRoom(l *lane) bool {
	switch {
	case e.full[l.target.host] > 0:
		e.full[l.target.host]--
	case l.class() == fair.Slow && e.slowWait > 0:
		e.slowWait--
	default:
		return false
	}
	return true
}

// adjustRest lets lanes that got no slot rest for longer when they are many, so that
// they come about a hundred times a second in all. For as long as they rest it is known
// that they wait; whoever finds no slot then says so again.
func (e *engine) adjustRest(now time.Time) {
	switch {
	case e.turned > 100:
		e.rest = min(2*e.rest, maxRest)
	case e.turned < 50:
		e.rest = max(e.rest/2, minRest)
	}
	e.turned = 0
	e.budget.Second()
	if now.Sub(e.forgot) >= e.rest {
		e.forgot, e.slowWait = now, 0
		clear(e.full)
	}
}
