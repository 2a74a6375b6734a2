package storetest

import (
	"bytes"
	"fmt"
	"time"

	"github.com/autoreach/webhook"
)

var healthCases = []testCase{
	{"Health/LastAttempt", "the health shows the last finished attempt: its event, number, answer and, after a failure, when the " +
		"next one is due", healthLast},
	{"Health/KeepsVersion", "health never changes an endpoint's version: an edit in progress must not conflict because a delivery " +
		"failed", healthVersion},
	{"Health/ErrorStatus", "the error status comes with the first death and goes with the next success", healthFailing},
	{"Health/FailingSince", "FailingSince is the first failure after the last success", healthSince},
	{"Health/ResponseExcerpt", "the health keeps at most 1 KiB of an answer", healthExcerpt},
	{"Health/SupersededNotShown", "attempts that were not applied are not in the health", healthSuperseded},
	{"Health/Hours", "the counters of an hour count what was applied, with the latencies", healthHours},
	{"Health/HoursRoll", "counters are kept for each full hour in UTC, oldest first, empty ones left out", healthRoll},
}

func healthLast(c *check) {
	e := c.endpoint()
	ev := c.emit()
	h := c.claim(e).Hold
	want := func(last webhook.LastState, attempt, status int) webhook.Health {
		c.Helper()
		r := c.look(e).Health
		if r.Last != last || r.Attempt != attempt || r.Status != status || r.EventID != ev.ID || r.At.IsZero() {
			c.Errorf("want %s, attempt %d of %s with status %d; got %+v", last, attempt, ev.ID, status, r)
		}
		if (last == webhook.LastRetrying) == r.NextAt.IsZero() {
			c.Errorf("NextAt is for retries: %s with %v", last, r.NextAt)
		}
		return r
	}
	c.apply(retry(c.units(1))(h, c.one(h)))
	r := want(webhook.LastRetrying, 1, 503)
	f := failure(503)
	if r.Class != f.Class || r.Error != f.Error || !bytes.Equal(r.Response, f.Response) {
		c.Errorf("want class, error and response of %+v, got %+v", f, r)
	}
	if d := r.NextAt.Sub(r.At) - c.units(1); d < -time.Millisecond || d > time.Millisecond {
		c.Errorf("at %v with a delay of %v, next at %v", r.At, c.units(1), r.NextAt)
	}
	c.advance(1.5)
	c.apply(retry(0)(h, c.one(h)))
	want(webhook.LastRetrying, 2, 503)
	c.advance(0.1)
	c.apply(dead(h, c.one(h)))
	want(webhook.LastFailed, 3, 500)
	ev = c.emit()
	c.apply(delivered(h, c.one(h)))
	if r := want(webhook.LastDelivered, 1, 204); r.Class != "" || r.Error != "" || len(r.Response) != 0 {
		c.Errorf("after a success the failure is still shown: %+v", r)
	}
}

func healthVersion(c *check) {
	e := c.endpoint()
	c.kill(e, 1)
	c.emit()
	c.work(e, retry(0))
	c.advance(0.1)
	c.work(e, delivered)
	r := c.look(e)
	if r.Version != e.Version || !r.UpdatedAt.Equal(e.UpdatedAt) {
		c.Errorf("deliveries changed the version from %d to %d, UpdatedAt from %v to %v", e.Version, r.Version, e.UpdatedAt, r.UpdatedAt)
	}
	e.Name = "renamed"
	c.put(e)
	if after := c.look(e); fmt.Sprint(after.Health) != fmt.Sprint(r.Health) {
		c.Errorf("an edit changed the health:\n%+v\n%+v", r.Health, after.Health)
	}
}

func healthFailing(c *check) {
	e := c.endpoint()
	want := func(when string, failing bool, undelivered int) {
		c.Helper()
		h := c.look(e).Health
		if h.InError != failing || (h.Reason != "") != failing || h.Undelivered != undelivered || undelivered > 0 && h.LastReason == "" {
			c.Errorf("%s: want failing %t and %d undelivered, got %+v", when, failing, undelivered, h)
		}
	}
	c.emit()
	c.work(e, retry(0))
	want("after a failed attempt", false, 0)
	c.advance(0.1)
	c.work(e, dead)
	want("after a death", true, 1)
	c.kill(e, 2)
	want("after two more", true, 3)
	c.emit()
	c.work(e, retry(0))
	want("while another one is retried", true, 3)
	c.advance(0.1)
	c.work(e, delivered)
	want("after a success", false, 3)
}

