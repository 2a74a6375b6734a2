package pgstore

import (
	"bytes"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

// settling is a Settle between reading and writing: what the outcomes are
// about, as it was read under the lock, and what becomes of it.
type settling struct {
	now        time.Time // the database's
	lanes      map[string]*lane
	deliveries []*delivery
	found      []*delivery // for each outcome; nil if there is none
	known      []bool      // for each outcome: its attempt is in the history

	delivered map[int64]*delivered // by ID; nil for one that has other outcomes
}

// A lane with its endpoint and health.
type lane struct {
	lane, version, token int64
	id, account          string
	enabled, fifo        bool
	valid                bool // the last claim is not void
	health               webhook.Health
	reasonAt             time.Time // of health.LastReason
	deadInRow            int
	hour                 webhook.Hour // what is added
	touched, wake        bool
}

// The states as they are stored.
const (
	statePending   int16 = 1
	stateDelivered int16 = 2
	stateDead      int16 = 3
)

// A delivery, in the queue or the log.
type delivery struct {
	lane              *lane
	id                int64
	event             string
	created, finished time.Time
	of                int64
	attempts          int
	gone, resend      bool
	moot, undelivered bool
	op                *string
	was, state        int16 // was is the state that is stored
	reason            string
	due               time.Time
	delay             time.Duration
	changed           bool
	last              *attempt  // that ended it, as it stands in the log
	history           []attempt // to be added
}

// An attempt with whose it was, and its place among those of one Settle.
type attempt struct {
	webhook.Attempt
	token int64
	seq   int
}

// scan reads a row of settleDeliveries, for outcome o of those that were asked
// about.
func (d *delivery) scan(r pgx.CollectableRow, o *int, known *bool) error {
	var of, token, took *int64
	var n, seq, status *int
	var class, words *string
	var finished *time.Time
	var response []byte
	err := r.Scan(o, &d.id, &d.event, &d.created, &of, &d.attempts, &d.gone, &d.resend, &d.moot, &d.op, &d.was, &d.reason, &d.undelivered,
		&finished, &n, &token, &seq, &took, &status, &class, &words, &response, known)
	if err != nil {
		return err
	}
	d.state, d.finished = d.was, utc(finished)
	if of != nil {
		d.of = *of
	}
	if n != nil {
		a := attempt{Attempt: webhook.Attempt{N: *n, At: d.finished, Took: time.Duration(*took), Status: *status, Response: response,
			Result: webhook.ResultFailed}, token: *token, seq: *seq}
		if d.was == stateDelivered {
			a.Result = webhook.ResultDelivered
		}
		if class != nil {
			a.Class = *class
		}
		if words != nil {
			a.Error = *words
		}
		d.last = &a
	}
	return nil
}

// settled says whether that very attempt is in the history already, or, where
// nothing was sent, that the delivery has ended.
func (d *delivery) settled(o *webhook.Outcome, known bool) bool {
	if o.Attempt == nil {
		return d.state != statePending
	}
	same := func(a *attempt) bool { return a.N == o.After+1 && a.token == o.Token }
	if known || d.last != nil && same(d.last) {
		return true
	}
	for i := range d.history {
		if same(&d.history[i]) {
			return true
		}
	}
	return false
}

// deliver notes outcome number i, which the statement deliver has applied.
func (w *settling) deliver(i int, o *webhook.Outcome, d *delivered, out *webhook.Settled) {
	l := w.lanes[o.Endpoint]
	if l == nil {
		return
	}
	a := attempt{Attempt: *o.Attempt, token: o.Token, seq: i}
	a.N, a.At = o.After+1, d.at
	l.touched = true
	l.count(&a.Attempt)
	if l.fifo && !(l.valid && l.token == o.Token) {
		l.wake = true // the next one comes to the head
	}
	l.succeeded(&delivery{event: d.event, attempts: d.attempts}, &a, out, d.at)
}

// settle applies outcome number i and notes its attempt. It says whether it
// applied.
func (w *settling) settle(i int, o *webhook.Outcome, out *webhook.Settled) bool {
	d := w.found[i]
	if d == nil || d.settled(o, w.known[i]) {
		return false
	}
	l := d.lane
	holds := l.valid && l.token == o.Token
	applies := holds && d.state == statePending && d.attempts == o.After
	if o.State == webhook.StateDelivered {
		applies = d.state != stateDelivered
	}
	interrupted := o.Attempt != nil && o.Attempt.Result == webhook.ResultInterrupted
	var a *attempt
	if o.Attempt != nil {
		a = &attempt{Attempt: *o.Attempt, token: o.Token, seq: i}
		a.N, a.At = o.After+1, w.now
		a.Class, a.Error = prose(a.Class), prose(a.Error)
		if !applies && !interrupted {
			a.Result = webhook.ResultSuperseded
		}
	}
	if !applies || interrupted {
		if a != nil {
			d.history = append(d.history, *a)
		}
		return applies
	}
	d.changed, l.touched = true, true
	if a != nil {
		d.attempts = max(d.attempts, o.After+1)
		d.gone = (d.attempts == 1 || d.gone) && a.Status == 410
		l.count(&a.Attempt)
	}
	switch o.State {
	case webhook.StateDelivered:
		w.finish(d, stateDelivered, "", a)
		if l.fifo && !holds {
			l.wake = true // the next one comes to the head
		}
		l.succeeded(d, a, out, w.now)
	case webhook.StatePending:
		if a != nil {
			d.history = append(d.history, *a)
		}
		d.due, d.delay = w.now.Add(o.Delay), o.Delay
		if !d.resend {
			l.attempted(d, a, webhook.LastRetrying, out, w.now)
		}
	case webhook.StateDead:
		w.finish(d, stateDead, o.Reason, a)
		l.died(d, o.Reason, a, out, w.now)
	}
	return true
}

// finish ends a delivery. The attempt that ended it, if there was one, takes
// the place of a former one that did.
func (w *settling) finish(d *delivery, state int16, reason webhook.Reason, a *attempt) {
	if d.last != nil {
		d.history = append(d.history, *d.last)
	}
	d.state, d.reason, d.finished, d.last = state, string(reason), w.now, a
	d.setUndelivered(state == stateDead && reason != webhook.ReasonDiscarded && !d.moot)
}

func (d *delivery) setUndelivered(is bool) {
	if d.undelivered != is {
		d.undelivered = is
		if is {
			d.lane.health.Undelivered++
		} else {
			d.lane.health.Undelivered--
		}
	}
}

// count adds an attempt to the counters of its hour.
func (l *lane) count(a *webhook.Attempt) {
	if a.Result == webhook.ResultDelivered {
		l.hour.Delivered++
	} else {
		l.hour.Failed++
	}
	l.hour.Latency += a.Took
}

// attempted shows a finished attempt in the health.
func (l *lane) attempted(d *delivery, a *attempt, last webhook.LastState, out *webhook.Settled, now time.Time) {
	if a == nil {
		return
	}
	h := &l.health
	h.Last, h.At, h.EventID, h.Attempt = last, now, d.event, d.attempts
	h.Status, h.Class, h.Error = a.Status, a.Class, a.Error
	h.Response = excerpt(a.Response)
	h.NextAt = time.Time{}
	if last == webhook.LastRetrying {
		h.NextAt = d.due
	}
	if last != webhook.LastDelivered && h.FailingSince.IsZero() {
		h.FailingSince = now
		out.Changes = append(out.Changes, l.change(webhook.ChangeFailing, a.Error))
	}
}

// excerpt is what health keeps of a response: up to 1 KiB of whole characters.
func excerpt(b []byte) []byte {
	if len(b) > 1024 {
		b = bytes.ToValidUTF8(b[:1024], nil)
	}
	return b
}

func (l *lane) succeeded(d *delivery, a *attempt, out *webhook.Settled, now time.Time) {
	l.attempted(d, a, webhook.LastDelivered, out, now)
	h := &l.health
	if h.InError || !h.FailingSince.IsZero() {
		out.Changes = append(out.Changes, l.change(webhook.ChangeRecovered, ""))
	}
	h.InError, h.Reason, h.FailingSince = false, "", time.Time{}
	l.deadInRow = 0
}

func (l *lane) died(d *delivery, reason webhook.Reason, a *attempt, out *webhook.Settled, now time.Time) {
	words := reason.Sentence(d.attempts)
	if a != nil && a.Error != "" {
		words = a.Error
	}
	if !d.moot {
		l.health.LastReason, l.reasonAt = words, now
	}
	if d.resend {
		return
	}
	l.attempted(d, a, webhook.LastFailed, out, now)
	if reason == webhook.ReasonFailed && (a == nil || !webhook.SenderFault(a.Class)) {
		l.deadInRow++
	}
	if !l.health.InError {
		out.Changes = append(out.Changes, l.change(webhook.ChangeError, words))
	}
	l.health.InError, l.health.Reason = true, words
}

func (l *lane) change(kind webhook.ChangeKind, reason string) webhook.Change {
	return webhook.Change{Account: l.account, Endpoint: l.id, Kind: kind, Reason: reason}
}
