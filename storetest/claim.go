package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

var claimCases = []testCase{
	{"Claim/OneHolderUntilLeaseEnds", "a claimed lane is nobody else's before its lease ends, and anybody's soon after: " +
		"sooner sends twice, later leaves a crashed holder's work lying", claimLease},
	{"Claim/OneHolderConcurrent", "claimers at the same time never get the same lane", claimConcurrent},
	{"Claim/TokenGrows", "the token grows with every claim, also over returns and disabling: it fences former holders", claimToken},
	{"Claim/Max", "a claim takes no more lanes than asked for, and the others stay ready", claimMax},
	{"Claim/LongestReadyFirst", "lanes come in the order in which they became ready, expired leases among them", claimOrder},
	{"Claim/NoStarvation", "among 1,000 lanes that always have work each gets its turn before any gets a second one", claimFair},
	{"Claim/OnlyReadyLanes", "a lane that is idle, disabled or deleted is never claimed", claimReady},
	{"Claim/NextIsZeroWhenMoreAreReady", "next is 0 while more lanes are ready, so that the caller asks again at once, and not " +
		"0 otherwise, so that it sleeps", claimNextZero},
	{"Claim/NextIsUpperBound", "who sleeps as long as next says misses nothing: not a retry, not a pause's end, not a lease's",
		claimNext},
	{"Claim/ConfigAndPace", "a claim carries the endpoint as it is now, with its secrets, and what the last holder returned as " +
		"Pace", claimConfig},
	{"Claim/FailingForAndDeadInRow", "a claim says since when the endpoint has been failing and how many deliveries died since " +
		"the last success: disabling after long failure is judged by them", claimFailing},
}

func claimLease(c *check) {
	e := c.endpoint()
	c.emit()
	first := c.claimLease(e, c.units(4))
	c.noClaim("within the lease")
	c.advance(2)
	c.noClaim("in the middle of the lease")
	c.emit()
	c.noClaim("after an append within the lease")
	c.advance(3)
	if second := c.claim(e); second.Token <= first.Token {
		c.Errorf("the claim after the lease has token %d, the one before %d", second.Token, first.Token)
	}
}

func claimConcurrent(c *check) {
	for range 30 {
		c.endpoint()
	}
	c.emit()
	var mu sync.Mutex
	owner := map[string]int{}
	together(10, func(i int) {
		for range 5 {
			claims, _, err := c.s.Claim(c.ctx, 4, c.long())
			if err != nil {
				c.Errorf("Claim: %v", err)
			}
			mu.Lock()
			for _, x := range claims {
				if other, twice := owner[x.Endpoint]; twice {
					c.Errorf("claimers %d and %d both got the lane %s", other, i, x.Endpoint)
				}
				owner[x.Endpoint] = i
			}
			mu.Unlock()
		}
	})
	if rest := c.claimFor(100, c.long()); len(owner)+len(rest) != 30 {
		c.Errorf("of 30 ready lanes %d were claimed, and %d after all claimers had ended", len(owner), len(rest))
	}
}

func claimToken(c *check) {
	e := c.endpoint()
	c.emit()
	last := int64(-1)
	for round := range 4 {
		x := c.claimLease(e, c.units(2))
		if x.Token <= last {
			c.Fatalf("claim %d has token %d after %d", round, x.Token, last)
		}
		last = x.Token
		switch round {
		case 0:
			c.giveBack(webhook.Return{Hold: x.Hold, Mark: webhook.MarkAny})
		case 1:
			c.advance(3)
		case 2:
			e = c.enable(c.enable(e, false), true)
			c.advance(3)
		}
	}
}

func claimMax(c *check) {
	for range 5 {
		c.endpoint()
	}
	c.emit()
	seen := map[string]bool{}
	for _, want := range []int{2, 2, 1, 0} {
		claims := c.claimFor(2, c.long())
		if len(claims) != want {
			c.Fatalf("claiming 5 lanes 2 at a time: want %d now, got %d", want, len(claims))
		}
		for _, x := range claims {
			if seen[x.Endpoint] {
				c.Errorf("lane %s was claimed twice", x.Endpoint)
			}
			seen[x.Endpoint] = true
		}
	}
}

