package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// Plan is the inputs of one run. Nothing in it depends on how the run goes.
type Plan struct {
	Seed uint64

	Lease, Timeout, Grace    time.Duration
	Retry                    webhook.Schedule
	ExpireAfter              time.Duration
	KeyWindow                time.Duration
	BodyRetention            time.Duration
	MaxInFlight, Total, Host int
	MaxPending               int

	Processes int
	Horizon   time.Duration // when the inputs end
	LateAfter time.Duration // how long after the last process's beginning LateOn is done
	Patience  time.Duration // how long the last process is given
	Faults    Faults
	Endpoints []*EndpointPlan
	Steps     []Step
	CrashEnd  bool // the processes crash when the inputs end, instead of stopping
	LateOn    bool // what is enabled at the end is enabled after the last process began

	// Of real time.
	Overlap bool          // calls of the store may overlap; much of the ledger cannot be judged then
	Clock   time.Duration // how far two readings of the machine's clock may be apart
	Lag     time.Duration // how late a goroutine may do what is to be done now

	shrink time.Duration // what the generator's times are divided by
	fewer  int           // and its numbers

	script func(method string, n uint64) fault // instead of Faults

	rnd *rand.Rand
	n   int // markers given so far
}

// Faults are those of the store's calls, as chances of one call.
type Faults struct {
	Before, After, Delay, Stall, Copy float64
}

func (f Faults) none() bool { return f == Faults{} }

// EndpointPlan is an endpoint and what its receiver does.
type EndpointPlan struct {
	Name        string
	Account     string
	Types       []webhook.EventType
	Host        string
	Secret      webhook.Secret
	FIFO        bool
	PerSecond   float64
	MaxInFlight int
	Timeout     time.Duration
	Healthy     bool          // it answers 2xx within a moment, all the time, and nobody touches it
	Created     time.Duration // after the beginning
	Phases      []Phase
	Final       Phase // what it does when the inputs have ended
	FinallyOn   bool  // it is enabled then, if it is not
}

// Phase is what a receiver does until some time after the beginning.
type Phase struct {
	Until time.Duration
	Bad   Behaviour
	Share float64       // of the requests that are treated badly
	Takes time.Duration // a good answer
}

// Behaviour is how a receiver treats a request badly.
type Behaviour struct {
	Kind       string // "status", "hang", "slow", "drop"
	Status     int
	RetryAfter time.Duration
	Takes      time.Duration // slow: before a good answer
}

// Step is something that happens.
type Step struct {
	At   time.Duration
	Name string
	Do   func(*world)
}

// The event types of the simulation.
var types = []webhook.EventType{"sim.a", "sim.b", "sim.c"}

// NewPlan makes the inputs of a seed.
func NewPlan(seed uint64) *Plan { return newPlan(seed, func(*Plan) {}) }

// NewSmallPlan makes the inputs of a seed for real time: they take some seconds.
// Nothing expires.
func NewSmallPlan(seed uint64, overlap bool) *Plan {
	return newPlan(seed, func(p *Plan) {
		r := p.rnd
		p.shrink, p.fewer = 10, 2
		p.Lease = pick[time.Duration](r, 2, 3) * time.Second
		p.Timeout, p.Grace = time.Second, pick(r, 200*time.Millisecond, time.Second)
		p.Retry = pick(r, webhook.Schedule{200 * time.Millisecond, 500 * time.Millisecond, time.Second}, webhook.Schedule{500 * time.Millisecond, 500 * time.Millisecond, 500 * time.Millisecond})
		p.ExpireAfter, p.BodyRetention = time.Hour, time.Hour
		p.MaxPending = 0
		p.Horizon = time.Duration(4+r.IntN(3)) * time.Second
		p.LateAfter, p.Patience = time.Second, 90*time.Second
		p.Overlap, p.Clock, p.Lag = overlap, 20*time.Millisecond, 2*time.Second
	})
}