func healthSince(c *check) {
	e := c.endpoint()
	if h := c.look(e).Health; !h.FailingSince.IsZero() {
		c.Errorf("a new endpoint is failing since %v", h.FailingSince)
	}
	c.emit()
	c.work(e, retry(c.units(1)))
	first := c.look(e).Health.FailingSince
	c.advance(1.5)
	c.work(e, dead)
	if h := c.look(e).Health; first.IsZero() || !h.FailingSince.Equal(first) || !h.At.After(first) {
		c.Errorf("failing since %v, after the second failure since %v", first, h.FailingSince)
	}
	c.emit()
	c.work(e, delivered)
	if h := c.look(e).Health; !h.FailingSince.IsZero() {
		c.Errorf("after a success it is failing since %v", h.FailingSince)
	}
}

func healthExcerpt(c *check) {
	e := c.endpoint()
	c.emit()
	h := c.claim(e).Hold
	o := dead(h, c.one(h))
	o.Attempt.Response = bytes.Repeat([]byte("0123456789abcdef"), 1024)
	c.apply(o)
	if got := c.look(e).Health.Response; len(got) == 0 || len(got) > 1024 || !bytes.HasPrefix(o.Attempt.Response, got) {
		c.Errorf("of an answer of 16 KiB the health has %d bytes", len(got))
	}
	if got := c.record(o.Delivery).Attempts[0].Response; !bytes.Equal(got, o.Attempt.Response) {
		c.Errorf("of an answer of 16 KiB the log has %d bytes", len(got))
	}
}

func healthSuperseded(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	c.apply(delivered(now, d))
	before := c.look(e)
	s := c.settle([]webhook.Outcome{dead(old, d)})
	after := c.look(e)
	if fmt.Sprintf("%+v %+v", before.Health, before.Hours) != fmt.Sprintf("%+v %+v", after.Health, after.Hours) || len(s.Changes) > 0 {
		c.Errorf("a superseded attempt is shown:\n%+v %+v\n%+v %+v %v", before.Health, before.Hours, after.Health, after.Hours, s.Changes)
	}
}

// counters sums up an endpoint's hours.
func (c *check) counters(e webhook.Endpoint) (sum webhook.Hour) {
	c.Helper()
	hours := c.look(e).Hours
	for i, h := range hours {
		if h.Start.Location() != time.UTC || !h.Start.Equal(h.Start.Truncate(time.Hour)) || i > 0 && !h.Start.After(hours[i-1].Start) ||
			h.Delivered+h.Failed == 0 {
			c.Errorf("hours must be full ones in UTC, oldest first, without empty ones: %+v", hours)
		}
		sum.Delivered += h.Delivered
		sum.Failed += h.Failed
		sum.Latency += h.Latency
	}
	return sum
}

func healthHours(c *check) {
	e := c.endpoint()
	old, now, d := c.twoHolders(e)
	c.apply(retry(0)(now, d))
	c.drop(dead(old, d), "the lane was taken over")
	c.emits(2)
	c.advance(0.1)
	ds := c.due(now).Deliveries
	c.settle([]webhook.Outcome{delivered(now, ds[0]), dead(now, ds[1]), delivered(now, ds[2])})
	if got, want := c.counters(e), (webhook.Hour{Delivered: 2, Failed: 2, Latency: 100 * time.Millisecond}); got != want {
		c.Errorf("2 successes of 20 ms and 2 failures of 30 ms were applied: got %+v", got)
	}
	rs, err := c.s.Endpoints(c.ctx, webhook.EndpointQuery{Account: account})
	c.must(err, "Endpoints")
	if len(rs[0].Hours) != 0 {
		c.Errorf("Hours were not asked for: %+v", rs[0].Hours)
	}
}

func healthRoll(c *check) {
	if !c.h.Fake {
		c.Skip("needs hours to pass")
	}
	e := c.endpoint()
	for hour, n := range []int{3, 0, 1, 0, 2} {
		for range n {
			c.emit()
			c.work(e, delivered)
		}
		if hour < 4 {
			c.h.Advance(time.Hour)
		}
	}
	if got := c.counters(e); got.Delivered != 6 {
		c.Errorf("6 successes in 3 hours: %+v", got)
	}
	for ask, want := range map[int]int{0: 0, 1: 1, 2: 1, 3: 2, 5: 3, 168: 3} {
		rs, err := c.s.Endpoints(c.ctx, webhook.EndpointQuery{Account: account, ID: e.ID, Hours: ask})
		c.must(err, "Endpoints")
		if len(rs[0].Hours) != want {
			c.Errorf("the last %d hours have counters in %d of them, got %+v", ask, want, rs[0].Hours)
		}
	}
	c.h.Advance(167 * time.Hour)
	if got := c.counters(e); got.Delivered != 2 {
		c.Errorf("only the last hour's 2 successes are within 168 hours: %+v", got)
	}
}
