package main

import "time"

var latency = scenario{
	name: "latency", title: "Latency at low load", short: true, run: runLatency,
	about: `
20 events a second, one at a time, to 100 endpoints in turn.

- latency_*x*_p50_ms, latency_*x*_p99_ms: from before the emit to when the
  receiver has read the request. River is tuned`,
}

func runLatency(b *bench) error {
	d := b.seconds(20)
	if b.short {
		d = b.seconds(8)
	}
	for _, system := range []string{"memory", "sqlite", "postgres", "river_tuned"} {
		c, err := b.started(system, 100)
		if err != nil {
			return err
		}
		ms, err := b.unhurried(c, d)
		c.kill()
		if err != nil {
			return err
		}
		b.add("latency_"+system+"_p50_ms", percentile(ms, 50), "ms")
		b.add("latency_"+system+"_p99_ms", percentile(ms, 99), "ms")
	}
	return nil
}

func (b *bench) unhurried(c *child, d time.Duration) ([]float64, error) {
	// What the first requests meet, such as connections to be made, is over.
	if _, err := b.load(c, Load{To: 100, Events: 100, Rate: 100, Callers: 8, Drain: true}); err != nil {
		return nil, err
	}
	if err := b.script(); err != nil {
		return nil, err
	}
	out, err := b.load(c, Load{To: 100, For: d, Rate: 20, Callers: 8, Drain: true})
	if err != nil {
		return nil, err
	}
	r, err := b.report()
	return latencies(r.Arrivals, out.Events, d), err
}
