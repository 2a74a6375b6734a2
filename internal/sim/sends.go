package sim

import (
	"net/http"
	"strconv"
	"time"

	"github.com/autoreach/webhook"
)

// begin judges a request that begins, and returns its hand-out, or nil for a
// test send.
func (w *world) begin(p *process, req *http.Request) *handing {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	lag := w.plan.Lag
	number, _ := strconv.Atoi(req.Header.Get(tag))
	if number == 0 {
		if req.Header.Get("X-Webhook-Test") != "true" {
			w.violate("ghost", nil, 0, "%s sends %s, which nothing handed out", p.name, req.Header.Get("Webhook-Id"))
		}
		return nil
	}
	h := w.handings[number-1]
	c, d, l := h.claim, h.delivery, h.claim.lane
	w.counts.Sends++
	w.note(p, l, d.id, "begins, hand-out %d to %s", number, req.URL)
	switch {
	case !h.begun.IsZero():
		w.violate("in-hand", l, d.id, "hand-out %d is sent twice", number)
	case !h.open:
		w.violate("lease", l, d.id, "hand-out %d is sent, whose answer was lost", number)
	case !now.Before(c.until.Add(lag)):
		w.violate("lease", l, d.id, "begun at the end of the lease of token %d or later", c.token)
	case !c.returned.IsZero():
		w.violate("lease", l, d.id, "begun after the lane was returned by token %d", c.token)
	case !c.lost.IsZero() && c.lost.Add(lag).Before(now):
		w.violate("lease", l, d.id, "begun after %s was told that token %d is lost", p.name, c.token)
	case l.lastClaim() != c && l.lastClaim().at.Add(lag).Before(now):
		w.violate("lease", l, d.id, "begun by token %d after the lane was claimed with %d", c.token, l.lastClaim().token)
	case !p.stopping.IsZero() && now.Sub(p.stopping) > 20*time.Millisecond+lag && !p.troubled(p.stopping, now):
		w.violate("stop", l, d.id, "begun %v after the process was told to end", now.Sub(p.stopping))
	}
	if p.inFlight[c]++; p.inFlight[c] > w.limit(l) {
		w.violate("cap", l, d.id, "%d requests of one holder are in flight, %d are allowed", p.inFlight[c], w.limit(l))
	}
	if !w.plan.Overlap {
		w.judgeRepeat(h)
	}
	w.judgeOff(p, h, now)
	w.judgePauses(p, h, req.URL.Hostname(), now)
	w.judgeRate(h, now)
	h.begun = now
	return h
}

// judgeRepeat wants a reason for every request but the first of a delivery. It
// is asked when the request begins, or at the end if calls may overlap.
func (w *world) judgeRepeat(h *handing) {
	d := h.delivery
	for _, o := range d.handings {
		if o == h || o.begun.IsZero() || !h.begun.IsZero() && o.begun.After(h.begun) {
			continue
		}
		settled := !o.reported.IsZero() && o.applied && o.outcome == webhook.StatePending && o.result == webhook.ResultFailed && o.after < h.after
		switch {
		case settled:
		case o.claim == h.claim:
			w.violate("duplicate", d.lane, d.id, "hand-out %d is sent under token %d, which has sent hand-out %d already", h.number, h.claim.token, o.number)
		case o.result != webhook.ResultInterrupted && o.failure == nil && !o.claim.void && !o.claim.process.troubled(o.begun, h.at):
			w.violate("duplicate", d.lane, d.id, "hand-out %d repeats %d, and nothing was wrong with %s", h.number, o.number, o.claim.process.name)
		}
	}
}

// judgeOff wants nothing to begin for an endpoint that is disabled or deleted,
// except what another process had been handed before.
func (w *world) judgeOff(p *process, h *handing, now time.Time) {
	l, d := h.claim.lane, h.delivery
	o := l.isOff()
	if o == nil {
		return
	}
	o.begun++
	lag := w.plan.Lag
	patience := max(w.plan.Lease, w.plan.Timeout, l.plan.Timeout) + lag
	switch {
	case !o.knows[p].IsZero() && o.knows[p].Add(lag).Before(now):
		w.violate("off", l, d.id, "begun by %s, which had disabled or deleted the endpoint", p.name)
	case h.at.After(o.from):
		w.inOrder("off", l, d.id, "begun after it was handed out for an endpoint that is disabled or deleted")
	case o.begun > w.limit(l):
		w.violate("off", l, d.id, "the %dth request for an endpoint that is disabled or deleted", o.begun)
	case now.Sub(o.from) > patience:
		w.violate("off", l, d.id, "begun %v after the endpoint was disabled or deleted", now.Sub(o.from))
	}
}

// judgeRate wants no second to see more than the rate, a tenth and one. What
// began late is seen beside what began in time.
func (w *world) judgeRate(h *handing, now time.Time) {
	l, c := h.claim.lane, h.claim
	rate := l.config().PerSecond
	if rate == 0 || h.delivery.resend {
		return
	}
	c.sent = append(c.sent, now)
	n := 0
	for _, t := range c.sent {
		if now.Sub(t) < time.Second {
			n++
		}
	}
	if most := rate*1.1*(1+w.plan.Lag.Seconds()) + 1; float64(n) > most {
		w.violate("rate", l, h.delivery.id, "%d requests within a second, the rate is %v", n, rate)
	}
}

// ended notes how a request went.
func (w *world) ended(p *process, h *handing, req *http.Request, resp *http.Response, err error) {
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if h == nil {
		return
	}
	c := h.claim
	p.inFlight[c]--
	h.ended, h.failure = now, err
	if o := c.lane.isOff(); o != nil && !o.knows[p].IsZero() && now.After(o.knows[p].Add(w.plan.Lag)) && !p.troubled(o.knows[p], now) && h.begun.Before(o.from) {
		w.violate("off", c.lane, h.delivery.id, "went on after %s had disabled or deleted the endpoint", p.name)
	}
	if err != nil {
		w.note(p, c.lane, h.delivery.id, "ends, hand-out %d: %v (%v)", h.number, err, req.Context().Err())
		return
	}
	h.status = resp.StatusCode
	w.note(p, c.lane, h.delivery.id, "ends, hand-out %d: %d", h.number, h.status)
	if h.delivery.resend || req.Context().Err() != nil {
		return
	}
	switch h.status {
	case 429, 502, 503, 504:
		after := time.Second
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
			after = time.Duration(s) * time.Second
		}
		c.throttled = append(c.throttled, now.Add(after))
	}
}
