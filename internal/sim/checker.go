package sim

import (
	"context"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

// judge compares the ledger with the store's log, when all is over.
func (w *world) judge() {
	undelivered, pending, live := 0, 0, 0
	found := map[*event]map[*lane]int{}
	for _, l := range w.laneList {
		if !l.deleted.IsZero() {
			continue
		}
		live++
		records := w.all(webhook.DeliveryQuery{Account: l.account, Endpoint: l.id})
		byID := map[int64]*webhook.DeliveryRecord{}
		for i := range records {
			r := &records[i]
			byID[r.ID] = r
			if e := w.events[r.Event]; e == nil {
				w.violate("ghost", l, r.ID, "is of event %s, which was never stored", r.Event)
			} else if r.Of == 0 {
				if found[e] == nil {
					found[e] = map[*lane]int{}
				}
				found[e][l]++
			}
		}
		for i := range records {
			w.judgeRecord(l, &records[i], byID)
		}
		w.judgeFIFO(l)
		w.judgeWaiting(l)
		undelivered += w.judgeHealth(l, records)
		pending += waiting(records)
		if l.parked != 0 && len(w.pauses) > 0 && l.parkedAt.After(w.pauses[len(w.pauses)-1].from) && w.noPauses() && !w.liftedAfter(l.parkedAt) && l.isOff() == nil {
			w.inOrder("park", l, 0, "is parked though no pause is set")
		}
	}
	w.judgeEvents(found)
	for _, a := range w.acked {
		w.judgeEmitted(a.emission, a.out)
	}
	st, _ := w.store.Stats(context.Background())
	st.Oldest = 0
	if want := (webhook.StoreStats{Endpoints: live, Pending: pending, Undelivered: undelivered}); st != want && w.broken["ends"] == 0 {
		w.violate("stats", nil, 0, "%+v, want %+v", st, want)
	}
}

func (w *world) noPauses() bool {
	for _, b := range w.pauses {
		if b.to.IsZero() {
			return false
		}
	}
	return true
}

func (w *world) liftedAfter(t time.Time) bool {
	for _, b := range w.pauses {
		if !b.to.Before(t) {
			return true
		}
	}
	return false
}

// judgeEvents wants one delivery for each endpoint that an event concerned,
// and nothing of what was refused. If calls may overlap, it can only be told of
// endpoints that nobody disables whether they were concerned.
func (w *world) judgeEvents(found map[*event]map[*lane]int) {
	stored, keys := map[string]*event{}, map[string]*event{}
	for _, e := range w.events {
		if k := e.account + "\x00" + e.key; e.key != "" {
			if o := keys[k]; o != nil && o.at.Sub(e.at).Abs() < w.plan.KeyWindow-w.plan.Clock {
				w.violate("idempotence", nil, 0, "%s and %s have one key, %s", e.marker, o.marker, e.key)
			}
			keys[k] = e
		}
		if e.key == "" && stored[e.marker] != nil {
			w.violate("idempotence", nil, 0, "%s is stored twice, as %s and %s", e.marker, stored[e.marker].id, e.id)
		}
		stored[e.marker] = e
		if w.refused[e.marker] {
			w.violate("refused", nil, 0, "%s was refused and is stored", e.marker)
		}
		concerned := map[*lane]bool{}
		for _, list := range [][]*lane{e.wanted, e.missed} {
			for _, l := range list {
				concerned[l] = true
				if n := found[e][l]; n != 1 && l.deleted.IsZero() && (!w.plan.Overlap || l.plan.Healthy || n > 1) {
					w.violate("fan-out", l, 0, "event %s has %d deliveries", e.marker, n)
				}
			}
		}
		for l := range found[e] {
			if !concerned[l] && (!w.plan.Overlap || !slices.Contains(l.plan.Types, e.kind)) {
				w.violate("fan-out", l, 0, "event %s has a delivery, though it did not concern the endpoint", e.marker)
			}
		}
	}
}

// judgeRecord judges one delivery.
func (w *world) judgeRecord(l *lane, r *webhook.DeliveryRecord, byID map[int64]*webhook.DeliveryRecord) {
	d := w.know(r)
	switch {
	case r.State == webhook.StatePending && !w.rests(l):
		w.violate("ends", l, r.ID, "still waits, due %s", w.since(r.NextAt))
	case r.State == webhook.StateDead && r.Reason == "":
		w.violate("ends", l, r.ID, "is dead without a reason")
	case r.Reason == webhook.ReasonUnreadable:
		w.violate("ends", l, r.ID, "could not be read")
	case r.Reason == webhook.ReasonExpired && r.FinishedAt.Sub(r.CreatedAt) < w.plan.ExpireAfter:
		w.violate("reason", l, r.ID, "expired after %v", r.FinishedAt.Sub(r.CreatedAt))
	}
	if limit := w.deadlines[l]; !limit.IsZero() && d.finished.After(limit.Add(w.slowed(w.lastBegan, d.finished))) {
		w.violate("stranded", l, r.ID, "ended at %s (%s %s), the endpoint answers 2xx and should have got it by %s",
			w.since(d.finished), r.State, r.Reason, w.since(limit))
	}
	w.judgeHistory(d, r)
	w.judgeSends(d)
	for _, h := range d.handings {
		if w.plan.Overlap && !h.begun.IsZero() {
			w.judgeRepeat(h)
		}
	}
	of := byID[r.Of]
	moot := of != nil && (of.State == webhook.StateDelivered || of.Resend) // of what had been delivered, perhaps
	want := r.State == webhook.StateDead && r.Reason != webhook.ReasonDiscarded && r.ResentAs == 0 && !d.dismissed
	if r.Undelivered != want && !(moot && !r.Undelivered) {
		w.violate("undelivered", l, r.ID, "%s %s, resent as %d, dismissed %v: undelivered is %v", r.State, r.Reason, r.ResentAs, d.dismissed, r.Undelivered)
	}
}

// judgeHistory wants the log to hold each attempt that was settled, once, as
// it was, and as the receiver saw it.
func (w *world) judgeHistory(d *delivery, r *webhook.DeliveryRecord) {
	missing := slices.Clone(d.history)
	counted := map[int]bool{} // a 2xx may come late, beside a failure
	for i := range r.Attempts {
		a := &r.Attempts[i]
		if j := slices.IndexFunc(missing, func(h attempt) bool { return w.isAttempt(&h, a) }); j >= 0 {
			missing = slices.Delete(missing, j, j+1)
		}
		if a.Result == webhook.ResultDelivered || a.Result == webhook.ResultFailed {
			counted[a.N] = true
		}
		if a.Status != 0 && !d.answered(a.N, a.Status) {
			w.violate("history", d.lane, d.id, "attempt %d has status %d, which no receiver gave", a.N, a.Status)
		}
	}
	if len(missing) > 0 || len(d.history) != len(r.Attempts) {
		w.violate("history", d.lane, d.id, "the log has %+v, settled was %+v", r.Attempts, d.history)
	}
	if n := len(counted); n > len(w.plan.Retry)+1 || d.resend && n > 1 {
		w.violate("attempts", d.lane, d.id, "%d attempts count", n)
	}
}

// isAttempt says whether an attempt in the log is the one that was settled.
func (w *world) isAttempt(h *attempt, a *webhook.Attempt) bool {
	clock := w.plan.Clock
	return h.n == a.N && h.result == a.Result && h.status == a.Status && (h.took-a.Took).Abs() <= clock &&
		!a.At.Before(h.at.from.Add(-clock)) && !a.At.After(h.at.to.Add(clock))
}

// waiting is how many wait.
func waiting(records []webhook.DeliveryRecord) int {
	n := 0
	for i := range records {
		if records[i].State == webhook.StatePending {
			n++
		}
	}
	return n
}

func (d *delivery) answered(n, status int) bool {
	for _, h := range d.handings {
		if h.after+1 != n {
			continue
		}
		for _, s := range h.answered {
			if s == status {
				return true
			}
		}
	}
	return false
}

// judgeSends bounds the requests of a delivery: its counted attempts, one that
// does not count for each claim but the last, and each that was cut off. The
// last claim has one too if the delivery ended by other means meanwhile.
func (w *world) judgeSends(d *delivery) {
	accepted, uncounted := 0, 0
	var last *handing
	claims := map[*claim]int{} // requests that do not count
	for _, h := range d.handings {
		if h.begun.IsZero() {
			continue
		}
		last = h
		if h.failure == nil && h.status/100 == 2 {
			accepted++
		}
		claims[h.claim] += 0
		if counts := h.applied && !h.reported.IsZero(); !counts && h.result != webhook.ResultInterrupted {
			claims[h.claim]++
			uncounted++
		}
	}
	most := len(claims) - 1
	if last != nil && (!last.applied || last.outcome == webhook.StatePending) {
		most++
	}
	if uncounted > max(0, most) {
		w.violate("sends", d.lane, d.id, "%d requests under %d claims do not count as attempts", uncounted, len(claims))
	}
	for c, n := range claims {
		if n > 1 {
			w.violate("sends", d.lane, d.id, "%d requests under token %d do not count as attempts", n, c.token)
		}
	}
	if accepted > len(claims)+d.cut {
		w.violate("sends", d.lane, d.id, "accepted %d times under %d claims", accepted, len(claims))
	}
	if d.state == webhook.StateDelivered && accepted == 0 {
		w.violate("history", d.lane, d.id, "is delivered, and no receiver has accepted it")
	}
}

// judgeFIFO wants each delivery of a FIFO lane to begin after all before it
// have ended.
func (w *world) judgeFIFO(l *lane) {
	if !l.config().FIFO {
		return
	}
	slices.SortFunc(l.order, func(a, b *delivery) int { return int(a.id - b.id) })
	var before *delivery
	for _, d := range l.order {
		if d.resend {
			continue
		}
		for _, h := range d.handings {
			if before != nil && !h.begun.IsZero() && !h.at.Before(before.known) && h.begun.Add(w.plan.Clock).Before(before.finished) {
				w.violate("fifo", l, d.id, "begun at %s, #%d before it ended at %s", w.since(h.begun), before.id, w.since(before.finished))
			}
		}
		if before == nil || d.finished.After(before.finished) {
			before = d
		}
	}
}

// judgeWaiting bounds how long what goes to a healthy endpoint waits, whatever
// the sick ones do.
func (w *world) judgeWaiting(l *lane) {
	if !l.plan.Healthy {
		return
	}
	bound := 10*time.Second + time.Duration(w.sick())*4*time.Second
	if !w.plan.Faults.none() {
		bound += 80*time.Second + 16*w.plan.Lease
	}
	for _, d := range l.order {
		if d.resend || d.of != 0 || w.wasPaused(d, bound) {
			continue
		}
		if wait := d.finished.Sub(d.created); wait > bound+w.slowed(d.created, d.finished) {
			w.violate("waiting", l, d.id, "waited %v for a healthy endpoint, the bound is %v", wait, bound)
		}
	}
}

// wasPaused says whether a pause concerned the delivery while it could be
// delivered.
func (w *world) wasPaused(d *delivery, bound time.Duration) bool {
	for _, b := range w.pauses {
		if b.concerns(d, d.lane.plan.Host) && b.from.Before(d.finished) && (b.to.IsZero() || b.to.Add(bound).After(d.created)) {
			return true
		}
	}
	return false
}
