package main

import (
	"math"
	"slices"
	"time"
)

// fairness is a scenario for each kind of endpoint that one would rather not
// have.
var fairness = []scenario{
	disturbed("noisy10", "10 of 100 endpoints hang", 10, "hang"),
	disturbed("noisy1", "1 of 100 endpoints hangs", 1, "hang"),
	disturbed("noisy50", "50 of 100 endpoints hang", 50, "hang"),
	disturbed("slow10", "10 of 100 endpoints answer after 4 seconds", 10, "slow"),
	disturbed("drip10", "10 of 100 endpoints send a byte every 100 ms and never end", 10, "drip"),
	disturbed("fail10", "10 of 100 endpoints answer 500 at once", 10, "fail"),
}

const aboutFairness = `
100 endpoints are offered 30 % of what the system can take, evenly, twice: all
healthy, and with some that are not. Requests time out after 5 seconds. What is
measured is the rest, the same endpoints in both runs, with PostgreSQL unless
the name says otherwise.

- *x*_p50_ratio, *x*_p99_ratio: from when an event was due to be emitted until
  it was received; with the sick ones, divided by without
- *x*_delivered_ratio: the share of what was emitted that was received by the
  end of emitting; with, divided by without
- *x*_slots: the largest number of requests that the sick ones had in hand
- *x*_p99_ms: the latency with the sick ones`

func disturbed(name, title string, sick int, answer string) scenario {
	return scenario{
		name: name, title: title, short: name == "noisy10", about: aboutFairness,
		run: func(b *bench) error {
			systems := []string{"postgres"}
			if name == "noisy10" && !b.short {
				systems = []string{"postgres", "memory", "sqlite", "river_tuned"}
			}
			for _, system := range systems {
				prefix := name
				if system != "postgres" {
					prefix += "_" + system
				}
				err := b.contrast(prefix, system, sick, func(*child) error {
					return b.script(Script{To: sick, Answer: answer})
				}, nil)
				if err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// contrast offers the same load twice, without and with a disturbance, and
// compares what the endpoints from healthy on see. disturb comes before the
// load, meanwhile runs beside it.
func (b *bench) contrast(name, system string, healthy int, disturb func(*child) error, meanwhile func(*child, float64)) error {
	capacity, err := b.capable(system)
	if err != nil {
		return err
	}
	rate := 0.3 * capacity
	quiet, err := b.offered(system, healthy, rate, func(*child) error { return b.script() }, nil)
	if err != nil {
		return err
	}
	noisy, err := b.offered(system, healthy, rate, disturb, meanwhile)
	if err != nil {
		return err
	}
	b.add(name+"_p50_ratio", percentile(noisy.ms, 50)/percentile(quiet.ms, 50), "ratio")
	b.add(name+"_p99_ratio", percentile(noisy.ms, 99)/percentile(quiet.ms, 99), "ratio")
	b.add(name+"_delivered_ratio", noisy.delivered/quiet.delivered, "ratio")
	b.add(name+"_p99_ms", percentile(noisy.ms, 99), "ms")
	b.add(name+"_slots", float64(noisy.slots), "requests")
	b.plot(name, plot{
		title: "Latency of the healthy endpoints", x: "seconds", y: "ms, p99 of each second", logY: true,
		series: []series{{"all healthy", quiet.curve()}, {"with the sick ones", noisy.curve()}},
	})
	return nil
}

// seen is what the healthy endpoints saw of an offered load.
type seen struct {
	loaded    Loaded
	report    Report
	arrivals  []Arrival // of the healthy
	ms        []float64 // latencies, in order
	delivered float64   // share of what was emitted, by the end of emitting
	slots     int       // most requests that the others had in hand
}

func (b *bench) offered(system string, healthy int, rate float64, disturb func(*child) error, meanwhile func(*child, float64)) (seen, error) {
	d := b.seconds(20)
	if b.short {
		d = b.seconds(12)
	}
	d = max(d, time.Second) // in less, nothing may arrive, and there is nothing to compare
	c, err := b.started(system, 100)
	if err != nil {
		return seen{}, err
	}
	defer c.kill()
	if _, err := b.load(c, Load{To: 100, Events: 200, Callers: 64, Drain: true}); err != nil {
		return seen{}, err
	}
	if err := disturb(c); err != nil {
		return seen{}, err
	}
	if meanwhile != nil {
		go meanwhile(c, rate)
	}
	return b.look(c, Load{To: 100, For: d, Rate: rate, Callers: 64}, healthy)
}

// look puts a load on the system and looks at the endpoints from healthy on.
func (b *bench) look(c *child, l Load, healthy int) (seen, error) {
	out, err := b.load(c, l)
	if err != nil {
		return seen{}, err
	}
	time.Sleep(b.seconds(2)) // stragglers
	r, err := b.report()
	if err != nil {
		return seen{}, err
	}
	s := seen{loaded: out, report: r, slots: slices.Max(append(r.Slots, 0))}
	intime := 0
	for _, a := range r.Arrivals {
		if a.Endpoint >= int32(healthy) {
			s.arrivals = append(s.arrivals, a)
			if a.At <= out.Ended {
				intime++
			}
		}
	}
	emitted := 0 // to the healthy
	for n := range out.Events {
		if l.endpoint(n) >= healthy {
			emitted++
		}
	}
	s.ms = latencies(s.arrivals, emitted, out.Took)
	s.delivered = float64(intime) / float64(max(1, emitted))
	return s, nil
}

// curve is the p99 of the latency of what was due in each second.
func (s seen) curve() (out []point) {
	buckets := map[int][]float64{}
	for _, a := range s.arrivals {
		n := int((a.Sent - s.loaded.Began) / 1e9)
		buckets[n] = append(buckets[n], float64(a.At-a.Sent)/1e6)
	}
	for n, ms := range buckets {
		slices.Sort(ms)
		out = append(out, point{float64(n), math.Max(0.01, percentile(ms, 99))})
	}
	slices.SortFunc(out, func(a, b point) int { return int(a.x - b.x) })
	return out
}

var greedy = scenario{
	name: "greedy", title: "One account emits 100 times as much as each of the others",
	about: aboutFairness + `. Here the one account emits as much as the other 99 together`,
	run: func(b *bench) error {
		return b.contrast("greedy", "postgres", 1, func(*child) error { return b.script() }, func(c *child, rate float64) {
			_, _ = b.load(c, Load{To: 1, For: b.seconds(20), Rate: rate, Callers: 64})
		})
	},
}