func claimOrder(c *check) {
	var lanes []webhook.Endpoint
	for i := range 4 {
		lanes = append(lanes, c.endpoint(func(e *webhook.Endpoint) { e.Events = []webhook.EventType{fmt.Sprint("t", i)} }))
	}
	c.emit(ofType("t3"))
	c.claimLease(lanes[3], c.units(3.5)) // ready again after the second, before the third
	c.advance(1)
	c.emit(ofType("t2"))
	c.advance(1)
	c.emit(ofType("t0"))
	c.advance(3)
	c.emit(ofType("t1"))
	c.emit(ofType("t2")) // waits already
	c.advance(1)
	for i, want := range []int{2, 0, 3, 1} {
		claims := c.claimFor(1, c.long())
		if len(claims) != 1 || claims[0].Endpoint != lanes[want].ID {
			c.Fatalf("claim %d must get the lane that has been ready for longest, number %d; got %v", i+1, want, holds(claims))
		}
	}
}

func claimFair(c *check) {
	const lanes, batch = 1000, 50
	for range lanes {
		c.endpoint()
	}
	c.emit()
	turns := map[string]int{}
	for round := range 2 * lanes / batch {
		c.advance(0.02)
		claims := c.claimFor(batch, c.long())
		if len(claims) != batch {
			c.Fatalf("round %d: all lanes are ready, %d of %d were claimed", round, len(claims), batch)
		}
		var returns []webhook.Return
		for _, x := range claims {
			if turns[x.Endpoint]++; turns[x.Endpoint] > round*batch/lanes+1 {
				c.Fatalf("round %d: lane %s gets turn %d while others wait for theirs", round, x.Endpoint, turns[x.Endpoint])
			}
			returns = append(returns, webhook.Return{Hold: x.Hold, Mark: webhook.MarkAny})
		}
		if s := c.settle(nil, returns...); len(s.Refused) > 0 {
			c.Fatalf("round %d: %d returns are refused", round, len(s.Refused))
		}
	}
}

func claimReady(c *check) {
	e, gone, off := c.endpoint(), c.endpoint(), c.endpoint()
	c.noClaim("before anything was appended")
	c.emit()
	c.must(c.s.DeleteEndpoint(c.ctx, account, gone.ID), "DeleteEndpoint")
	off = c.enable(off, false)
	c.work(e, delivered)
	c.noClaim("idle, deleted and disabled lanes")
	off.Name = "renamed while disabled"
	c.put(off)
	c.advance(2)
	c.noClaim("idle, deleted and disabled lanes, later")
}

// next claims nothing and returns how long it may sleep.
func (c *check) next() time.Duration {
	c.Helper()
	claims, next, err := c.s.Claim(c.ctx, 10, c.long())
	c.must(err, "Claim")
	if len(claims) > 0 {
		c.Fatalf("Claim must return nothing now, got %v", holds(claims))
	}
	return next
}

func claimNextZero(c *check) {
	if next := c.next(); next <= 0 {
		c.Errorf("of an empty store: next is %v, the caller would spin", next)
	}
	for range 3 {
		c.endpoint()
	}
	c.emit()
	for i := range 3 {
		claims, next, err := c.s.Claim(c.ctx, 1, c.long())
		c.must(err, "Claim")
		if len(claims) != 1 || next < 0 || (next == 0) != (i < 2) {
			c.Errorf("claim %d of 3 ready lanes: got %d, next %v", i+1, len(claims), next)
		}
	}
	if next := c.next(); next <= 0 {
		c.Errorf("when all lanes are held next is %v, the caller would spin", next)
	}
}

func claimNext(c *check) {
	e := c.endpoint()
	c.emit()
	c.work(e, retry(c.units(4)))
	c.sleepUntilClaimed(e, 4, "a retry is due")
	h := c.claimedLate(e)
	c.giveBack(webhook.Return{Hold: h, Mark: webhook.MarkAny, Pause: c.units(4)})
	c.sleepUntilClaimed(e, 4, "a pause ends")
	c.claimedLate(e)
	c.sleepUntilClaimed(e, 4, "a lease ends")
}

// claimedLate claims a lane whose lease of no length has just run out.
func (c *check) claimedLate(e webhook.Endpoint) webhook.Hold {
	c.Helper()
	c.advance(0.1)
	return c.claimLease(e, c.units(4)).Hold
}

