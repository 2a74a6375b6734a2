package main

var throughput = scenario{
	name: "throughput", title: "Throughput, as ratios to a raw loop and to River", short: true, run: runThroughput,
	about: `
Events are emitted and delivered to 100 endpoints for some seconds, without a
pause, and the rest is waited for: from the first emit to the last delivery
that is stored as delivered. Emits come in batches of 100 from 8 callers, never
more than 5,000 ahead. The raw loop stores nothing: it has 64 requests at a
time by net/http, each with one HMAC where the library has two.

- *x*_vs_raw: deliveries a second, divided by those of a raw loop that ran
  right before
- postgres_vs_river_*x*: the same, divided by those of River in the same
  iteration: tuned (512 workers, fetching every millisecond, inserts by COPY), or
  at its defaults with 100 workers
- *x*_per_s: the rates themselves`,
}

func runThroughput(b *bench) error {
	d := b.seconds(10)
	if b.short {
		d = b.seconds(5)
	}
	var postgres float64
	for _, system := range []string{"memory", "sqlite", "postgres"} {
		raw, err := b.sustained("raw", d/2)
		if err != nil {
			return err
		}
		rate, err := b.sustained(system, d)
		if err != nil {
			return err
		}
		b.capacity[system], postgres = rate, rate
		b.add(system+"_vs_raw", rate/raw, "ratio")
		b.add(system+"_per_s", rate, "1/s")
		b.add("raw_per_s", raw, "1/s")
	}
	for _, system := range []string{"river_tuned", "river_default"} {
		rate, err := b.sustained(system, d)
		if err != nil {
			return err
		}
		b.capacity[system] = rate
		b.add("postgres_vs_"+system, postgres/rate, "ratio")
		b.add(system+"_per_s", rate, "1/s")
	}
	return nil
}

// capable is how many events a second the system can take, as measured before
// or now.
func (b *bench) capable(system string) (float64, error) {
	if b.capacity[system] > 0 {
		return b.capacity[system], nil
	}
	rate, err := b.sustained(system, b.seconds(6))
	b.capacity[system] = rate
	return rate, err
}
