package webhook

import (
	"bytes"
	"container/heap"
	"context"
	"slices"
	"time"
)

// memoryPoll is how soon a dispatcher finds what another one of the same
// process has emitted.
const memoryPoll = time.Second

// Claim implements [Lanes].
func (s *MemoryStore) Claim(_ context.Context, max int, lease time.Duration) ([]Claim, time.Duration, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var taken []*memLane
	for len(taken) < max && len(s.ready) > 0 && s.ready[0].readyAt <= now {
		taken = append(taken, heap.Pop(&s.ready).(*memLane))
	}
	claims := make([]Claim, len(taken))
	for i, l := range taken {
		l.held = true
		s.newToken(l)
		s.setReady(l, now.add(lease))
		claims[i] = Claim{Hold: Hold{l.config.ID, l.token}, Config: l.config, Pace: l.pace, DeadInRow: l.deadInRow}
		if !l.health.FailingSince.IsZero() {
			claims[i].FailingFor = now.since(s.instant(l.health.FailingSince))
		}
	}
	if len(s.ready) == 0 {
		return claims, memoryPoll, nil
	}
	return claims, min(memoryPoll, time.Duration(s.ready[0].readyAt-min(now, s.ready[0].readyAt))), nil
}

// holds returns the lane if h is its current claim.
func (s *MemoryStore) holds(h Hold) *memLane {
	if l := s.lanes[h.Endpoint]; l != nil && l.held && l.token == h.Token {
		return l
	}
	return nil
}

// Due implements [Lanes].
func (s *MemoryStore) Due(_ context.Context, wants []Want) ([]Batch, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	out := make([]Batch, 0, len(wants))
	for _, w := range wants {
		l := s.holds(w.Hold)
		if l == nil || l.readyAt <= now {
			continue
		}
		b := Batch{Hold: w.Hold, Mark: l.mark, Pending: min(w.Count, l.queue.Len()+l.resends.Len())}
		if l.config.Version != w.Version {
			config := l.config
			b.Config = &config
		}
		b.Deliveries = s.take(&l.resends, w, nil, now)
		if l.config.FIFO {
			if d := l.queue.first(); d != nil && len(b.Deliveries) < w.Max && d.due() <= now && w.takes(d) {
				b.Deliveries = append(b.Deliveries, s.handOut(d, now))
			}
		} else {
			b.Deliveries = s.take(&l.queue, w, b.Deliveries, now)
		}
		out = append(out, b)
	}
	return out, nil
}

func (w *Want) takes(d *memDelivery) bool {
	return !slices.Contains(w.Skip, d.id()) && !slices.Contains(w.Exclude, d.event.Type)
}

// take appends what is due in q, until there are as many as wanted.
func (s *MemoryStore) take(q *deliveryHeap, w Want, to []Delivery, now instant) []Delivery {
	var out []*memDelivery
	for len(to) < w.Max {
		d := q.first()
		if d == nil || d.due() > now {
			break
		}
		out = append(out, heap.Pop(q).(*memDelivery))
		if w.takes(d) {
			to = append(to, s.handOut(d, now))
		}
	}
	for _, d := range out {
		heap.Push(q, d)
	}
	return to
}

func (s *MemoryStore) handOut(d *memDelivery, now instant) Delivery {
	p := d.seen()
	out := Delivery{ID: d.id(), Attempts: p.attempts, Delay: p.delay, Gone: p.allGone, Resend: p.resend,
		Age: now.since(d.created())}
	if d.event.Body != nil {
		out.Event = d.event.EventRecord
	}
	return out
}

// Extend implements [Lanes].
func (s *MemoryStore) Extend(_ context.Context, holds []Hold, lease time.Duration) ([]Hold, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	var lost []Hold
	for _, h := range holds {
		if l := s.holds(h); l != nil {
			s.setReady(l, now.add(lease))
		} else {
			lost = append(lost, h)
		}
	}
	return lost, nil
}

// Settle implements [Lanes].
func (s *MemoryStore) Settle(_ context.Context, outcomes []Outcome, returns []Return) (Settled, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	out := Settled{Applied: make([]bool, len(outcomes))}
	for i := range outcomes {
		out.Applied[i] = s.settle(&outcomes[i], &out, now)
	}
	for i := range outcomes {
		if o := &outcomes[i]; out.Applied[i] && o.Disable != "" {
			s.disable(o, &out, now)
		}
	}
	for _, r := range returns {
		if !s.giveBack(r, now) {
			out.Refused = append(out.Refused, r.Hold)
		}
	}
	return out, nil
}

// giveBack applies a Return.
func (s *MemoryStore) giveBack(r Return, now instant) bool {
	l := s.holds(r.Hold)
	if l == nil || r.Mark != MarkAny && r.Mark != l.mark || r.Park != 0 && r.Park != s.pauseSeq {
		return false
	}
	l.held, l.parked = false, r.Park != 0
	l.pace, l.notBefore = bytes.Clone(r.Pace), now.add(r.Pause)
	switch at := never; {
	case l.parked && len(r.Exclude) == 0:
		s.setReady(l, at)
	case r.Mark == MarkAny:
		s.setReady(l, l.notBefore)
	default:
		for _, q := range []*deliveryHeap{&l.queue, &l.resends} {
			if due := q.earliest(r.Exclude); due != never {
				at = min(at, max(due, l.notBefore))
			}
		}
		s.setReady(l, at)
	}
	return true
}