// sleepUntilClaimed claims and sleeps as a caller does, for at most n units
// and a bit, until the lane comes; and not before them.
func (c *check) sleepUntilClaimed(e webhook.Endpoint, n float64, why string) {
	c.Helper()
	var slept time.Duration
	for range 10_000 {
		claims, next, err := c.s.Claim(c.ctx, 10, time.Nanosecond)
		c.must(err, "Claim")
		if len(claims) > 0 {
			if claims[0].Endpoint != e.ID || slept < c.units(n-1) {
				c.Fatalf("the lane is claimed after %v of sleep; in %v %s", slept, c.units(n), why)
			}
			return
		}
		if next <= 0 {
			c.Fatalf("nothing is ready, but next is %v", next)
		}
		if slept += next; slept > c.units(n+1) {
			c.Fatalf("a caller that sleeps as long as next says has slept for %v; in %v %s", slept, c.units(n), why)
		}
		c.h.Advance(next)
	}
	c.Fatalf("10,000 sleeps in %v: next is not worth a sleep; in %v %s", slept, c.units(n), why)
}

func claimConfig(c *check) {
	e := c.endpoint(func(e *webhook.Endpoint) { e.Headers = map[string]string{"X-Env": "prod"} })
	c.emit()
	x := c.claim(e)
	c.sameEndpoint("Claim.Config", x.Config, e)
	if len(x.Pace) != 0 {
		c.Errorf("the first holder gets a Pace: %q", x.Pace)
	}
	pace := []byte("\x00\x01pace\xff")
	c.giveBack(webhook.Return{Hold: x.Hold, Mark: webhook.MarkAny, Pace: pace})
	e.Name = "renamed"
	e = c.put(e)
	x = c.claim(e)
	c.sameEndpoint("Claim.Config after an edit", x.Config, e)
	if string(x.Pace) != "\x00\x01pace\xff" {
		c.Errorf("Pace is %q, the last holder returned %q", x.Pace, "\x00\x01pace\xff")
	}
	c.giveBack(webhook.Return{Hold: x.Hold, Mark: webhook.MarkAny})
	if x = c.claim(e); len(x.Pace) != 0 {
		c.Errorf("Pace is %q, the last holder returned none", x.Pace)
	}
}

func claimFailing(c *check) {
	e := c.endpoint()
	want := func(when string, failing bool, deadInRow int) {
		c.Helper()
		c.emit(ofType(typeB))
		x := c.claim(e)
		if (x.FailingFor > 0) != failing || x.DeadInRow != deadInRow {
			c.Errorf("%s: want failing %t, %d dead in a row; got failing for %v, %d", when, failing, deadInRow, x.FailingFor, x.DeadInRow)
		}
		if failing && (x.FailingFor < c.units(1.5) || x.FailingFor > c.units(100)) {
			c.Errorf("%s: failing for %v, it began %v ago or a bit earlier", when, x.FailingFor, c.units(2))
		}
		b := c.due(x.Hold)
		c.settle([]webhook.Outcome{unsent(webhook.ReasonUnreadable)(x.Hold, b.Deliveries[len(b.Deliveries)-1])})
		b = c.due(x.Hold)
		c.giveBack(webhook.Return{Hold: x.Hold, Mark: b.Mark})
	}
	c.emit()
	want2 := func(verdict func(webhook.Hold, webhook.Delivery) webhook.Outcome) {
		c.Helper()
		c.emit()
		c.work(e, verdict)
	}
	c.work(e, delivered)
	want("after a success", false, 0)
	want2(retry(c.long()))
	c.advance(2)
	want("after a failed attempt", true, 0)
	want2(dead)
	want2(dead)
	want("after two deaths", true, 2)
	for _, class := range []string{webhook.ClassInternal, webhook.ClassUnknownFormat} {
		want2(func(h webhook.Hold, d webhook.Delivery) webhook.Outcome {
			o := dead(h, d)
			o.Attempt = &webhook.Attempt{Took: time.Millisecond, Result: webhook.ResultFailed, Class: class, Error: "our own fault"}
			return o
		})
		want("after a death of the sender's own fault, "+class, true, 2)
	}
	want2(delivered)
	want("after a success", false, 0)
}
