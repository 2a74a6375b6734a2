package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/autoreach/webhook"
)

var concurrentCases = []testCase{
	{"Concurrent/EveryDeliveryOnce", "with emitters and holders at work at the same time every delivery is handed out and " +
		"delivered exactly once, as long as nobody crashes", concurrentOnce},
	{"Concurrent/AllMethods", "all methods may be called at the same time, and the counts agree afterwards", concurrentAll},
}

func concurrentOnce(c *check) {
	const emitters, workers, rounds, lanes = 4, 4, 15, 3
	for i := range lanes {
		c.endpoint(func(e *webhook.Endpoint) { e.FIFO = i == 0 })
	}
	var emitting atomic.Int32
	var handed atomic.Int64
	emitting.Store(emitters)
	together(emitters+workers, func(i int) {
		if i < emitters {
			defer emitting.Add(-1)
			for range rounds {
				if _, err := c.s.Append(c.ctx, []eventRecord{event(), event()}); err != nil {
					c.Errorf("Append: %v", err)
				}
				time.Sleep(c.units(0.01))
			}
			return
		}
		for range 2000 {
			finished := emitting.Load() == 0
			claims, _, err := c.s.Claim(c.ctx, 2, c.long())
			if err != nil {
				c.Errorf("Claim: %v", err)
				return
			}
			for _, x := range claims {
				handed.Add(c.deliverAll(x.Hold))
			}
			if st, _ := c.s.Stats(c.ctx); finished && len(claims) == 0 && st.Pending == 0 {
				return
			}
			if len(claims) == 0 {
				time.Sleep(c.units(0.02))
			}
		}
		c.Errorf("after 2,000 rounds something is still pending")
	})
	rs := c.log(webhook.DeliveryQuery{Limit: 1000})
	if want := emitters * rounds * 2 * lanes; len(rs) != want || handed.Load() != int64(want) {
		c.Errorf("%d deliveries were promised, %d are logged, %d were handed out", want, len(rs), handed.Load())
	}
	for _, r := range rs {
		if r.State != webhook.StateDelivered || len(r.Attempts) != 1 {
			c.Errorf("want it delivered by one attempt: %+v", r)
			break
		}
	}
}

// deliverAll delivers what is due in a held lane and gives it back.
func (c *check) deliverAll(h webhook.Hold) (n int64) {
	for range 1000 {
		bs, err := c.s.Due(c.ctx, []webhook.Want{{Hold: h, Max: 5}})
		if err != nil || len(bs) != 1 {
			c.Errorf("Due for a held lane: %d batches, %v", len(bs), err)
			return n
		}
		var outcomes []webhook.Outcome
		var returns []webhook.Return
		for _, d := range bs[0].Deliveries {
			outcomes = append(outcomes, delivered(h, d))
		}
		if len(outcomes) == 0 {
			returns = append(returns, webhook.Return{Hold: h, Mark: bs[0].Mark})
		}
		s, err := c.s.Settle(c.ctx, outcomes, returns)
		if err != nil {
			c.Errorf("Settle: %v", err)
			return n
		}
		n += int64(len(outcomes))
		if len(returns) > 0 && len(s.Refused) == 0 {
			return n
		}
	}
	c.Errorf("a lane does not get empty")
	return n
}

