package webhook

import (
	"context"
	"slices"
	"sort"
	"time"
)

// matches says whether the query selects the delivery of its lane.
func (q *DeliveryQuery) matches(s *MemoryStore, d *memDelivery) bool {
	p := d.seen()
	switch created := s.time(d.created()); {
	case p.forgotten,
		q.Event != "" && d.event.ID != q.Event,
		q.Type != "" && d.event.Type != q.Type,
		q.Undelivered && !p.undelivered,
		q.Before != 0 && d.id() >= q.Before,
		len(q.IDs) > 0 && !slices.Contains(q.IDs, d.id()),
		len(q.States) > 0 && !slices.Contains(q.States, p.state),
		!q.Since.IsZero() && created.Before(q.Since),
		!q.Until.IsZero() && !created.Before(q.Until):
		return false
	}
	return true
}

// lanesOf returns the lanes that the query can concern.
func (s *MemoryStore) lanesOf(q DeliveryQuery) []*memLane {
	if q.Endpoint != "" {
		if l := s.lane(q.Account, q.Endpoint); l != nil {
			return []*memLane{l}
		}
		return nil
	}
	if a := s.accounts[q.Account]; a != nil {
		return a.lanes
	}
	return nil
}

// oldest returns matching deliveries that also satisfy ok, oldest first, at
// most q.Limit.
func (s *MemoryStore) oldest(q DeliveryQuery, ok func(*memDelivery) bool) []*memDelivery {
	limit := pageLimit(q.Limit)
	var found []*memDelivery
	for _, l := range s.lanesOf(q) {
		n := 0
		for _, d := range l.log {
			if n < limit && q.matches(s, d) && ok(d) {
				found = append(found, d)
				n++
			}
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].id() < found[j].id() })
	return found[:min(limit, len(found))]
}

// Deliveries implements [Log].
func (s *MemoryStore) Deliveries(_ context.Context, q DeliveryQuery) ([]DeliveryRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	limit := pageLimit(q.Limit)
	var found []*memDelivery
	for _, l := range s.lanesOf(q) {
		for i, n := len(l.log)-1, 0; i >= 0 && n < limit; i-- {
			if d := l.log[i]; q.matches(s, d) {
				found = append(found, d)
				n++
			}
		}
	}
	sort.Slice(found, func(i, j int) bool { return found[i].id() > found[j].id() })
	found = found[:min(limit, len(found))]
	out := make([]DeliveryRecord, len(found))
	for i, d := range found {
		out[i] = s.record(d, q.Body)
	}
	return out, nil
}

func (s *MemoryStore) record(d *memDelivery, body bool) DeliveryRecord {
	p := d.seen()
	r := DeliveryRecord{
		ID: d.id(), Account: d.event.Account, Endpoint: d.lane.config.ID, Event: d.event.ID, Type: d.event.Type,
		OccurredAt: d.event.OccurredAt, CreatedAt: s.time(d.created()), State: p.state, Reason: p.reason,
		Resend: p.resend, Of: p.of, ResentAs: p.resentAs, Undelivered: p.undelivered,
	}
	if d.pending() {
		r.NextAt = s.time(d.due())
	} else {
		r.FinishedAt = s.time(p.finished)
	}
	for _, a := range p.history {
		r.Attempts = append(r.Attempts, a.Attempt)
	}
	if body {
		r.Body = d.event.Body
	}
	return r
}

// Resend implements [Log].
func (s *MemoryStore) Resend(_ context.Context, account string, delivery int64, op string) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.lanesOf(DeliveryQuery{Account: account}) {
		d := l.find(delivery)
		if d == nil {
			continue
		}
		last := l.find(d.seen().resentAs)
		switch done := d.seen().ops[op]; {
		case done != 0:
			return done, nil
		case d.pending() || last != nil && last.pending():
			return 0, ErrConflict
		case !l.config.Enabled:
			return 0, ErrDisabled
		case d.event.Body == nil:
			return 0, ErrNotFound
		}
		n := s.again(d, true)
		p := d.touch()
		if p.ops == nil {
			p.ops = map[string]int64{}
		}
		p.ops[op] = n
		return n, nil
	}
	return 0, ErrNotFound
}

// Recover implements [Log].
func (s *MemoryStore) Recover(_ context.Context, q DeliveryQuery) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if q.Endpoint != "" {
		switch l := s.lane(q.Account, q.Endpoint); {
		case l == nil:
			return 0, ErrNotFound
		case !l.config.Enabled:
			return 0, ErrDisabled
		}
	}
	found := s.oldest(q, func(d *memDelivery) bool {
		return d.seen().undelivered && d.lane.config.Enabled && d.event.Body != nil
	})
	for _, d := range found {
		s.again(d, false)
	}
	return len(found), nil
}

