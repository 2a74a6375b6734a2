package main

var emitting = scenario{
	name: "emit", title: "Emitting alone", run: runEmit,
	about: `
Events are emitted for some seconds and nothing is delivered, to the endpoints
of 100 accounts. An emit has returned: the event and its delivery are stored.

- emit64_*x*_per_s: events a second from 64 callers, one event in each call
- emit_batch100_*x*_per_s: events a second from 8 callers, 100 events in each
  call`,
}

func runEmit(b *bench) error {
	for _, system := range []string{"memory", "sqlite", "postgres", "river_tuned"} {
		for _, s := range []struct {
			name string
			load Load
		}{
			{"emit64_", Load{Callers: 64, Batch: 1}},
			{"emit_batch100_", Load{Callers: 8, Batch: 100}},
		} {
			l := s.load
			c, err := b.sender(system, 100)
			if err != nil {
				return err
			}
			l.To, l.For, l.Events = 100, b.seconds(5), 1_000_000
			out, err := b.load(c, l)
			c.kill()
			if err != nil {
				return err
			}
			b.add(s.name+system+"_per_s", out.perSecond(), "1/s")
		}
	}
	return nil
}
