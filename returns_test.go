package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// TestCallsForLoneEvents: an event that comes alone is one call of each kind, and
// of claims that find nothing there are few.
func TestCallsForLoneEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		const n = 50
		for i := range n {
			w.endpoint(fmt.Sprintf("e%d.example.com", i), func(e *webhook.Endpoint) { e.Account = fmt.Sprint("a", i) }, nil)
		}
		w.run()
		time.Sleep(time.Second)
		s.reset()
		for i := range n {
			w.emitOf(1, fmt.Sprint("a", i), events.LeadScored, events.LeadScoredData{})
			time.Sleep(5 * time.Millisecond)
		}
		calls := s.reset()
		require.Equal(t, n, calls["append"])
		require.Equal(t, n, calls["due"])
		require.Equal(t, n, calls["settle"], "what came of it, and the lane's return")
		require.LessOrEqual(t, calls["claim"], n+n/3)
	})
}

// TestSlowSettle: where the store is slow to settle, an endpoint that gets one event
// after the other does not wait for that each time.
func TestSlowSettle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		s.set(func(_ context.Context, m string) error {
			if m == "settle" {
				time.Sleep(100 * time.Millisecond)
			}
			return nil
		})
		_, rc := w.endpoint("a.example.com", nil, nil)
		w.run()
		time.Sleep(time.Second)
		const n = 40
		began := time.Now()
		for range n {
			w.emit(1)
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(time.Second)
		late := 0
		for i, r := range rc.requests() {
			if r.at.Sub(began) > time.Duration(i)*50*time.Millisecond+20*time.Millisecond {
				late++
			}
		}
		require.Equal(t, n, rc.count())
		require.LessOrEqual(t, late, 4, "when the first is settled")
	})
}

// TestReturnIsRenewed: a lane that is returned with its last outcome is held until
// the store has taken both, however long that takes.
func TestReturnIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Lease: 10 * time.Second})
		s := w.spied()
		e, rc := w.endpoint("a.example.com", nil, nil)
		w.run()
		time.Sleep(time.Second)
		s.set(failing("settle", errors.New("the disk is full")))
		w.emit(1)
		time.Sleep(time.Second)
		require.Equal(t, 1, rc.count())
		elsewhere := w.runs(w.dispatcher())
		time.Sleep(time.Minute)
		require.Equal(t, 1, rc.count(), "it was not claimed by the other process")
		s.mu.Lock()
		claims := s.claims
		s.mu.Unlock()
		require.Equal(t, 1, claims, "nor by this one")
		s.set(nil)
		time.Sleep(10 * time.Second)
		require.Equal(t, webhook.StateDelivered, w.log(e)[0].State)
		require.NoError(t, elsewhere())
		require.Equal(t, 1, rc.count())
	})
}

// TestQueuedReturnIsRenewed: what an endpoint asked for is not forgotten where its
// lane's return waits behind a step that fails for longer than a lease.
func TestQueuedReturnIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Lease: 10 * time.Second})
		s := w.spied()
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Account = "a" }, func(_ int, rw http.ResponseWriter, _ *http.Request) {
			time.Sleep(300 * time.Millisecond)
			rw.Header().Set("Retry-After", "3600")
			rw.WriteHeader(http.StatusTooManyRequests)
		})
		_, other := w.endpoint("b.example.com", func(e *webhook.Endpoint) { e.Account = "b" }, slow(time.Second))
		w.run()
		time.Sleep(time.Second)
		began := time.Now()
		s.set(func(_ context.Context, m string) error {
			switch since := time.Since(began); {
			case m == "due" && 150*time.Millisecond < since && since < time.Second: // a's return is queued after it
				time.Sleep(2 * time.Second)
			case m == "settle" && 900*time.Millisecond < since && since < time.Minute:
				return errors.New("the disk is full")
			}
			return nil
		})
		w.emitOf(1, "a", events.LeadScored, events.LeadScoredData{})
		w.emitOf(1, "b", events.LeadScored, events.LeadScoredData{})
		time.Sleep(5 * time.Second)
		require.Equal(t, 1, rc.count())
		require.Equal(t, 1, other.count())
		w.emitOf(1, "a", events.LeadScored, events.LeadScoredData{})
		time.Sleep(50 * time.Minute)
		require.Equal(t, 1, rc.count(), "it asked to be left alone for an hour")
		time.Sleep(20 * time.Minute)
		require.Greater(t, rc.count(), 1)
	})
}

// TestReturnsAreNotHoarded: a process that cannot settle holds no more lanes than any.
func TestReturnsAreNotHoarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightTotal: 8, MaxInFlightHost: 1})
		elsewhere, s := w.dispatcher(), w.spied()
		rc := &receiver{reply: slow(10 * time.Millisecond)}
		w.net.Handle("a.example.com", rc)
		for i := range 300 {
			_, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "n",
				URL: fmt.Sprintf("https://a.example.com/%d", i), Events: []webhook.EventType{events.LeadScored}})
			require.NoError(t, err)
		}
		s.set(failing("settle", errors.New("broken here")))
		w.emit(1)
		w.run()
		time.Sleep(5 * time.Second)
		before := rc.count()
		w.runs(elsewhere)
		time.Sleep(2 * time.Minute)
		require.Greater(t, rc.count(), before+200, "64 lanes are held by the first")
		s.set(nil)
		w.drain()
	})
}

