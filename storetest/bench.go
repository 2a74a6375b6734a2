package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// Benchmark measures what the store costs, in real time: Harness.Open only is
// used. Figures to compare: Append alone and in batches, a delivery's whole
// way, and a claim behind a backlog that must not make it slower.
func Benchmark(b *testing.B, h Harness) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint("Append/", n), func(b *testing.B) { benchAppend(b, h, n) })
	}
	b.Run("Append/Parallel", func(b *testing.B) { benchParallel(b, h) })
	b.Run("Append/SubscribersOf100", func(b *testing.B) {
		c := open(b, h, 100)
		for b.Loop() {
			c.append(event())
		}
	})
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprint("Deliver/", n), func(b *testing.B) { benchDeliver(b, h, n) })
	}
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint("ClaimBehind/", n), func(b *testing.B) { benchBacklog(b, h, n) })
	}
	b.Run("Endpoints/PageOf100", func(b *testing.B) {
		c := open(b, h, 100)
		c.backlog(account, 1000)
		for b.Loop() {
			c.list(webhook.EndpointQuery{Account: account, Hours: 24})
		}
	})
	b.Run("Deliveries/PageOf100", func(b *testing.B) {
		c := open(b, h, 1)
		c.backlog(account, 10_000)
		for b.Loop() {
			c.log(webhook.DeliveryQuery{})
		}
	})
}

// open opens a store with n endpoints of one account.
func open(b *testing.B, h Harness, n int) *check {
	h.Unit, h.Advance = time.Second, time.Sleep
	c := &check{TB: b, ctx: b.Context(), s: h.Open(b), h: h}
	for range n {
		c.endpoint()
	}
	return c
}

// backlog appends n events of an account.
func (c *check) backlog(account string, n int) {
	c.Helper()
	for n > 0 {
		batch := make([]eventRecord, min(n, 500))
		for i := range batch {
			batch[i] = event(func(e *eventRecord) { e.Account = account })
		}
		c.append(batch...)
		n -= len(batch)
	}
}

func benchAppend(b *testing.B, h Harness, n int) {
	c := open(b, h, 1)
	events := make([]eventRecord, n)
	for b.Loop() {
		for i := range events {
			events[i] = event()
		}
		c.append(events...)
	}
	perSecond(b, n, "events/s")
}

func benchParallel(b *testing.B, h Harness) {
	c := open(b, h, 1)
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := c.s.Append(c.ctx, []eventRecord{event()}); err != nil {
				b.Errorf("Append: %v", err)
			}
		}
	})
	perSecond(b, 1, "events/s")
}

// benchDeliver appends, claims, asks, settles and returns.
func benchDeliver(b *testing.B, h Harness, n int) {
	c := open(b, h, 1)
	for b.Loop() {
		c.backlog(account, n)
		for _, x := range c.claimFor(1, time.Hour) {
			batch := c.due(x.Hold)
			outcomes := make([]webhook.Outcome, len(batch.Deliveries))
			for i, d := range batch.Deliveries {
				outcomes[i] = delivered(x.Hold, d)
			}
			c.settle(outcomes, webhook.Return{Hold: x.Hold, Mark: batch.Mark})
		}
	}
	perSecond(b, n, "deliveries/s")
}

// benchBacklog claims the lane of an idle endpoint's first event while n
// deliveries of a stuck one wait.
func benchBacklog(b *testing.B, h Harness, n int) {
	c := open(b, h, 0)
	c.endpoint(ofForeign)
	c.backlog(foreign, n)
	c.claimFor(1, time.Hour)
	e := c.endpoint()
	for b.Loop() {
		c.emitTo(e)
		x := c.claimLease(e, time.Hour)
		batch := c.due(x.Hold, atMost(4))
		c.settle([]webhook.Outcome{delivered(x.Hold, batch.Deliveries[0])}, webhook.Return{Hold: x.Hold, Mark: batch.Mark})
	}
}

func perSecond(b *testing.B, n int, unit string) {
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), unit)
}
