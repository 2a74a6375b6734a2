package sim

import (
	"context"
	"time"

	"github.com/autoreach/webhook"
)

// judgeHealth wants an endpoint's health and counters to be what its log says,
// and returns the undelivered count.
func (w *world) judgeHealth(l *lane, records []webhook.DeliveryRecord) int {
	found, _ := w.store.Endpoints(context.Background(), webhook.EndpointQuery{Account: l.account, ID: l.id, Hours: 168})
	if len(found) != 1 {
		w.violate("health", l, 0, "is gone")
		return 0
	}
	e, t := &found[0], tallyOf(records)
	h := &e.Health
	if h.Undelivered != t.undelivered || e.Pending != t.pending {
		w.violate("health", l, 0, "undelivered %d, pending %d, the log has %d and %d", h.Undelivered, e.Pending, t.undelivered, t.pending)
	}
	w.judgeLast(l, h, t)
	switch {
	case t.died.Equal(t.succeeded) && !t.died.IsZero(): // which came first cannot be told
	case h.InError != t.died.After(t.succeeded):
		w.violate("health", l, 0, "the error status is %v, the last death was at %s, the last success at %s", h.InError, w.since(t.died), w.since(t.succeeded))
	}
	if since, sure := t.failingSince(); sure && !h.FailingSince.Equal(since) {
		w.violate("health", l, 0, "failing since %s, by the log since %s", w.since(h.FailingSince), w.since(since))
	}
	hours := map[time.Time]webhook.Hour{}
	for _, x := range e.Hours {
		hours[x.Start] = x
	}
	for start, want := range t.hours {
		if hours[start] != want {
			w.violate("hours", l, 0, "counted %+v, the log has %+v", hours[start], want)
		}
	}
	if len(hours) != len(t.hours) {
		w.violate("hours", l, 0, "%d hours are counted, the log has %d", len(hours), len(t.hours))
	}
	return h.Undelivered
}

// judgeLast wants the last attempt to be one of those that were recorded last.
func (w *world) judgeLast(l *lane, h *webhook.Health, t *tally) {
	if len(t.last) == 0 {
		if h.Last != webhook.LastNever {
			w.violate("health", l, 0, "the last attempt is %s, the log has none", h.Last)
		}
		return
	}
	for _, x := range t.last {
		if h.Last == x.state && h.EventID == x.event && h.Attempt >= x.n && h.Status == x.status && h.At.Equal(x.at) {
			return
		}
	}
	w.violate("health", l, 0, "the last attempt is %s %s %d %d at %s, by the log %+v", h.Last, h.EventID, h.Attempt, h.Status, w.since(h.At), t.last)
}

// tally is what a log says.
type tally struct {
	undelivered, pending int
	succeeded, died      time.Time
	failed               []time.Time
	last                 []lastAttempt
	hours                map[time.Time]webhook.Hour
}

type lastAttempt struct {
	state     webhook.LastState
	event     string
	n, status int
	at        time.Time
}

func tallyOf(records []webhook.DeliveryRecord) *tally {
	t := &tally{hours: map[time.Time]webhook.Hour{}}
	for i := range records {
		r := &records[i]
		if r.Undelivered {
			t.undelivered++
		}
		if r.State == webhook.StatePending {
			t.pending++
		}
		if r.State == webhook.StateDead && !r.Resend && (r.Reason == webhook.ReasonFailed || r.Reason == webhook.ReasonExpired) && r.FinishedAt.After(t.died) {
			t.died = r.FinishedAt
		}
		for j := range r.Attempts {
			t.attempt(r, &r.Attempts[j])
		}
	}
	return t
}

func (t *tally) attempt(r *webhook.DeliveryRecord, a *webhook.Attempt) {
	good := a.Result == webhook.ResultDelivered
	if !good && a.Result != webhook.ResultFailed {
		return
	}
	start := a.At.Truncate(time.Hour)
	h := t.hours[start]
	h.Start = start
	h.Latency += a.Took
	if good {
		h.Delivered++
	} else {
		h.Failed++
	}
	t.hours[start] = h
	switch {
	case good && a.At.After(t.succeeded):
		t.succeeded = a.At
	case !good && r.Resend:
		return // touches no health
	case !good:
		t.failed = append(t.failed, a.At)
	}
	state := webhook.LastDelivered
	if !good {
		state = webhook.LastRetrying
		if r.State == webhook.StateDead && r.Reason == webhook.ReasonFailed && r.FinishedAt.Equal(a.At) {
			state = webhook.LastFailed
		}
	}
	if len(t.last) > 0 && a.At.After(t.last[0].at) {
		t.last = nil
	}
	if len(t.last) == 0 || a.At.Equal(t.last[0].at) {
		t.last = append(t.last, lastAttempt{state, r.Event, a.N, a.Status, a.At})
	}
}

// failingSince is when the first attempt failed after the last success, and
// whether that can be told.
func (t *tally) failingSince() (since time.Time, sure bool) {
	for _, f := range t.failed {
		if f.Equal(t.succeeded) {
			return since, false
		}
		if f.After(t.succeeded) && (since.IsZero() || f.Before(since)) {
			since = f
		}
	}
	return since, true
}