// A watchedSettle is a store that takes a second for each step of settling, and
// notes outcomes that come after the return of their lane.
type watchedSettle struct {
	*webhook.MemoryStore
	due      time.Duration // what a Due takes
	mu       sync.Mutex
	returned map[webhook.Hold]bool
	most     int // outcomes of one call
	late     int
}

func (s *watchedSettle) Due(ctx context.Context, w []webhook.Want) ([]webhook.Batch, error) {
	time.Sleep(s.due)
	return s.MemoryStore.Due(ctx, w)
}

func (s *watchedSettle) Settle(ctx context.Context, o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
	time.Sleep(time.Second)
	settled, err := s.MemoryStore.Settle(ctx, o, r)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.most = max(s.most, len(o))
	for i := range o {
		if s.returned[o[i].Hold] {
			s.late++
		}
	}
	for _, r := range r {
		s.returned[r.Hold] = true
	}
	return settled, err
}

// TestNoReturnBeforeAnOutcome: a lane is returned with the last of its outcomes or
// after it, also where they are more than one step takes.
func TestNoReturnBeforeAnOutcome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightTotal: 2000})
		s := &watchedSettle{MemoryStore: w.store, returned: map[webhook.Hold]bool{}}
		var err error
		w.d, err = webhook.New(s, &w.opts)
		require.NoError(t, err)
		for i := range 400 {
			w.endpoint(fmt.Sprintf("h%d.example.com", i), nil, func(n int, rw http.ResponseWriter, r *http.Request) {
				slow(time.Duration(1+(i+n)%7)*300*time.Millisecond)(n, rw, r)
			})
		}
		w.emit(20)
		w.run()
		w.drain()
		require.NoError(t, w.stop())
		require.Equal(t, 1000, s.most, "the test has what it needs")
		require.Zero(t, s.late)
	})
}

// TestNoReturnWhileBusy: a lane is kept while something of it is on its way or being
// asked for, and while there is more: each is claimed once.
func TestNoReturnWhileBusy(t *testing.T) {
	for _, due := range []time.Duration{0, 2 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, webhook.Options{})
			s := &watchedSettle{MemoryStore: w.store, due: due, returned: map[webhook.Hold]bool{}}
			var err error
			w.d, err = webhook.New(s, &w.opts)
			require.NoError(t, err)
			w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.MaxInFlight = 1 }, slow(50*time.Millisecond))
			w.endpoint("b.example.com", nil, func(n int, rw http.ResponseWriter, r *http.Request) {
				slow(time.Duration(n)*100*time.Millisecond)(n, rw, r)
				if n == 2 {
					time.Sleep(3 * time.Second)
				}
			})
			w.endpoint("f.example.com", func(e *webhook.Endpoint) { e.FIFO = true }, nil)
			w.emit(6)
			w.run()
			w.drain()
			require.NoError(t, w.stop())
			require.Zero(t, s.late)
			require.Len(t, s.returned, 3)
		})
	}
}

// TestNoReturnBesideAnother: what was found to have expired says nothing about the
// delivery that is on its way.
func TestNoReturnBesideAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{ExpireAfter: time.Minute})
		s := &watchedSettle{MemoryStore: w.store, due: 10 * time.Millisecond, returned: map[webhook.Hold]bool{}}
		var err error
		w.d, err = webhook.New(s, &w.opts)
		require.NoError(t, err)
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.MaxInFlight = 2 }, slow(3*time.Second))
		w.emit(4)                                    // the first question brings three of them
		time.Sleep(time.Minute - 5*time.Millisecond) // they expire while they are asked for
		w.emit(1)
		w.run()
		w.drain()
		require.Equal(t, 1, rc.count())
		require.Equal(t, webhook.StateDelivered, w.log(e)[0].State)
		require.Zero(t, s.late)
	})
}

// TestOutcomeOfAFormerHold: an outcome of a lane that was lost and claimed again says
// nothing about what is on its way now.
func TestOutcomeOfAFormerHold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Lease: 10 * time.Second, Timeout: 30 * time.Second})
		s := w.spied()
		began := time.Now()
		s.set(func(_ context.Context, m string) error {
			switch since := time.Since(began); {
			case m == "extend" && since < 10*time.Second:
				return errors.New("cut off")
			case m == "settle" && since < time.Second:
				time.Sleep(20 * time.Second)
			}
			return nil
		})
		w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Account = "a" }, nil) // its settling hangs
		e, rc := w.endpoint("b.example.com", func(e *webhook.Endpoint) { e.Account = "b" }, func(n int, rw http.ResponseWriter, r *http.Request) {
			if slow(100*time.Millisecond)(n, rw, r); n == 2 {
				time.Sleep(15 * time.Second)
			}
		})
		w.run()
		w.emitOf(1, "a", events.LeadScored, events.LeadScoredData{})
		time.Sleep(50 * time.Millisecond)
		w.emitOf(1, "b", events.LeadScored, events.LeadScoredData{})
		time.Sleep(12 * time.Second)
		require.Equal(t, 1, rc.count())
		w.emitOf(1, "b", events.LeadScored, events.LeadScoredData{})
		w.drain()
		require.Equal(t, 2, rc.count())
		for _, d := range w.log(e) {
			require.Len(t, d.Attempts, 1)
		}
	})
}
