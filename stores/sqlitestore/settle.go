package sqlitestore

import (
	"context"

	"github.com/autoreach/webhook"
)

// Settle implements [webhook.Lanes].
func (s *Store) Settle(ctx context.Context, outcomes []webhook.Outcome, returns []webhook.Return) (out webhook.Settled, err error) {
	if len(outcomes)+len(returns) == 0 {
		return out, nil
	}
	err = s.update(ctx, func(t *txn) error { out, err = t.settle(outcomes, returns); return err })
	if err != nil {
		return webhook.Settled{}, failed("Settle", err)
	}
	return out, nil
}

// The states as they are stored.
const (
	pending int64 = iota
	delivered
	dead
)

var states = []webhook.State{pending: webhook.StatePending, delivered: webhook.StateDelivered, dead: webhook.StateDead}

// A delivery is what Settle knows of one.
type delivery struct {
	id, event    int64
	state        int64
	attempts     int
	recorded     int
	allGone      bool
	resend, moot bool
	undelivered  bool
	due          int64
}

// A settling is the work of one Settle.
type settling struct {
	*txn
	lanes      map[string]*lane
	order      []*lane
	deliveries map[int64]*delivery
	out        webhook.Settled
}

func (t *txn) settle(outcomes []webhook.Outcome, returns []webhook.Return) (webhook.Settled, error) {
	s := settling{txn: t, lanes: map[string]*lane{}, deliveries: map[int64]*delivery{}}
	s.out.Applied = make([]bool, len(outcomes))
	for _, i := range sorted(outcomes, func(o *webhook.Outcome) string { return o.Endpoint }) {
		var err error
		if s.out.Applied[i], err = s.outcome(&outcomes[i]); err != nil {
			return webhook.Settled{}, err
		}
	}
	for _, l := range s.order {
		if err := t.save(l); err != nil {
			return webhook.Settled{}, err
		}
		if l.wake {
			if err := t.wake(l.id); err != nil {
				return webhook.Settled{}, err
			}
		}
	}
	for i := range outcomes {
		o := &outcomes[i] // which may have died, and have been delivered after all
		if d := s.deliveries[o.Delivery]; s.out.Applied[i] && o.Disable != "" && d != nil && d.state == dead {
			if err := s.disable(o); err != nil {
				return webhook.Settled{}, err
			}
		}
	}
	for i := range returns {
		ok, err := t.giveBack(&returns[i])
		if err != nil {
			return webhook.Settled{}, err
		}
		if !ok {
			s.out.Refused = append(s.out.Refused, returns[i].Hold)
		}
	}
	return s.out, s.name()
}

// laneOf returns the lane of an outcome, or nil if it is gone.
func (s *settling) laneOf(o *webhook.Outcome) (*lane, error) {
	l, known := s.lanes[o.Endpoint]
	if !known {
		var err error
		if l, err = s.lane(o.Endpoint); err != nil {
			return nil, err
		}
		s.lanes[o.Endpoint] = l
		if l != nil {
			s.order = append(s.order, l)
		}
	}
	return l, nil
}

// plain applies an outcome in one step, if it is that of most: accepted at the
// first attempt, not long after the emit.
func (s *settling) plain(l *lane, o *webhook.Outcome) (bool, error) {
	a := o.Attempt
	if a == nil || o.State != webhook.StateDelivered || o.After != 0 || a.Result != webhook.ResultDelivered || a.Class != "" || a.Error != "" {
		return false, nil
	}
	n, err := s.exec(`INSERT INTO webhook_delivered (id, lane, event, type, created_at, finished_at, token, took, status, response)
		SELECT id, lane, event, type, created_at, ?, ?, ?, ?, ? FROM webhook_queue WHERE id = ? AND lane = ? AND created_at > ?`,
		s.now, o.Token, int64(a.Took), a.Status, a.Response, o.Delivery, l.id, s.now-soon)
	if err != nil || n == 0 {
		return false, err
	}
	if _, err := s.exec(`DELETE FROM webhook_queue WHERE id = ?`, o.Delivery); err != nil {
		return false, err
	}
	l.wake = l.wake || l.fifo && !(l.held && l.token == o.Token) // the next one comes to the head
	l.count(a)
	s.succeeded(l, &delivery{id: o.Delivery, attempts: 1}, o)
	return true, nil
}