// again adds a delivery of the same event.
func (s *MemoryStore) again(old *memDelivery, resend bool) int64 {
	now := s.now()
	n := &memDelivery{event: old.event, past: &memPast{
		created: now, due: now, state: StatePending, resend: resend, of: old.id(),
		moot: old.seen().moot || old.seen().state == StateDelivered,
	}}
	s.enqueue(old.lane, n)
	old.touch().resentAs = n.id()
	s.setUndelivered(old, false)
	s.wake(old.lane, now)
	return n.id()
}

// Dismiss implements [Log].
func (s *MemoryStore) Dismiss(_ context.Context, q DeliveryQuery) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	found := s.oldest(q, func(d *memDelivery) bool { return d.pending() || d.seen().undelivered })
	for _, d := range found {
		if d.pending() {
			s.finish(d, StateDead, ReasonDiscarded, now)
			s.nextInLine(d.lane, now)
		} else {
			s.setUndelivered(d, false)
		}
	}
	return len(found), nil
}

// Purge implements [Log].
func (s *MemoryStore) Purge(_ context.Context, ages Ages, n int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	old := func(t instant, age time.Duration) bool { return age > 0 && now.since(t) > age }
	total := s.expire(ages.Pending, n, now)
	for i := 0; i < n && s.finished.len() > 0 && old((*s.finished.front()).seen().finished, ages.Log); i++ {
		s.forget(s.finished.pop())
		total++
	}
	total += purge(&s.stored, n, func(e *memEvent) bool { return old(e.created, ages.Bodies) }, func(e *memEvent) bool {
		if e.pending > 0 { // recovered: its turn comes again
			return false
		}
		s.dropBody(e)
		s.bare.push(e)
		return true
	})
	total += purge(&s.bare, n, func(e *memEvent) bool { return old(e.created, ages.Log) }, func(e *memEvent) bool {
		if e.refs > 0 {
			return false
		}
		s.forgetEvent(e)
		return true
	})
	for i := 0; i < n && s.keys.len() > 0 && s.keys.front().until <= now; i++ {
		k := s.keys.pop()
		if a := s.accounts[k.account]; a != nil && a.keys[k.key] == k {
			delete(a.keys, k.key)
		}
		total++
	}
	return total, nil
}

// purge takes up to n of those in the queue that are old; one that cannot be
// taken yet goes to the end.
func purge(q *queue[*memEvent], n int, old, take func(*memEvent) bool) int {
	taken := 0
	for left := q.len(); left > 0 && taken < n && old(*q.front()); left-- {
		if e := q.pop(); take(e) {
			taken++
		} else {
			q.push(e)
		}
	}
	return taken
}

// expire makes deliveries dead that have been waiting for longer than age.
func (s *MemoryStore) expire(age time.Duration, n int, now instant) int {
	total := 0
	for _, l := range s.lanes {
		for age > 0 && total < n && l.checked < len(l.log) {
			d := l.log[l.checked]
			if d.pending() {
				if now.since(d.created()) <= age {
					break
				}
				s.finish(d, StateDead, ReasonExpired, now)
				s.nextInLine(l, now)
				l.health.LastReason = ReasonExpired.Sentence(d.seen().attempts)
				if !d.seen().resend {
					s.failing(l, l.health.LastReason, nil)
				}
				total++
				continue // finish may have moved the log
			}
			l.checked++
		}
	}
	return total
}

// Erase implements [Log].
func (s *MemoryStore) Erase(_ context.Context, e Erasure, n int) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	if a := s.accounts[e.Account]; a != nil && e.Subject == "" {
		for len(a.lanes) > 0 && total < n {
			s.dropLane(a.lanes[0])
			total++
		}
		if total < n {
			delete(s.accounts, e.Account)
		}
	}
	for id, ev := range s.events {
		if total == n {
			break
		}
		if e.Subject == "" && ev.Account != e.Account ||
			e.Subject != "" && (ev.Subject != e.Subject || e.Account != "" && ev.Account != e.Account) {
			continue
		}
		s.eraseEvent(ev)
		delete(s.events, id)
		total++
	}
	return total, nil
}

// eraseEvent forgets an event with its deliveries and attempts.
func (s *MemoryStore) eraseEvent(ev *memEvent) {
	if a := s.accounts[ev.Account]; a != nil && ev.refs > 0 {
		now := s.now()
		for _, l := range a.lanes {
			for _, d := range slices.Clone(l.log) {
				if d.event != ev || d.seen().forgotten {
					continue
				}
				if d.pending() {
					s.finish(d, StateDead, ReasonDiscarded, now)
					s.nextInLine(l, now)
				}
				s.forget(d)
			}
			if l.health.EventID == ev.ID {
				l.health.Response = nil
			}
		}
	}
	s.dropBody(ev)
}