func newPlan(seed uint64, adapt func(*Plan)) *Plan {
	r := rand.New(rand.NewPCG(seed, 0x517))
	p := &Plan{
		Seed: seed, rnd: r,
		Lease:         pick[time.Duration](r, 2, 3, 5, 5, 15) * time.Second,
		Timeout:       pick[time.Duration](r, 1, 2, 4) * time.Second,
		Grace:         pick[time.Duration](r, 1, 3, 10) * time.Second,
		Retry:         pick(r, webhook.Schedule{time.Second, 4 * time.Second, 10 * time.Second}, webhook.Schedule{2 * time.Second, 2 * time.Second, 2 * time.Second}, webhook.Schedule{500 * time.Millisecond, 5 * time.Second, 30 * time.Second}),
		ExpireAfter:   pick[time.Duration](r, 2, 4, 8) * time.Minute,
		KeyWindow:     time.Minute,
		BodyRetention: time.Hour,
		MaxInFlight:   pick(r, 0, 2, 4, 8),
		Total:         pick(r, 8, 32, 0),
		Host:          pick(r, 4, 0, 0),
		MaxPending:    pick(r, 60, 0, 0, 0, 0),
		Processes:     1 + r.IntN(4),
		Horizon:       time.Duration(60+r.IntN(180)) * time.Second,
		CrashEnd:      r.IntN(3) == 0,
		LateOn:        r.IntN(2) == 0,
		LateAfter:     5 * time.Second,
		shrink:        1,
		fewer:         1,
	}
	if r.IntN(4) == 0 {
		p.BodyRetention = p.ExpireAfter
	}
	if r.IntN(25) == 0 { // the real schedule, for hours
		p.Retry, p.ExpireAfter, p.BodyRetention = webhook.DefaultSchedule(), 3*time.Hour, 3*time.Hour
	}
	p.Patience = p.ExpireAfter + 4*time.Minute
	adapt(p)
	f := pick(r, 0, 0.3, 1, 1, 3) * float64(p.fewer) // of fewer calls
	p.Faults = Faults{Before: 0.02 * f, After: 0.02 * f, Delay: 0.08 * f, Stall: 0.008 * f, Copy: 0.1 * f}
	p.endpoints()
	p.emits()
	p.acts()
	p.processes(f)
	slices.SortStableFunc(p.Steps, func(a, b Step) int { return int(a.At - b.At) })
	return p
}

// String tells the inputs.
func (p *Plan) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "the inputs of seed %d: lease %v, timeout %v, retries after %v, expiry after %v, %d processes, %v, faults %+v\n",
		p.Seed, p.Lease, p.Timeout, p.Retry, p.ExpireAfter, p.Processes, p.Horizon, p.Faults)
	for _, e := range p.Endpoints {
		fmt.Fprintf(&b, "  %s of %s at %s gets %v, fifo %v, rate %v, cap %d, healthy %v:", e.Name, e.Account, e.Host, e.Types, e.FIFO, e.PerSecond, e.MaxInFlight, e.Healthy)
		for _, x := range e.Phases {
			fmt.Fprintf(&b, " until %v %v,", x.Until, x)
		}
		fmt.Fprintf(&b, " then %v\n", e.Final)
	}
	return b.String()
}

// String describes the phase.
func (x Phase) String() string {
	if x.Share == 0 {
		return fmt.Sprintf("204 after %v", x.Takes)
	}
	return fmt.Sprintf("%.0f%% %s %d %v %v", 100*x.Share, x.Bad.Kind, x.Bad.Status, x.Bad.RetryAfter, x.Bad.Takes)
}

// pick returns one of the values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// some returns at least one of the values, in their order.
func some[T any](r *rand.Rand, values []T) []T {
	first := r.IntN(len(values))
	var out []T
	for i, v := range values {
		if i == first || r.IntN(3) == 0 {
			out = append(out, v)
		}
	}
	return out
}

func (p *Plan) step(at time.Duration, name string, do func(*world)) {
	p.Steps = append(p.Steps, Step{at, name, do})
}

// moment is some time before the inputs end.
func (p *Plan) moment() time.Duration {
	return time.Duration(p.rnd.Int64N(int64(p.Horizon)))
}

// short is how long something lasts in this plan that lasts for d in a bubble.
func (p *Plan) short(d time.Duration) time.Duration { return d / p.shrink }

