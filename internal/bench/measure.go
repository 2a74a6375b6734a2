package main

import (
	"math"
	"slices"
	"time"
)

// sender starts a process with a system that has that many endpoints, and
// makes all of them answer 204.
func (b *bench) sender(system string, endpoints int) (*child, error) {
	if err := b.script(); err != nil {
		return nil, err
	}
	c, err := spawn()
	if err != nil {
		return nil, err
	}
	setup := Setup{System: system, DSN: b.dsn, Hosts: b.hosts, Endpoints: endpoints}
	if err := c.call(b.ctx, "Sender.Open", setup, nil); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

// started is a sender that delivers.
func (b *bench) started(system string, endpoints int) (*child, error) {
	c, err := b.sender(system, endpoints)
	if err != nil {
		return nil, err
	}
	if err := c.call(b.ctx, "Sender.Start", nil, nil); err != nil {
		c.kill()
		return nil, err
	}
	return c, nil
}

func (b *bench) load(c *child, l Load) (out Loaded, err error) {
	err = c.call(b.ctx, "Sender.Load", l, &out)
	return out, err
}

func (b *bench) script(s ...Script) error {
	return b.receiver.call(b.ctx, "Receiver.Script", s, nil)
}

func (b *bench) report() (out Report, err error) {
	err = b.receiver.call(b.ctx, "Receiver.Report", nil, &out)
	return out, err
}

// sustained is how many events a second the system takes and delivers, from
// the first emit to the last event that is delivered and noted as that, at 100
// endpoints.
func (b *bench) sustained(system string, d time.Duration) (float64, error) {
	c, err := b.started(system, 100)
	if err != nil {
		return 0, err
	}
	defer c.kill()
	// Batches of 100 for those that store, and never more than 5,000 events
	// behind; as many requests at a time as suit net/http best for the raw
	// loop.
	l := Load{To: 100, Callers: 8, Batch: 100, Backlog: 5000, Drain: true}
	if system == "raw" {
		l = Load{To: 100, Callers: 64}
	}
	l.For = d / 5 // connections are made, and plans
	if _, err := b.load(c, l); err != nil {
		return 0, err
	}
	l.For = d
	out, err := b.load(c, l)
	return out.perSecond(), err
}

// latencies of the events that were to be received, in milliseconds and in
// order. Those that never came count as the time that was waited for them.
func latencies(arrivals []Arrival, emitted int, waited time.Duration) []float64 {
	out := make([]float64, 0, emitted)
	for _, a := range arrivals {
		out = append(out, float64(a.At-a.Sent)/1e6)
	}
	for len(out) < emitted {
		out = append(out, float64(waited.Milliseconds()))
	}
	slices.Sort(out)
	return out
}

// percentile of values in order.
func percentile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[min(len(sorted)-1, int(p/100*float64(len(sorted))))]
}
