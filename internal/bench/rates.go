package main

import "fmt"

var rates = scenario{
	name: "rates", title: "What ordinary rates cost", run: runRates,
	about: `
100, 500 and 2,000 events a second, one at a time, to 100 endpoints in turn.
When little comes in, little goes into one step of a store, and a delivery costs
more than under full load. River is tuned.

- rate*n*_*x*_cores: processor time of the sender, which emits too, and the
  server, in each second
- rate*n*_*x*_p50_ms, rate*n*_*x*_p99_ms: from before the emit to when the
  receiver has read the request
- rate*n*_*x*_statements, rate*n*_*x*_syncs: with PostgreSQL, for each event`,
}

func runRates(b *bench) error {
	var lines []series
	for _, system := range []string{"memory", "sqlite", "postgres", "river_tuned"} {
		line := series{name: system}
		for _, rate := range []float64{100, 500, 2000} {
			name := fmt.Sprintf("rate%.0f_%s", rate, system)
			used, ms, err := b.ordinary(system, rate)
			if err != nil {
				return err
			}
			cores := used.Sender + used.Server
			b.add(name+"_cores", cores, "cores")
			b.add(name+"_p50_ms", percentile(ms, 50), "ms")
			b.add(name+"_p99_ms", percentile(ms, 99), "ms")
			if used.Statements > 0 {
				b.add(name+"_statements", used.Statements/rate, "statements")
			}
			if used.Syncs > 0 {
				b.add(name+"_syncs", used.Syncs/rate, "fsyncs")
			}
			line.points = append(line.points, point{rate, cores})
		}
		lines = append(lines, line)
	}
	b.plot("rates", plot{
		title: "Processor time at ordinary rates", x: "events a second", y: "cores",
		logX: true, series: lines,
	})
	return nil
}

// ordinary returns what a system uses in a second at that rate, and the latencies.
func (b *bench) ordinary(system string, rate float64) (used Usage, ms []float64, err error) {
	c, err := b.started(system, 100)
	if err != nil {
		return used, nil, err
	}
	defer c.kill()
	// Connections are made, and plans.
	l := Load{To: 100, For: b.seconds(2), Rate: rate, Callers: 64, Drain: true}
	if _, err := b.load(c, l); err != nil {
		return used, nil, err
	}
	if err := b.script(); err != nil {
		return used, nil, err
	}
	before, err := b.usage(c)
	if err != nil {
		return used, nil, err
	}
	l.For = b.seconds(10)
	out, err := b.load(c, l)
	if err != nil {
		return used, nil, err
	}
	after, err := b.usage(c)
	if err != nil {
		return used, nil, err
	}
	r, err := b.report()
	return after.sub(before).each(out.Took.Seconds()), latencies(r.Arrivals, out.Events, out.Took), err
}