// seconds is short in whole seconds, at least one.
func (p *Plan) seconds(n int) time.Duration {
	return max(time.Second, p.short(time.Duration(n)*time.Second).Round(time.Second))
}

// target is the Makefile's that plays such a plan.
func (p *Plan) target() string {
	if p.Lag > 0 {
		return "sim-stores"
	}
	return "sim"
}

// accounts are how many there are.
const accounts = 2

func (p *Plan) endpoints() {
	r := p.rnd
	for i := range (6 + r.IntN(14)) / min(2, p.fewer) {
		e := &EndpointPlan{
			Name:        fmt.Sprintf("e%d", i),
			Account:     fmt.Sprintf("acct_%d", r.IntN(accounts)),
			Types:       some(r, types),
			Secret:      p.secret(),
			FIFO:        r.IntN(3) == 0,
			PerSecond:   pick[float64](r, 0, 0, 0, 5, 20) * float64(p.fewer),
			MaxInFlight: pick(r, 0, 0, 1, 6),
			Healthy:     i < 2 || r.IntN(4) == 0,
			Final:       Phase{Takes: 5 * time.Millisecond},
			FinallyOn:   r.IntN(2) == 0,
		}
		e.Host = fmt.Sprintf("sick%d.example.com", r.IntN(3))
		if e.Healthy {
			e.Host = fmt.Sprintf("well%d.example.com", r.IntN(3))
			e.PerSecond = 0
			e.Phases = []Phase{{Until: time.Hour, Takes: time.Duration(1+r.IntN(30)) * time.Millisecond}}
		} else {
			e.Timeout = pick(r, 0, 0, time.Second, max(time.Second, p.short(5*time.Second)))
			e.Phases = p.phases()
			if r.IntN(4) == 0 {
				e.Final.Share, e.Final.Bad = 1, pick(r, Behaviour{Kind: "status", Status: 500},
					Behaviour{Kind: "status", Status: 410}, Behaviour{Kind: "hang"}, Behaviour{Kind: "drop"})
			}
			if r.IntN(5) == 0 {
				e.Created = p.moment() / 2
			}
		}
		p.Endpoints = append(p.Endpoints, e)
	}
}

func (p *Plan) secret() webhook.Secret {
	switch p.rnd.IntN(6) {
	case 0:
		return ""
	case 1:
		return webhook.Secret(fmt.Sprintf("a plain secret number %d", p.rnd.IntN(1000)))
	}
	key := make([]byte, 32)
	for i := range key {
		key[i] = byte(p.rnd.IntN(256))
	}
	return webhook.Secret("whsec_" + b64(key))
}

func (p *Plan) phases() []Phase {
	r := p.rnd
	var out []Phase
	for at := time.Duration(0); at < p.Horizon; {
		at += p.short(time.Duration(3+r.IntN(25)) * time.Second)
		ph := Phase{Until: at, Takes: p.short(time.Duration(1+r.IntN(pick(r, 100, 1000))) * time.Millisecond)}
		if r.IntN(4) > 0 {
			ph.Share = pick(r, 0.2, 0.6, 1)
			ph.Bad = p.behaviour()
		}
		out = append(out, ph)
	}
	return out
}

func (p *Plan) behaviour() Behaviour {
	r := p.rnd
	switch r.IntN(8) {
	case 0, 1:
		return Behaviour{Kind: "status", Status: pick(r, 500, 400, 302, 410)}
	case 2:
		return Behaviour{Kind: "status", Status: 500, RetryAfter: p.seconds(1 + r.IntN(20))}
	case 3, 4:
		return Behaviour{Kind: "status", Status: pick(r, 429, 502, 503, 504), RetryAfter: pick(r, 0, 0, p.seconds(2), p.seconds(7), p.seconds(20))}
	case 5:
		return Behaviour{Kind: "hang"}
	case 6:
		return Behaviour{Kind: "slow", Takes: p.short(time.Duration(200+r.IntN(5000)) * time.Millisecond)}
	}
	return Behaviour{Kind: "drop"}
}
