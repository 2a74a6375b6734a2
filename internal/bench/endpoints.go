package main

var endpoints100k = scenario{
	name: "endpoints100k", title: "100,000 endpoints", run: runEndpoints,
	about: `
100,000 events are emitted in batches of 1,000 and delivered, once to 100,000
endpoints, one to each, and once to 100 endpoints.

- endpoints100k_ratio: deliveries a second with 100,000 endpoints, divided by
  those with 100; in memory
- endpoints100k_sqlite_ratio, endpoints100k_postgres_ratio: the same with the
  other stores`,
}

func runEndpoints(b *bench) error {
	for _, s := range []struct{ system, name string }{
		{"memory", "endpoints100k"}, {"sqlite", "endpoints100k_sqlite"}, {"postgres", "endpoints100k_postgres"},
	} {
		few, err := b.spread(s.system, 100)
		if err != nil {
			return err
		}
		many, err := b.spread(s.system, max(200, b.count(100_000)))
		if err != nil {
			return err
		}
		b.add(s.name+"_ratio", many/few, "ratio")
		b.add(s.name+"_per_s", many, "1/s")
	}
	return nil
}

func (b *bench) spread(system string, endpoints int) (float64, error) {
	c, err := b.started(system, endpoints)
	if err != nil {
		return 0, err
	}
	defer c.kill()
	out, err := b.load(c, Load{To: endpoints, Events: max(1000, b.count(100_000)), Callers: 4, Batch: 1000, Drain: true})
	return out.perSecond(), err
}
