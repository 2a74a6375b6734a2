package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

var dead = scenario{
	name: "dead", title: "One dead endpoint with 1,000,000 waiting", run: runDead,
	about: `
One endpoint answers nothing, and 1,000,000 events wait for it (10,000 in the
run to compare with); the server has vacuumed and written them. The other 99 are
offered 10 % of what the system can take, with PostgreSQL: at 30 %, emitted one by
one, both cores are busy, and a latency says more of that than of what waits.

- dead1m_p99_ratio: the others' latency, divided by that with 10,000
- dead1m_cost_ratio: the processor time of sender and server for each event,
  divided likewise
- dead1m_claim_pages_ratio: pages of tables and indexes that one claim of 64
  ready lanes touches, divided by those with 10,000
- dead1m_claim_pages: the pages themselves`,
}

func runDead(b *bench) error {
	capacity, err := b.capable("postgres")
	if err != nil {
		return err
	}
	few, cheap, fewPages, err := b.buried(b.count(10_000), 0.1*capacity)
	if err != nil {
		return err
	}
	many, dear, manyPages, err := b.buried(b.count(1_000_000), 0.1*capacity)
	if err != nil {
		return err
	}
	b.add("dead1m_p99_ratio", percentile(many.ms, 99)/percentile(few.ms, 99), "ratio")
	b.add("dead1m_cost_ratio", dear/cheap, "ratio")
	b.add("dead1m_p99_ms", percentile(many.ms, 99), "ms")
	b.add("dead1m_delivered_ratio", many.delivered/few.delivered, "ratio")
	b.add("dead1m_claim_pages_ratio", manyPages/fewPages, "ratio")
	b.add("dead1m_claim_pages", manyPages, "pages")
	return nil
}

// buried returns what the others see beside an endpoint for which so many
// events wait, what an event costs in seconds of processor time, and how many pages
// a claim touches then.
func (b *bench) buried(waiting int, rate float64) (others seen, cost, pages float64, err error) {
	c, err := b.sender("postgres", 100)
	if err != nil {
		return seen{}, 0, 0, err
	}
	defer c.kill()
	for _, l := range []Load{
		{To: 1, Events: waiting, Callers: 8, Batch: 1000, Size: 200},
		{From: 1, To: 100, Events: 99, Callers: 1},
	} {
		l.Batch = min(l.Batch, l.Events)
		if _, err := b.load(c, l); err != nil {
			return seen{}, 0, 0, err
		}
	}
	if err := b.rest(); err != nil {
		return seen{}, 0, 0, err
	}
	if err := c.call(b.ctx, "Sender.ClaimPages", nil, &pages); err != nil {
		return seen{}, 0, 0, err
	}
	if err := b.script(Script{To: 1, Answer: "hang"}); err != nil {
		return seen{}, 0, 0, err
	}
	if err := c.call(b.ctx, "Sender.Start", nil, nil); err != nil {
		return seen{}, 0, 0, err
	}
	// The endpoint is known to be dead, and connections are made.
	time.Sleep(b.seconds(10))
	if err := b.script(Script{To: 1, Answer: "hang"}); err != nil {
		return seen{}, 0, 0, err
	}
	before, err := b.usage(c)
	if err != nil {
		return seen{}, 0, 0, err
	}
	others, err = b.look(c, Load{From: 1, To: 100, For: b.seconds(30), Rate: rate, Callers: 64}, 1)
	if err != nil {
		return seen{}, 0, 0, err
	}
	after, err := b.usage(c)
	used := after.sub(before).each(float64(others.loaded.Events))
	return others, used.Sender + used.Server, pages, err
}

// ClaimPages measures claims on a sender on PostgreSQL that does not deliver
// yet, with 100 ready lanes.
func (s *Sender) ClaimPages(_ Nothing, pages *float64) error {
	l, ok := s.system.(*library)
	if !ok || l.pool == nil {
		return errors.New("this system is not on PostgreSQL")
	}
	ctx := context.Background()
	const claims, lease = 20, time.Millisecond // which has ended before the next one
	m := meter{pool: l.pool, schema: l.schema}
	var before reading
	for i := range claims + 1 {
		if i == 1 { // the first one found what emits had left behind
			var err error
			if before, err = m.read(ctx); err != nil {
				return err
			}
		}
		got, _, err := l.store.Claim(ctx, 64, lease)
		if err != nil {
			return err
		}
		if len(got) != 64 {
			return fmt.Errorf("%d of 64 lanes were claimed", len(got))
		}
		time.Sleep(2 * lease)
	}
	after, err := m.read(ctx)
	*pages = float64(after.pages-before.pages) / claims
	return err
}
