package webhook_test

import (
	"context"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
)

// spy counts the calls of a store, and can be made to fail or to hang.
type spy struct {
	*webhook.MemoryStore
	mu     sync.Mutex
	calls  map[string]int
	claims int            // lanes
	asked  []int          // how many lanes each Claim may take
	wants  int            // lanes that Due was asked about
	most   map[string]int // by endpoint: of deliveries that one Due may bring
	before func(ctx context.Context, method string) error
}

func (s *spy) note(ctx context.Context, method string) error {
	s.mu.Lock()
	if s.calls == nil {
		s.calls = map[string]int{}
	}
	s.calls[method]++
	f := s.before
	s.mu.Unlock()
	if f != nil {
		return f(ctx, method)
	}
	return nil
}
func (s *spy) set(f func(ctx context.Context, method string) error) {
	s.mu.Lock()
	s.before = f
	s.mu.Unlock()
}

// mostOf is how many deliveries of an endpoint one Due could bring, at most, since
// it was asked for last.
func (s *spy) mostOf(endpoint string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.most[endpoint]
	delete(s.most, endpoint)
	return n
}

func (s *spy) reset() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calls
	s.calls = map[string]int{}
	return c
}
func (s *spy) Append(ctx context.Context, e []webhook.EventRecord) ([]webhook.Appended, error) {
	if err := s.note(ctx, "append"); err != nil {
		return nil, err
	}
	return s.MemoryStore.Append(ctx, e)
}
func (s *spy) Claim(ctx context.Context, n int, d time.Duration) ([]webhook.Claim, time.Duration, error) {
	if err := s.note(ctx, "claim"); err != nil {
		return nil, 0, err
	}
	claims, next, err := s.MemoryStore.Claim(ctx, n, d)
	s.mu.Lock()
	s.claims += len(claims)
	s.asked = append(s.asked, n)
	s.mu.Unlock()
	return claims, next, err
}
func (s *spy) Due(ctx context.Context, w []webhook.Want) ([]webhook.Batch, error) {
	s.mu.Lock()
	s.wants += len(w)
	if s.most == nil {
		s.most = map[string]int{}
	}
	for _, x := range w {
		s.most[x.Endpoint] = max(s.most[x.Endpoint], x.Max)
	}
	s.mu.Unlock()
	if err := s.note(ctx, "due"); err != nil {
		return nil, err
	}
	return s.MemoryStore.Due(ctx, w)
}
func (s *spy) Extend(ctx context.Context, h []webhook.Hold, d time.Duration) ([]webhook.Hold, error) {
	if err := s.note(ctx, "extend"); err != nil {
		return nil, err
	}
	return s.MemoryStore.Extend(ctx, h, d)
}
func (s *spy) Settle(ctx context.Context, o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
	if err := s.note(ctx, "settle"); err != nil {
		return webhook.Settled{}, err
	}
	return s.MemoryStore.Settle(ctx, o, r)
}
func (s *spy) Stats(ctx context.Context) (webhook.StoreStats, error) {
	if err := s.note(ctx, "stats"); err != nil {
		return webhook.StoreStats{}, err
	}
	return s.MemoryStore.Stats(ctx)
}
func (s *spy) Pauses(ctx context.Context) (webhook.Pauses, error) {
	if err := s.note(ctx, "pauses"); err != nil {
		return webhook.Pauses{}, err
	}
	return s.MemoryStore.Pauses(ctx)
}

func (w *world) spied() *spy {
	s := &spy{MemoryStore: w.store}
	d, err := webhook.New(s, &w.opts)
	require.NoError(w.t, err)
	w.d = d
	return s
}

// failing makes the calls of one method fail, with err or by hanging until
// their contexts end.
func failing(method string, err error) func(context.Context, string) error {
	return func(ctx context.Context, m string) error {
		if m != method || err != nil {
			if m == method {
				return err
			}
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}
}
