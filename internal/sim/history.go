package sim

import (
	"fmt"
	"strings"
	"time"
)

// entry is a line of the history.
type entry struct {
	at       time.Time
	proc     *process // nil for receivers and the world
	lane     *lane
	delivery int64 // 0 for the whole lane
	format   string
	args     []any
	judged   bool // says what was broken
}

// Violation is a promise that was broken.
type Violation struct {
	Invariant string // a short name, such as "lease" or "fifo"
	What      string
	at        time.Time
	lane      *lane
	delivery  int64
}

// mostViolations bounds what is kept of one run.
const mostViolations = 50

// note writes the history. The world's lock is held.
func (w *world) note(p *process, l *lane, delivery int64, format string, args ...any) {
	w.history = append(w.history, entry{time.Now(), p, l, delivery, format, args, false})
}

// violate notes a broken promise. The world's lock is held.
func (w *world) violate(invariant string, l *lane, delivery int64, format string, args ...any) {
	w.broken[invariant]++
	if len(w.violations) < mostViolations {
		w.violations = append(w.violations, Violation{invariant, fmt.Sprintf(format, args...), time.Now(), l, delivery})
	}
	w.note(nil, l, delivery, "BROKEN %s: "+format, append([]any{invariant}, args...)...)
	w.history[len(w.history)-1].judged = true
}

// since shows a time as the time since the beginning.
func (w *world) since(t time.Time) string {
	return fmt.Sprintf("%9.3fs", t.Sub(w.began).Seconds())
}

// mostLines bounds the history that is printed.
const mostLines = 150

// story is the history of a delivery while it was under way, or of a lane
// around the moment: the last lines before it, and some after it.
func (w *world) story(v *Violation) string {
	first, end := w.began, v.at
	if v.delivery != 0 {
		first = time.Time{}
		for _, e := range w.history {
			if e.lane == v.lane && e.delivery == v.delivery {
				if first.IsZero() {
					first = e.at
				}
				if !e.judged {
					end = e.at
				}
			}
		}
	}
	var lines []string
	last := 0
	for _, e := range w.history {
		switch {
		case e.at.Before(first), e.lane != nil && e.lane != v.lane, e.delivery != 0 && v.delivery != 0 && e.delivery != v.delivery:
			continue
		case e.lane == nil && v.delivery != 0 && e.at.After(end):
			continue
		case !e.at.After(end):
			last = len(lines)
		}
		lines = append(lines, w.line(&e))
	}
	return strings.Join(lines[max(0, last-mostLines):min(len(lines), last+mostLines/5)], "\n")
}

func (w *world) line(e *entry) string {
	var b strings.Builder
	b.WriteString(w.since(e.at))
	who := "-"
	if e.proc != nil {
		who = e.proc.name
	}
	fmt.Fprintf(&b, " %-5s ", who)
	if e.lane != nil {
		b.WriteString(e.lane.plan.Name + " ")
	}
	if e.delivery != 0 {
		fmt.Fprintf(&b, "#%d ", e.delivery)
	}
	fmt.Fprintf(&b, e.format, e.args...)
	return b.String()
}

// Report is what came of a run.
type Report struct {
	Seed       uint64
	Violations []Violation
	Broken     map[string]int // how often each promise was broken
	Counts     Counts
	text       string
}

// Counts say how much a run did.
type Counts struct {
	Events, Deliveries, Handed, Sends, Arrivals  int
	Delivered, Dead, Interrupted, Superseded     int
	Faults, Late, Crashes, Pauses, Restarts      int
	Acts, Refused, Unknown, Claims, StaleReturns int
}

// Add sums up.
func (c *Counts) Add(o Counts) {
	for i, p := range c.fields() {
		*p += *o.fields()[i]
	}
}

func (c *Counts) fields() []*int {
	return []*int{
		&c.Events, &c.Deliveries, &c.Handed, &c.Sends, &c.Arrivals,
		&c.Delivered, &c.Dead, &c.Interrupted, &c.Superseded,
		&c.Faults, &c.Late, &c.Crashes, &c.Pauses, &c.Restarts,
		&c.Acts, &c.Refused, &c.Unknown, &c.Claims, &c.StaleReturns,
	}
}

// Failed says whether a promise was broken.
func (r *Report) Failed() bool { return len(r.Broken) > 0 }

// String tells what was broken, with its history and how to repeat the inputs.
func (r *Report) String() string { return r.text }

func (w *world) report() *Report {
	r := &Report{Seed: w.plan.Seed, Violations: w.violations, Broken: w.broken, Counts: w.counts}
	if !r.Failed() {
		return r
	}
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d: %d promises broken: %v\n", r.Seed, len(r.Broken), r.Broken)
	for i := range min(5, len(w.violations)) {
		v := &w.violations[i]
		fmt.Fprintf(&b, "%s  %s: %s\n", w.since(v.at), v.Invariant, v.What)
	}
	fmt.Fprintf(&b, "\nthe history of the first one:\n%s\n", w.story(&w.violations[0]))
	fmt.Fprintf(&b, "\n%s\nto repeat its inputs: make %s FROM=%d SEEDS=1", w.plan, w.plan.target(), r.Seed)
	r.text = b.String()
	return r
}

// Stuck is the report of a run whose goroutines did not end.
func Stuck(p *Plan, why string) *Report {
	return &Report{
		Seed: p.Seed, Broken: map[string]int{"goroutines": 1},
		text: fmt.Sprintf("seed %d: goroutines did not end: %s\n\n%s\nto repeat its inputs: make %s FROM=%d SEEDS=1", p.Seed, why, p, p.target(), p.Seed),
	}
}
