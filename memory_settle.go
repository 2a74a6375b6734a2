package webhook

import (
	"bytes"
	"container/heap"
	"time"
)

// settle applies one outcome and records its attempt.
func (s *MemoryStore) settle(o *Outcome, out *Settled, now instant) bool {
	l := s.lanes[o.Endpoint]
	if l == nil {
		return false
	}
	d := l.find(o.Delivery)
	if d == nil || d.settled(o) {
		return false
	}
	p := d.touch()
	applies := l.token == o.Token && p.state == StatePending && p.attempts == o.After
	if o.State == StateDelivered {
		applies = p.state != StateDelivered
	}
	interrupted := o.Attempt != nil && o.Attempt.Result == ResultInterrupted
	if o.Attempt != nil {
		a := *o.Attempt
		a.N, a.At, a.Response = o.After+1, s.time(now), bytes.Clone(a.Response)
		if !applies && !interrupted {
			a.Result = ResultSuperseded
		}
		p.history = append(p.history, memAttempt{a, o.Token})
	}
	if !applies || interrupted {
		return applies
	}
	if a := o.Attempt; a != nil {
		p.attempts = max(p.attempts, o.After+1)
		p.allGone = (p.attempts == 1 || p.allGone) && a.Status == 410
		s.count(l, a, now)
	}
	switch o.State {
	case StateDelivered:
		s.finish(d, StateDelivered, "", now)
		if l.token != o.Token {
			s.nextInLine(l, now)
		}
		s.succeeded(l, d, o, out, now)
	case StatePending:
		p.due, p.delay = now.add(o.Delay), o.Delay
		heap.Fix(l.waiting(d), int(d.index))
		if !p.resend {
			s.attempted(l, d, o.Attempt, LastRetrying, out, now)
		}
	case StateDead:
		s.finish(d, StateDead, o.Reason, now)
		s.died(l, d, o, out, now)
	}
	return true
}

// settled says whether that very attempt is in the history already, or, where
// nothing was sent, that the delivery has ended.
func (d *memDelivery) settled(o *Outcome) bool {
	if o.Attempt == nil {
		return !d.pending()
	}
	history := d.seen().history
	for i := range history {
		if a := &history[i]; a.N == o.After+1 && a.token == o.Token {
			return true
		}
	}
	return false
}

// attempted shows a finished attempt in the lane's health.
func (s *MemoryStore) attempted(l *memLane, d *memDelivery, a *Attempt, last LastState, out *Settled, now instant) {
	if a == nil {
		return
	}
	h := &l.health
	h.Last, h.At, h.EventID, h.Attempt = last, s.time(now), d.event.ID, d.seen().attempts
	h.Status, h.Class, h.Error = a.Status, a.Class, a.Error
	h.Response = excerpt(a.Response)
	h.NextAt = time.Time{}
	if last == LastRetrying {
		h.NextAt = s.time(d.due())
	}
	if last != LastDelivered && h.FailingSince.IsZero() {
		h.FailingSince = s.time(now)
		out.change(l, ChangeFailing, a.Error)
	}
}

// excerpt is what health keeps of a response: up to 1 KiB of whole characters.
func excerpt(b []byte) []byte {
	if len(b) > 1024 {
		b = bytes.ToValidUTF8(b[:1024], nil)
	}
	return bytes.Clone(b)
}

func (s *MemoryStore) succeeded(l *memLane, d *memDelivery, o *Outcome, out *Settled, now instant) {
	s.attempted(l, d, o.Attempt, LastDelivered, out, now)
	h := &l.health
	if h.InError || !h.FailingSince.IsZero() {
		out.change(l, ChangeRecovered, "")
	}
	h.InError, h.Reason, h.FailingSince = false, "", time.Time{}
	l.deadInRow = 0
}

func (s *MemoryStore) died(l *memLane, d *memDelivery, o *Outcome, out *Settled, now instant) {
	reason := o.Reason.Sentence(d.seen().attempts)
	if o.Attempt != nil && o.Attempt.Error != "" {
		reason = o.Attempt.Error
	}
	if !d.seen().moot {
		l.health.LastReason = reason
	}
	if d.seen().resend {
		return
	}
	s.attempted(l, d, o.Attempt, LastFailed, out, now)
	if o.Reason == ReasonFailed && (o.Attempt == nil || !SenderFault(o.Attempt.Class)) {
		l.deadInRow++
	}
	s.failing(l, reason, out)
}

// disable disables an endpoint by itself.
func (s *MemoryStore) disable(o *Outcome, out *Settled, now instant) {
	l := s.lanes[o.Endpoint]
	d := l.find(o.Delivery)
	if !l.config.Enabled || l.config.Version != o.Version || d == nil || d.seen().state != StateDead {
		return
	}
	l.config.Enabled, l.config.DisabledBy, l.config.DisabledReason, l.config.ChangedBy = false, DisabledByEngine, o.Disable, ""
	l.config.Version++
	l.config.UpdatedAt = s.time(now)
	s.stop(l)
	out.change(l, ChangeDisabled, o.Disable)
}

// failing sets the error status.
func (s *MemoryStore) failing(l *memLane, reason string, out *Settled) {
	if !l.health.InError {
		out.change(l, ChangeError, reason)
	}
	l.health.InError, l.health.Reason = true, reason
}

// maxHours is how many hours of counters are kept.
const maxHours = 168

// count adds an attempt to the counters of its hour.
func (s *MemoryStore) count(l *memLane, a *Attempt, now instant) {
	start := s.time(now).Truncate(time.Hour)
	if n := len(l.hours); n == 0 || l.hours[n-1].Start != start {
		l.hours = append(l.hours, Hour{Start: start})
		if len(l.hours) > maxHours {
			l.hours = l.hours[1:]
		}
	}
	h := &l.hours[len(l.hours)-1]
	if a.Result == ResultDelivered {
		h.Delivered++
	} else {
		h.Failed++
	}
	h.Latency += a.Took
}

// hours returns the counters of the last n hours.
func (s *MemoryStore) hours(l *memLane, n int) []Hour {
	var out []Hour
	since := s.time(s.now()).Truncate(time.Hour).Add(-time.Duration(n-1) * time.Hour)
	for _, h := range l.hours {
		if n > 0 && !h.Start.Before(since) {
			out = append(out, h)
		}
	}
	return out
}

// change notes a turn for the host's hook; nobody is told when s is nil.
func (s *Settled) change(l *memLane, kind ChangeKind, reason string) {
	if s != nil {
		s.Changes = append(s.Changes, Change{l.config.Account, l.config.ID, l.config.Name, kind, reason})
	}
}
