package webhook

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// PutEndpoint implements [Tx].
func (s *MemoryStore) PutEndpoint(_ context.Context, e Endpoint, limit int) (Endpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	e.Headers, e.Events = maps.Clone(e.Headers), slices.Clone(e.Events)
	l := s.lanes[e.ID]
	if e.Version == 0 {
		return s.createEndpoint(l, e, limit, now)
	}
	if l == nil || l.config.Account != e.Account {
		return Endpoint{}, ErrNotFound
	}
	if l.config.Version != e.Version {
		return Endpoint{}, ErrConflict
	}
	was := l.config.Enabled
	e.Version++
	e.CreatedAt, e.UpdatedAt = l.config.CreatedAt, s.time(now)
	l.config = e
	l.queue.reorder(e.FIFO)
	if was && !e.Enabled {
		s.stop(l)
	} else {
		s.wake(l, now)
	}
	return l.config, nil
}

func (s *MemoryStore) createEndpoint(l *memLane, e Endpoint, limit int, now instant) (Endpoint, error) {
	if l != nil {
		if l.config.Account == e.Account && l.config.Version == 1 {
			return l.config, nil
		}
		return Endpoint{}, ErrConflict
	}
	a := s.account(e.Account)
	if len(a.lanes) >= limit {
		return Endpoint{}, ErrLimit
	}
	e.Version = 1
	e.CreatedAt = s.time(now)
	e.UpdatedAt = e.CreatedAt
	s.lastToken++ // not one that a deleted lane of the same ID had
	l = &memLane{config: e, token: s.lastToken, readyAt: never, index: -1, health: Health{Last: LastNever}}
	l.queue.byID = e.FIFO
	s.lanes[e.ID] = l
	a.lanes = append(a.lanes, l)
	return e, nil
}

// DeleteEndpoint implements [Tx].
func (s *MemoryStore) DeleteEndpoint(_ context.Context, account, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lane(account, id)
	if l == nil {
		return ErrNotFound
	}
	s.dropLane(l)
	return nil
}

// dropLane removes a lane with all that is in it.
func (s *MemoryStore) dropLane(l *memLane) {
	s.stop(l)
	s.pending -= l.queue.Len() + l.resends.Len()
	for _, d := range l.log {
		if d.seen().forgotten {
			continue
		}
		if d.pending() {
			d.event.pending--
		}
		d.touch().forgotten = true
		s.release(d.event)
	}
	delete(s.lanes, l.config.ID)
	a := s.account(l.config.Account)
	a.lanes = slices.DeleteFunc(a.lanes, func(x *memLane) bool { return x == l })
}

// Endpoints implements [Tx].
func (s *MemoryStore) Endpoints(_ context.Context, q EndpointQuery) ([]EndpointRecord, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.accounts[q.Account]
	if a == nil {
		return nil, nil
	}
	var out []EndpointRecord
	limit := pageLimit(q.Limit)
	lanes := slices.SortedFunc(slices.Values(a.lanes), func(x, y *memLane) int { return strings.Compare(x.config.ID, y.config.ID) })
	for _, l := range lanes {
		if l.config.ID <= q.After {
			continue
		}
		if q.ID != "" && l.config.ID != q.ID || q.Type != "" && !l.config.concerns(q.Type) {
			continue
		}
		out = append(out, EndpointRecord{
			Endpoint: l.config,
			Health:   l.health,
			Pending:  l.queue.Len() + l.resends.Len(),
			Hours:    s.hours(l, q.Hours),
		})
		if len(out) == limit {
			break
		}
	}
	return out, nil
}

// concerns says whether an event of that type makes a delivery, if only a
// missed one.
func (e *Endpoint) concerns(t EventType) bool {
	return (e.Enabled || e.DisabledBy == DisabledByEngine) && slices.Contains(e.Events, t)
}

// pageLimit is a query's limit within its bounds.
func pageLimit(n int) int {
	if n <= 0 {
		return 100
	}
	return min(n, 1000)
}
