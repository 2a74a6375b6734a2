// Package pace decides how fast one endpoint may be sent to: how many requests
// at once, how many per second, how long to hold back when the endpoint asks for
// it, and when to stop asking at all but for a probe (a circuit breaker).
//
// A Pace belongs to one lane and is not safe for concurrent use. It has no clock
// and no randomness: the same calls give the same answers.
package pace

import (
	"math"
	"slices"
	"time"
)

const (
	// Threshold is the number of different deliveries that must fail in a row
	// before the breaker opens. A lane with fewer pending deliveries is never to
	// be delayed by it, which only the caller can tell: it keeps to Probe only
	// while at least Threshold deliveries are pending. (Eight may have failed while
	// only one is left.)
	Threshold = 8

	// SlowAfter is how long an attempt may take before its lane counts as slow.
	SlowAfter = 2 * time.Second

	// MaxPause bounds every pause an endpoint can ask for.
	MaxPause = 6 * time.Hour

	firstWindow = 2                // sends in flight to an endpoint nothing is known of
	maxWindow   = 1 << 20          // keeps the arithmetic far from overflow
	failing     = 3                // failures in a row that make a lane slow
	firstPause  = time.Second      // pause after a throttle that named none
	lastPause   = 30 * time.Second // where its doubling ends
	mostPauses  = 6                // doubled more often it is longer than lastPause
	firstProbe  = 30 * time.Second // wait before the first probe
	lastProbe   = 10 * time.Minute // where its doubling ends
	mostProbes  = 5                // doubled more often it is longer than lastProbe
	maxInterval = 24 * time.Hour   // between two sends, however low the rate
	burstTime   = 100 * time.Millisecond
)

// Limits are what the endpoint's configuration allows.
type Limits struct {
	MaxInFlight int     // sends at the same time; below 1 means 1
	PerSecond   float64 // sends begun per second; 0 or less means no limit
	FIFO        bool    // one at a time, in order
}

// Result is the outcome of one attempt. Tests and resends are not reported: they
// say nothing of the lane's own pace.
type Result struct {
	Delivery   int64         // which delivery was attempted
	OK         bool          // answered with 2xx
	Throttled  bool          // answered with 429, 502, 503 or 504: the whole lane pauses
	RetryAfter time.Duration // what a throttled answer asked for; 0 for nothing
	Took       time.Duration // from the start of the attempt to its end
}

// Pace is what is known of one endpoint. The zero value is a new endpoint.
type Pace struct {
	state
	last  time.Time     // rate: the last send; zero before the first
	ahead time.Duration // rate: from then, when the bucket is full again
}

// state is the part of a Pace that outlives its holder.
type state struct {
	window    int           // sends in flight allowed; 0 stands for firstWindow
	gained    int           // successes since the window last changed
	fails     int           // attempts failed in a row, counted up to failing
	failed    []int64       // the different deliveries failed in a row, fewer than Threshold
	open      bool          // the breaker
	probing   bool          // a send began since the breaker opened or the last probe failed
	probes    int           // failed probes, counted up to mostProbes
	slow      bool          // the last attempt took longer than SlowAfter
	throttles int           // pauses of our own choice since the last success, up to mostPauses
	throttled bool          // no send began since the last throttle
	pause     time.Duration // asked for and not yet taken
}

// Cap returns how many sends may be in flight now: at least 1, at most
// l.MaxInFlight. It begins at 2, grows by one with every window of successes and
// is halved by a failure. With FIFO, and while the breaker is open, it is 1.
func (p *Pace) Cap(l Limits) int {
	if l.FIFO || p.open {
		return 1
	}
	return max(1, min(p.current(), l.MaxInFlight))
}

func (p *Pace) current() int {
	if p.window == 0 {
		return firstWindow
	}
	return p.window
}

func (p *Pace) setWindow(n int) {
	p.window, p.gained = min(n, maxWindow), 0
	if n == firstWindow {
		p.window = 0 // one form only, so that as good as new is recognized
	}
}

// Wait returns how long it is until the next send may begin, 0 for now. It is to
// be asked before every send.
//
// The rate is a token bucket that holds what comes in within 100 ms, but at least
// one: late timers are made up for, and no second sees more than a tenth above
// the rate, plus one. It starts with a single token, not with a full bucket: a
// lane returned for at least Wait keeps its rate across holders, though none
// knows what the other sent.
func (p *Pace) Wait(now time.Time, l Limits) time.Duration {
	interval, burst := rate(l)
	if interval == 0 || p.last.IsZero() {
		return 0
	}
	return max(0, p.debt(now, interval, burst)-burst)
}