func concurrentAll(c *check) {
	lanes := make([]webhook.Endpoint, 6)
	for i := range lanes {
		lanes[i] = c.endpoint(func(e *webhook.Endpoint) { e.FIFO = i%2 == 0 })
	}
	together(8, func(worker int) {
		rng := rand.New(rand.NewPCG(uint64(worker), 2))
		for i := range 30 {
			what, err := c.anything(rng, lanes[rng.IntN(len(lanes))])
			for _, refusal := range []error{webhook.ErrConflict, webhook.ErrDisabled, webhook.ErrNotFound, webhook.ErrLimit} {
				if errors.Is(err, refusal) {
					err = nil
				}
			}
			if err != nil {
				c.Errorf("worker %d, call %d: %s: %v", worker, i, what, err)
			}
		}
	})
	st, err := c.s.Stats(c.ctx)
	c.must(err, "Stats")
	rs := c.log(webhook.DeliveryQuery{Limit: 1000})
	pending, undelivered := 0, 0
	for _, r := range rs {
		if r.State == webhook.StatePending {
			pending++
		}
		if r.Undelivered {
			undelivered++
		}
	}
	for _, e := range lanes {
		r := c.look(e)
		pending -= r.Pending
		undelivered -= r.Health.Undelivered
		st.Pending -= r.Pending
		st.Undelivered -= r.Health.Undelivered
	}
	if len(rs) < 1000 && (pending != 0 || undelivered != 0) || st.Pending != 0 || st.Undelivered != 0 {
		c.Errorf("log, endpoints and Stats disagree: %d and %d pending, %d and %d undelivered", pending, st.Pending, undelivered, st.Undelivered)
	}
}

// anything calls some method.
func (c *check) anything(rng *rand.Rand, e webhook.Endpoint) (what string, err error) {
	q := webhook.DeliveryQuery{Account: account, Endpoint: e.ID, Limit: 3}
	kind := rng.IntN(12)
	switch kind {
	case 0, 1:
		_, err = c.s.Append(c.ctx, []eventRecord{event(ofSubject(fmt.Sprint("lead:", rng.IntN(5))))})
	case 2, 3, 4:
		claims, _, err := c.s.Claim(c.ctx, 2, c.long())
		for _, x := range claims {
			bs, err := c.s.Due(c.ctx, []webhook.Want{{Hold: x.Hold, Max: 3}})
			if err != nil || len(bs) == 0 {
				return "Due", err
			}
			if _, err := c.s.Extend(c.ctx, []webhook.Hold{x.Hold}, c.long()); err != nil {
				return "Extend", err
			}
			var out []webhook.Outcome
			for i, d := range bs[0].Deliveries {
				out = append(out, []func(webhook.Hold, webhook.Delivery) webhook.Outcome{delivered, dead, retry(0)}[i](x.Hold, d))
			}
			if _, err := c.s.Settle(c.ctx, out, []webhook.Return{{Hold: x.Hold, Mark: webhook.MarkAny}}); err != nil {
				return "Settle", err
			}
		}
		return "Claim", err
	case 5:
		rs, err := c.s.Endpoints(c.ctx, webhook.EndpointQuery{Account: account, ID: e.ID})
		if err != nil || len(rs) == 0 {
			return "Endpoints", err
		}
		now := rs[0].Endpoint
		now.Enabled = rng.IntN(3) > 0
		_, err = c.s.PutEndpoint(c.ctx, now, 10)
		return "PutEndpoint", err
	case 6:
		rs, err := c.s.Deliveries(c.ctx, q)
		if err != nil || len(rs) == 0 {
			return "Deliveries", err
		}
		_, err = c.s.Resend(c.ctx, account, rs[0].ID, "op")
		return "Resend", err
	case 7:
		_, err = c.s.Recover(c.ctx, q)
	case 8:
		_, err = c.s.Dismiss(c.ctx, q)
	case 9:
		_, err = c.s.Purge(c.ctx, webhook.Ages{Pending: c.units(0.5), Bodies: c.units(0.5), Log: c.long()}, 5)
	case 10:
		_, err = c.s.Erase(c.ctx, webhook.Erasure{Account: account, Subject: fmt.Sprint("lead:", rng.IntN(5))}, 5)
	default:
		if _, err = c.s.Pauses(c.ctx); err == nil {
			err = c.s.SetPause(c.ctx, pauseB, rng.IntN(2) == 0)
		}
		time.Sleep(c.units(0.05))
	}
	return fmt.Sprint("kind ", kind), err
}
