package sim

import (
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// one is a plan of one healthy endpoint and one process, without chance.
func one(script func(method string, n uint64) fault) *Plan {
	p := NewPlan(1)
	p.Endpoints = []*EndpointPlan{{
		Name: "e0", Account: "acct_0", Host: "well0.example.com", Types: types, Secret: p.Endpoints[0].Secret, Healthy: true,
		Phases: []Phase{{Until: time.Hour, Takes: time.Millisecond}}, Final: Phase{Takes: time.Millisecond},
	}}
	p.Steps, p.Processes, p.Horizon, p.Faults, p.script = nil, 1, 20*time.Second, Faults{}, script
	p.Lease, p.ExpireAfter, p.CrashEnd = 5*time.Second, 4*time.Minute, false
	return p
}

func (p *Plan) emitAt(at time.Duration) {
	p.n++
	e := &emission{account: "acct_0", events: []planned{{p.n, types[0]}}}
	p.step(at, "emit", e.do)
}

// TestDirected holds what chance does not reach for certain: a delay is put
// just where a guard is needed. With the guard nothing is broken.
func TestDirected(t *testing.T) {
	for _, c := range []struct {
		name  string
		set   func(*hooked)
		finds []string
		plan  func() *Plan
	}{
		{"work comes in between Due and Return", sleepy, []string{"mark", "stranded"}, func() *Plan {
			p := one(func(method string, _ uint64) fault {
				if method == "Settle" {
					return fault{there: 300 * time.Millisecond}
				}
				return fault{}
			})
			p.emitAt(time.Second)
			p.emitAt(1200 * time.Millisecond) // the Return of the first, and its outcome, are on their way
			return p
		}},
		{"a pause is lifted while the lane is parked", parked, []string{"park", "stranded"}, func() *Plan {
			p := one(func(method string, _ uint64) fault {
				if method == "Settle" {
					return fault{there: 2 * time.Second}
				}
				return fault{}
			})
			a := act{pause: webhook.Pause{Account: "acct_0"}}
			p.step(5*time.Second, "pause", a.setPause)
			p.emitAt(5100 * time.Millisecond)
			p.step(6*time.Second, "resume", a.resume)
			return p
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if r := run(t, c.plan(), nil); r.Failed() {
				t.Errorf("with the guard: %v", r)
			}
			r := run(t, c.plan(), breaks(c.set))
			for _, name := range c.finds {
				if r.Broken[name] == 0 {
					t.Errorf("without the guard %q was not found broken: %v", name, r.Broken)
				}
			}
		})
	}
}

// TestDisabledTwice: whoever is told that the endpoint is disabled sends
// nothing to it any more, also if it was not the one that disabled it.
func TestDisabledTwice(t *testing.T) {
	p := one(func(method string, n uint64) fault {
		return fault{lostBack: method == "PutEndpoint" && n == 0} // done, and not known: it is repeated
	})
	p.Endpoints[0].Healthy, p.Endpoints[0].FIFO, p.Timeout = false, true, 4*time.Second
	p.Endpoints[0].Phases[0].Takes = 3 * time.Second
	p.emitAt(time.Second)
	a := act{}
	p.step(2*time.Second, "disable", a.disable)
	if r := run(t, p, nil); r.Failed() {
		t.Error(r)
	}
}