// debt is how long the bucket takes to be full again. The limits may have been
// edited since the last send: what is left over from a slower rate is cut to one
// send of the present one.
func (p *Pace) debt(now time.Time, interval, burst time.Duration) time.Duration {
	return max(0, min(p.ahead, burst+interval)-max(0, now.Sub(p.last)))
}

// Sent notes that a send began, rate limit or not.
func (p *Pace) Sent(now time.Time, l Limits) {
	p.throttled = false
	p.probing = p.open
	// What lies beyond the limit was never tried, so a failure must not halve it.
	if limit := max(1, l.MaxInFlight); p.current() > limit {
		p.setWindow(limit)
	}
	interval, burst := rate(l)
	switch {
	case interval == 0:
		p.last = time.Time{}
		return
	case p.last.IsZero():
		p.ahead = burst + interval
	default:
		p.ahead = p.debt(now, interval, burst) + interval
	}
	p.last = now
}

// rate returns the time between two sends, 0 for none, and how far ahead of it a
// burst may run.
func rate(l Limits) (interval, burst time.Duration) {
	if !(l.PerSecond > 0) || math.IsInf(l.PerSecond, 1) { // also NaN
		return 0, 0
	}
	interval = time.Duration(min(float64(time.Second)/l.PerSecond, float64(maxInterval)))
	return interval, max(0, burstTime-interval)
}

// Done notes how an attempt ended.
func (p *Pace) Done(r Result) {
	p.slow = r.Took > SlowAfter
	if r.OK {
		p.succeeded()
		return
	}
	p.fails = min(p.fails+1, failing)
	p.setWindow(max(1, p.current()/2))
	if r.Throttled {
		p.throttle(r.RetryAfter)
	}
	if p.open {
		// Sends that were in flight when the breaker opened are no probes.
		if p.probing {
			p.probes = min(p.probes+1, mostProbes)
		}
		p.probing = false
		return
	}
	if !slices.Contains(p.failed, r.Delivery) {
		p.failed = append(p.failed, r.Delivery)
	}
	if len(p.failed) >= Threshold {
		p.open, p.failed = true, nil
	}
}

func (p *Pace) succeeded() {
	p.fails, p.failed, p.throttles = 0, nil, 0
	if !p.throttled {
		p.pause = 0 // else this send began before the throttle and recalls nothing
	}
	if p.open {
		p.open, p.probing, p.probes = false, false, 0
		p.setWindow(firstWindow) // what it bore before says nothing now
	}
	if p.gained++; p.gained >= p.current() {
		p.setWindow(p.current() + 1)
	}
}

func (p *Pace) throttle(after time.Duration) {
	if after <= 0 {
		// Answers to several sends of one burst are one throttle.
		if p.throttles == 0 || !p.throttled {
			p.throttles = min(p.throttles+1, mostPauses)
		}
		after = min(firstPause<<(p.throttles-1), lastPause)
	}
	p.throttled = true
	p.pause = max(p.pause, min(after, MaxPause))
}

// TakePause returns how long the lane must wait before its next send because the
// endpoint asked for it, 0 for not at all, and forgets it: each throttle is taken
// once. It is the Retry-After, or without one 1 s, doubling up to 30 s until a
// success. It is independent of Probe: a lane waits for the longer of the two.
func (p *Pace) TakePause() time.Duration {
	d := p.pause
	p.pause = 0
	return d
}

// Open reports whether the breaker is open: Threshold different deliveries failed
// with no success between them. The next success closes it.
func (p *Pace) Open() bool { return p.open }

// Probe returns how long to wait before the next probe while the breaker is open:
// 30 s, doubling with every failed probe up to 10 min. The caller adds jitter.
func (p *Pace) Probe() time.Duration {
	if !p.open {
		return 0
	}
	return min(firstProbe<<p.probes, lastProbe)
}

// Slow reports whether the lane belongs to the slow budget: its last attempt took
// longer than SlowAfter, or its last three all failed.
func (p *Pace) Slow() bool { return p.slow || p.fails >= failing }
