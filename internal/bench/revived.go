package main

import "time"

var revived = scenario{
	name: "revived", title: "An endpoint comes back that has 100,000 waiting", run: runRevived,
	about: `
One endpoint hangs; 100,000 events wait for it, and the server has vacuumed and
written them. The other 99 are offered 30 % of what the system can take, with
PostgreSQL. After 5 of 40 seconds the endpoint answers again.

- revived_p99_ratio: the others' latency, divided by that of a run in which
  nothing waits
- revived_delivered_ratio: the share that the others received by the end of
  emitting, divided likewise
- revived_after_s: from when it answers again to its first delivery, or -1 if
  none came
- revived_full_after_s: until a second in which it got half as much as in its
  best second, the ramp, or -1
- revived_per_s: what it got in its best second`,
}

func runRevived(b *bench) error {
	capacity, err := b.capable("postgres")
	if err != nil {
		return err
	}
	rate := 0.3 * capacity
	quiet, _, err := b.revive(0, rate)
	if err != nil {
		return err
	}
	noisy, ramp, err := b.revive(b.count(100_000), rate)
	if err != nil {
		return err
	}
	b.add("revived_p99_ratio", percentile(noisy.ms, 99)/percentile(quiet.ms, 99), "ratio")
	b.add("revived_delivered_ratio", noisy.delivered/quiet.delivered, "ratio")
	b.plot("revived", plot{
		title: "The endpoint that came back", x: "seconds since it answers again", y: "deliveries a second",
		series: []series{{"deliveries", ramp}},
	})
	best := 0.0
	for _, p := range ramp {
		best = max(best, p.y)
	}
	b.add("revived_per_s", best, "1/s")
	first, full := -1.0, -1.0
	for _, p := range ramp {
		if p.y > 0 && first < 0 {
			first = p.x
		}
		if p.y >= best/2 && full < 0 {
			full = p.x
		}
	}
	b.add("revived_after_s", first, "s")
	b.add("revived_full_after_s", full, "s")
	return nil
}

// revive returns what the others saw, and what the endpoint got in each second
// after it answered again.
func (b *bench) revive(waiting int, rate float64) (others seen, ramp []point, err error) {
	d, after := b.seconds(40), b.seconds(5)
	c, err := b.sender("postgres", 100)
	if err != nil {
		return seen{}, nil, err
	}
	defer c.kill()
	if waiting > 0 {
		if _, err := b.load(c, Load{To: 1, Events: waiting, Callers: 8, Batch: 100}); err != nil {
			return seen{}, nil, err
		}
	}
	if err := b.rest(); err != nil {
		return seen{}, nil, err
	}
	if err := b.script(Script{To: 1, Answer: "hang"}); err != nil {
		return seen{}, nil, err
	}
	if err := c.call(b.ctx, "Sender.Start", nil, nil); err != nil {
		return seen{}, nil, err
	}
	answering := make(chan time.Time, 1)
	time.AfterFunc(after, func() {
		_ = b.receiver.call(b.ctx, "Receiver.Revive", nil, nil)
		answering <- time.Now()
	})
	others, err = b.look(c, Load{From: 1, To: 100, For: d, Rate: rate, Callers: 64}, 1)
	if err != nil {
		return seen{}, nil, err
	}
	again := (<-answering).UnixNano()
	ramp = make([]point, int((others.loaded.Ended-again)/1e9)+1)
	for i := range ramp {
		ramp[i].x = float64(i)
	}
	for _, a := range others.report.Arrivals {
		if n := (a.At - again) / 1e9; a.Endpoint == 0 && a.At > again && int(n) < len(ramp) {
			ramp[n].y++
		}
	}
	return others, ramp, nil
}
