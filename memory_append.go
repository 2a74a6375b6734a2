package webhook

import (
	"context"
	"fmt"
	"slices"
)

// Append implements [Tx].
func (s *MemoryStore) Append(_ context.Context, events []EventRecord) ([]Appended, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	fresh := slices.Clone(events)
	fresh = slices.DeleteFunc(fresh, func(e EventRecord) bool { _, is := s.duplicate(e, now); return is })
	if err := s.room(fresh); err != nil {
		return nil, err
	}
	for _, e := range fresh {
		if s.events[e.ID] != nil {
			return nil, fmt.Errorf("%w: the ID of event %s is taken", ErrConflict, e.ID)
		}
	}
	out := make([]Appended, len(events))
	for i, e := range events {
		if first, ok := s.duplicate(e, now); ok {
			out[i] = first
			continue
		}
		out[i] = s.append(e, now)
	}
	s.trim()
	return out, nil
}

// room refuses what could exceed the store's bounds.
func (s *MemoryStore) room(events []EventRecord) error {
	deliveries, bytes := 0, int64(0)
	for _, e := range events {
		bytes += int64(len(e.Body))
		if a := s.accounts[e.Account]; a != nil {
			deliveries += len(a.lanes)
		}
	}
	if s.pending+deliveries > s.options.MaxPending {
		return fmt.Errorf("%w: %d deliveries wait, the limit is %d; raise MemoryOptions.MaxPending or use a store on disk",
			ErrFull, s.pending, s.options.MaxPending)
	}
	if s.bodies+bytes > s.options.MaxBytes {
		return fmt.Errorf("%w: bodies hold %d bytes, the limit is %d; raise MemoryOptions.MaxBytes or use a store on disk",
			ErrFull, s.bodies, s.options.MaxBytes)
	}
	return nil
}

func (s *MemoryStore) duplicate(e EventRecord, now instant) (Appended, bool) {
	if old := s.events[e.ID]; old != nil && old.Account == e.Account {
		return Appended{ID: e.ID, Deliveries: old.deliveries, Duplicate: true}, true
	}
	if e.Key == "" {
		return Appended{}, false
	}
	k, ok := s.account(e.Account).keys[e.Key]
	if !ok || k.until <= now {
		return Appended{}, false
	}
	k.result.Duplicate = true
	return k.result, true
}

func (s *MemoryStore) append(e EventRecord, now instant) Appended {
	ev := &memEvent{EventRecord: &e, created: now}
	s.events[e.ID] = ev
	s.bodies += int64(len(e.Body))
	a := s.account(e.Account)
	for _, l := range a.lanes {
		if !l.config.concerns(e.Type) {
			continue
		}
		d := &memDelivery{event: ev}
		s.enqueue(l, d)
		if !l.config.Enabled {
			s.finish(d, StateDead, ReasonMissed, now)
			l.health.LastReason = ReasonMissed.Sentence(0)
			continue
		}
		s.wake(l, now)
		ev.deliveries++
	}
	if ev.refs == 0 { // nobody will ever get it; the ID stays, against repeats
		s.dropBody(ev)
	}
	s.stored.push(ev)
	result := Appended{ID: e.ID, Deliveries: ev.deliveries}
	if e.Key != "" {
		k := memKey{account: e.Account, key: e.Key, until: now.add(e.KeyWindow), result: result}
		a.keys[e.Key] = k
		s.keys.push(k)
	}
	return result
}