// load returns the delivery of an outcome, or nil if it is gone or not the lane's.
func (s *settling) load(l *lane, o *webhook.Outcome) (*delivery, error) {
	if d, known := s.deliveries[o.Delivery]; known {
		return d, nil
	}
	d := &delivery{id: o.Delivery}
	read := func() (bool, error) {
		return s.get(`SELECT event, state, attempts, recorded, gone, resend, moot, undelivered, due
			FROM webhook_deliveries WHERE id = ? AND lane = ?`, []any{o.Delivery, l.id},
			&d.event, &d.state, &d.attempts, &d.recorded, &d.allGone, &d.resend, &d.moot, &d.undelivered, &d.due)
	}
	found, err := read()
	if err == nil && !found {
		var token int64
		if found, err = s.get(`SELECT token FROM webhook_delivered WHERE id = ?`, []any{o.Delivery}, &token); err != nil {
			return nil, err
		}
		if found && (o.Attempt == nil || o.After == 0 && o.Token == token) {
			return nil, nil // it says what is known
		}
		if found, err = s.widen(o.Delivery); found {
			found, err = read()
		}
	}
	if err != nil || !found {
		return nil, err
	}
	s.deliveries[o.Delivery] = d
	return d, nil
}

// settled says whether that very attempt is in the history already, or, where
// nothing was sent, that the delivery has ended.
func (s *settling) settled(d *delivery, o *webhook.Outcome) (bool, error) {
	if o.Attempt == nil {
		return d.state != pending, nil
	}
	if d.recorded == 0 {
		return false, nil
	}
	return s.get(`SELECT 1 FROM webhook_attempts WHERE delivery = ? AND n = ? AND token = ? LIMIT 1`,
		[]any{d.id, o.After + 1, o.Token}, new(int64))
}

// outcome applies one outcome and records its attempt.
func (s *settling) outcome(o *webhook.Outcome) (applies bool, err error) {
	l, err := s.laneOf(o)
	if err != nil || l == nil {
		return false, err
	}
	if done, err := s.plain(l, o); err != nil || done {
		return done, err
	}
	d, err := s.load(l, o)
	if err != nil || d == nil {
		return false, err
	}
	if before, err := s.settled(d, o); err != nil || before {
		return false, err
	}
	applies = l.token == o.Token && d.state == pending && d.attempts == o.After
	if o.State == webhook.StateDelivered {
		applies = d.state != delivered
	}
	interrupted := o.Attempt != nil && o.Attempt.Result == webhook.ResultInterrupted
	if o.Attempt != nil {
		result := o.Attempt.Result
		if !applies && !interrupted {
			result = webhook.ResultSuperseded
		}
		if err := s.record(d, o, result); err != nil {
			return false, err
		}
	}
	if applies && !interrupted {
		return true, s.apply(l, d, o)
	}
	if o.Attempt != nil {
		_, err = s.exec(`UPDATE webhook_deliveries SET recorded = ? WHERE id = ?`, d.recorded, d.id)
	}
	return applies, err
}

