package sim

import (
	"context"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

func (o *observer) Settle(ctx context.Context, outcomes []webhook.Outcome, returns []webhook.Return) (webhook.Settled, error) {
	w := o.w
	defer w.inTurn()()
	from := time.Now()
	out, err := o.store.Settle(ctx, outcomes, returns)
	if err != nil {
		return out, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	at := span{from, time.Now()}
	// All are judged by the lanes as they were before the call.
	for i := range outcomes {
		w.outcome(o.p, &outcomes[i], out.Applied[i], at)
	}
	for i := range outcomes {
		if out.Applied[i] && outcomes[i].Disable != "" {
			w.disabledByItself(&outcomes[i], at)
		}
	}
	for i := range returns {
		w.returned(o.p, &returns[i], !slices.Contains(out.Refused, returns[i].Hold), from)
	}
	return out, nil
}

// outcome judges whether an outcome was rightly applied, and follows it.
func (w *world) outcome(p *process, o *webhook.Outcome, applied bool, at span) {
	l := w.lanes[o.Endpoint]
	if l == nil || !l.deleted.IsZero() {
		if applied {
			w.inOrder("settle", l, o.Delivery, "an outcome for a deleted endpoint was applied")
		}
		return
	}
	d := l.deliveries[o.Delivery]
	if d == nil {
		return
	}
	key := settleKey{o.After + 1, o.Token}
	repeat := o.Attempt != nil && d.settled[key]
	result := webhook.Result("")
	if o.Attempt != nil {
		result = o.Attempt.Result
	}
	w.note(p, l, d.id, "settled: %s %s after %d under token %d, delay %v, applied %v, repeat %v", o.State, result, o.After, o.Token, o.Delay, applied, repeat)
	w.judgeOutcome(l, d, o, applied, repeat)
	if repeat {
		d.repeated(o, applied, at)
		if !applied {
			return
		}
	}
	for _, h := range d.handings {
		if h.claim.token == o.Token && h.after == o.After && (h.reported.IsZero() || repeat) && h.open {
			h.reported, h.applied, h.outcome, h.result = at.from, applied, o.State, result
		}
	}
	if o.Attempt != nil && !repeat {
		d.settled[key] = true
		if !applied && result != webhook.ResultInterrupted {
			result = webhook.ResultSuperseded
			w.counts.Superseded++
		}
		d.history = append(d.history, attempt{o.After + 1, o.Token, result, o.Attempt.Status, o.Attempt.Took, at})
	}
	if result == webhook.ResultInterrupted {
		d.cut++
		w.counts.Interrupted++
	}
	if applied && result != webhook.ResultInterrupted {
		w.apply(l, d, o, at.from)
	}
}

// repeated follows a repeat of an outcome. If the two calls overlapped, either
// may have been the first.
func (d *delivery) repeated(o *webhook.Outcome, applied bool, at span) {
	for i := range d.history {
		h := &d.history[i]
		if h.n != o.After+1 || h.token != o.Token || at.from.After(h.at.to) || at.to.Before(h.at.from) {
			continue
		}
		if at.from.Before(h.at.from) {
			h.at.from = at.from
		}
		if at.to.After(h.at.to) {
			h.at.to = at.to
		}
		if applied {
			h.result = o.Attempt.Result
		}
	}
}

func (w *world) judgeOutcome(l *lane, d *delivery, o *webhook.Outcome, applied, repeat bool) {
	interrupted := o.Attempt != nil && o.Attempt.Result == webhook.ResultInterrupted
	switch {
	case !applied:
	case repeat:
		w.inOrder("settle", l, d.id, "attempt %d of token %d was applied twice", o.After+1, o.Token)
	case o.State == webhook.StateDelivered:
		if d.state == webhook.StateDelivered {
			w.inOrder("settle", l, d.id, "delivered twice")
		}
	case d.state != webhook.StatePending:
		w.inOrder("settle", l, d.id, "%s was applied although it is %s", o.State, d.state)
	case !l.claim(o.Token).current():
		w.inOrder("settle", l, d.id, "%s was applied for token %d, which is not the lane's", o.State, o.Token)
	case o.After != d.attempts && !interrupted:
		w.inOrder("settle", l, d.id, "%s was applied after %d attempts, it has %d", o.State, o.After, d.attempts)
	}
	if applied || repeat || interrupted {
		return
	}
	switch {
	case o.State == webhook.StateDelivered && d.state != webhook.StateDelivered:
		w.inOrder("settle", l, d.id, "a 2xx was not applied")
	case o.State != webhook.StateDelivered && d.state == webhook.StatePending && l.claim(o.Token).current() && o.After == d.attempts:
		w.inOrder("settle", l, d.id, "%s was not applied", o.State)
	}
}

// apply follows an outcome that was applied.
func (w *world) apply(l *lane, d *delivery, o *webhook.Outcome, now time.Time) {
	limit := len(w.plan.Retry) + 1
	if d.resend {
		limit = 1
	}
	if a := o.Attempt; a != nil {
		d.gone = (d.attempts == 0 || d.gone) && a.Status == 410
		d.attempts = max(d.attempts, o.After+1)
		if d.attempts > limit {
			w.inOrder("attempts", l, d.id, "attempt %d was counted", d.attempts)
		}
	}
	switch o.State {
	case webhook.StatePending:
		least := w.plan.Retry[min(o.After, len(w.plan.Retry)-1)]
		if o.Delay < least || o.Delay <= d.delay {
			w.inOrder("delay", l, d.id, "retry %d after %v, the one before came after %v, the schedule says %v", o.After+1, o.Delay, d.delay, least)
		}
		d.due, d.delay = now.Add(o.Delay), o.Delay
	case webhook.StateDelivered:
		w.counts.Delivered++
	case webhook.StateDead:
		w.counts.Dead++
		if o.Reason == webhook.ReasonFailed && d.attempts < limit {
			w.inOrder("attempts", l, d.id, "given up after %d attempts of %d", d.attempts, limit)
		}
		if o.Reason == webhook.ReasonExpired && now.Sub(d.created) < w.plan.ExpireAfter || o.Reason == webhook.ReasonUnreadable {
			w.inOrder("reason", l, d.id, "%s, %v after it was made", o.Reason, now.Sub(d.created))
		}
		if gone := o.Disable != ""; !d.resend && o.Reason == webhook.ReasonFailed && gone != d.gone {
			w.inOrder("gone", l, d.id, "all attempts answered 410: %v; the endpoint is to be disabled: %v", d.gone, gone)
		}
	}
	if o.State != webhook.StatePending {
		if d.finished.IsZero() || now.Before(d.finished) {
			d.finished = now
		}
		d.state = o.State
	}
}

// disabledByItself follows the engine's own disabling.
func (w *world) disabledByItself(o *webhook.Outcome, at span) {
	l := w.lanes[o.Endpoint]
	if l == nil || !l.deleted.IsZero() {
		return
	}
	found, _ := w.store.Endpoints(context.Background(), webhook.EndpointQuery{Account: l.account, ID: l.id})
	if len(found) == 1 {
		was := l.config().Version
		w.set(found[0].Endpoint, at)
		if (was == o.Version) != (l.config().Version != was) {
			w.inOrder("gone", l, o.Delivery, "the 410 was of version %d, the endpoint had version %d and has %d now", o.Version, was, l.config().Version)
		}
	}
}

// returned judges whether a Return was rightly accepted, and follows it.
func (w *world) returned(p *process, r *webhook.Return, accepted bool, now time.Time) {
	l := w.lanes[r.Endpoint]
	c := l.claim(r.Token)
	w.note(p, l, 0, "returned by token %d: mark %d, pause %v, park %d %v, accepted %v", r.Token, r.Mark, r.Pause, r.Park, r.Exclude, accepted)
	if !accepted {
		w.counts.StaleReturns++
		if c.held() && r.Mark == webhook.MarkAny && r.Park == 0 {
			w.inOrder("return", l, 0, "the return of token %d was refused", r.Token)
		}
		return
	}
	if !c.held() {
		w.inOrder("return", l, 0, "the return of token %d was accepted, which does not hold the lane", r.Token)
	}
	if c == nil || !c.returned.IsZero() {
		return
	}
	if seen, known := c.seen[r.Mark]; known && seen != l.wakes && r.Mark != webhook.MarkAny {
		w.inOrder("mark", l, 0, "the return was accepted with mark %d, though %d things came in since", r.Mark, l.wakes-seen)
	}
	if r.Park != 0 && r.Park != w.pauseSeq {
		w.inOrder("park", l, 0, "was parked by pauses %d when they were at %d", r.Park, w.pauseSeq)
	}
	for _, until := range c.throttled {
		if now.Add(r.Pause).Before(until) {
			w.violate("retry-after", l, 0, "is returned with a pause of %v, it asked to be left alone until %s", r.Pause, w.since(until))
		}
	}
	c.returned = now
	if c == l.lastClaim() {
		l.notBefore, l.parked, l.parkedAt = now.Add(r.Pause), r.Park, now
	}
}