// record adds an attempt to the history.
func (s *settling) record(d *delivery, o *webhook.Outcome, result webhook.Result) error {
	a := o.Attempt
	d.recorded++
	_, err := s.exec(`INSERT INTO webhook_attempts (delivery, n, token, at, took, result, status, class, error, response)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		d.id, o.After+1, o.Token, s.now, int64(a.Took), string(result), a.Status, a.Class, a.Error, a.Response)
	return err
}

// apply makes the outcome the state of the delivery.
func (s *settling) apply(l *lane, d *delivery, o *webhook.Outcome) (err error) {
	if a := o.Attempt; a != nil {
		d.attempts = max(d.attempts, o.After+1)
		d.allGone = (d.attempts == 1 || d.allGone) && a.Status == 410
		l.count(a)
	}
	if o.State == webhook.StatePending {
		d.due = after(s.now, o.Delay)
		if !d.resend && l.attempted(d, o.Attempt, webhook.LastRetrying, s.now) {
			s.change(l, webhook.ChangeFailing, o.Attempt.Error)
		}
		_, err = s.exec(`UPDATE webhook_deliveries SET attempts = ?, recorded = ?, gone = ?, due = ?, delay = ? WHERE id = ?`,
			d.attempts, d.recorded, bit(d.allGone), d.due, int64(o.Delay), d.id)
		return err
	}
	mine := l.held && l.token == o.Token
	l.wake = l.wake || l.fifo && d.state == pending && !mine // the next one comes to the head
	var reason webhook.Reason
	d.state = delivered
	if o.State == webhook.StateDead {
		d.state, reason = dead, o.Reason
	}
	counts := d.state == dead && reason != webhook.ReasonDiscarded && !d.moot
	if counts != d.undelivered {
		d.undelivered, l.touched = counts, true
		l.health.undelivered += int(2*bit(counts) - 1)
	}
	if d.state == dead {
		s.died(l, d, o)
	} else {
		s.succeeded(l, d, o)
	}
	_, err = s.exec(`UPDATE webhook_deliveries SET attempts = ?, recorded = ?, gone = ?, state = ?, reason = ?, finished_at = ?,
		undelivered = ? WHERE id = ?`,
		d.attempts, d.recorded, bit(d.allGone), d.state, string(reason), s.now, bit(d.undelivered), d.id)
	return err
}

// count adds an attempt to the counters of the hour.
func (l *lane) count(a *webhook.Attempt) {
	if a.Result == webhook.ResultDelivered {
		l.hour.Delivered++
	} else {
		l.hour.Failed++
	}
	l.hour.Latency += a.Took
}

func (s *settling) succeeded(l *lane, d *delivery, o *webhook.Outcome) {
	l.attempted(d, o.Attempt, webhook.LastDelivered, s.now)
	h := &l.health
	if h.inError || h.since != 0 {
		s.change(l, webhook.ChangeRecovered, "")
	}
	l.touched = l.touched || h.inError || h.since != 0 || h.deadInRow != 0
	h.inError, h.reason, h.since, h.deadInRow = false, "", 0, 0
}

func (s *settling) died(l *lane, d *delivery, o *webhook.Outcome) {
	reason := o.Reason.Sentence(d.attempts)
	if o.Attempt != nil && o.Attempt.Error != "" {
		reason = o.Attempt.Error
	}
	if d.undelivered {
		l.touched, l.health.lastReason = true, reason
	}
	if d.resend {
		return
	}
	if l.attempted(d, o.Attempt, webhook.LastFailed, s.now) {
		s.change(l, webhook.ChangeFailing, o.Attempt.Error)
	}
	if o.Reason == webhook.ReasonFailed && (o.Attempt == nil || !webhook.SenderFault(o.Attempt.Class)) {
		l.health.deadInRow++
	}
	if l.failing(reason) {
		s.change(l, webhook.ChangeError, reason)
	}
}

// change notes a turn for the host's hook.
func (s *settling) change(l *lane, kind webhook.ChangeKind, reason string) {
	s.out.Changes = append(s.out.Changes, webhook.Change{Account: l.account, Endpoint: l.endpoint, Kind: kind, Reason: reason})
}

// name fills in the names of the endpoints that changed.
func (s *settling) name() error {
	for i := range s.out.Changes {
		e, err := s.find(s.out.Changes[i].Endpoint)
		if err != nil {
			return err
		}
		s.out.Changes[i].Name = e.Name
	}
	return nil
}

// disable disables an endpoint by itself, if it is the one that was sent to.
func (s *settling) disable(o *webhook.Outcome) error {
	l := s.lanes[o.Endpoint]
	if !l.enabled || l.version != o.Version {
		return nil
	}
	l.enabled = false
	l.version++
	if _, err := s.exec(`UPDATE webhook_endpoints SET enabled = 0, disabled_by = 'engine', disabled_reason = ?, changed_by = '', version = ?,
		updated_at = ? WHERE lane = ?`, o.Disable, l.version, s.now, l.id); err != nil {
		return err
	}
	s.change(l, webhook.ChangeDisabled, o.Disable)
	return s.stop(l.id)
}

// giveBack applies a Return and says whether it was accepted.
func (t *txn) giveBack(r *webhook.Return) (bool, error) {
	var lane, mark int64
	var fifo bool
	found, err := t.get(`SELECT l.lane, l.mark, l.fifo FROM webhook_endpoints p CROSS JOIN webhook_lanes l ON l.lane = p.lane
		WHERE p.id = ? AND l.token = ? AND +l.held = 1`, []any{r.Endpoint, r.Token}, &lane, &mark, &fifo)
	if err != nil || !found || r.Mark != webhook.MarkAny && r.Mark != mark {
		return false, err
	}
	if r.Park != 0 {
		if seq, err := t.pauseSeq(); err != nil || seq != r.Park {
			return false, err
		}
	}
	notBefore := after(t.now, r.Pause)
	ready := notBefore
	switch {
	case r.Park != 0 && len(r.Exclude) == 0:
		ready = never
	case r.Mark != webhook.MarkAny:
		due, err := t.earliest(lane, fifo, r.Exclude)
		if err != nil {
			return false, err
		}
		ready = max(due, notBefore)
	}
	_, err = t.exec(`UPDATE webhook_lanes SET held = 0, parked = ?, pace = ?, not_before = ?, ready_at = ? WHERE lane = ?`,
		bit(r.Park != 0), r.Pace, notBefore, ready, lane)
	return true, err
}
