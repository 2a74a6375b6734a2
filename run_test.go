package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// TestStopDrains: what is on its way is waited for, the rest is given back.
func TestStopDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", nil, slow(10*time.Second))
		w.run()
		w.emit(20)
		time.Sleep(time.Second)
		began := time.Now()
		require.NoError(t, w.stop())
		require.Less(t, time.Since(began), 10*time.Second)
		require.Equal(t, 2, rc.count(), "nothing more begins")
		st, err := w.d.Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, 18, st.Pending, "what arrived is settled")
		require.Zero(t, st.Held, "nothing is kept from others")
		require.Error(t, w.d.Ready())

		rc.set(nil)
		stop := w.runs(w.dispatcher()) // another process
		time.Sleep(time.Second)
		require.Equal(t, 20, rc.count(), "which goes on at once")
		require.NoError(t, stop())
	})
}

// TestStopCutsOff: what does not end within the grace time is cut off, and
// does not count as an attempt.
func TestStopCutsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Timeout: time.Minute, Grace: 5 * time.Second})
		e, rc := w.endpoint("a.example.com", nil, hang)
		w.run()
		w.emit(1)
		time.Sleep(time.Second)
		began := time.Now()
		require.NoError(t, w.stop())
		require.InDelta(t, 5*time.Second, time.Since(began), float64(100*time.Millisecond))
		d := w.log(e)[0]
		require.Equal(t, webhook.StatePending, d.State)
		require.Len(t, d.Attempts, 1)
		require.Equal(t, webhook.ResultInterrupted, d.Attempts[0].Result)
		require.Equal(t, webhook.LastNever, w.record(e).Health.Last)
		rc.set(nil)
		w.run()
		w.drain()
		require.Equal(t, 1, w.log(e)[0].Attempts[1].N)
	})
}

func TestRunTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		w.run()
		synctest.Wait()
		require.NoError(t, w.d.Ready())
		require.ErrorIs(t, w.d.Run(t.Context()), webhook.ErrRunning)
		require.NoError(t, w.stop())
		w.run()
		synctest.Wait()
		require.NoError(t, w.d.Ready(), "it may run again")
	})
}

// TestNoGoroutineIsLeft is not in a bubble, which would hang by itself.
func TestNoGoroutineIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	var d *webhook.Dispatcher
	var err error
	for range 100 { // so many that what a test before left cannot hide them by ending now
		d, err = webhook.New(webhook.NewMemoryStore(nil), nil)
		require.NoError(t, err)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before, "New starts none")
	_, err = d.Emit(t.Context(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	eventually(t, func() bool { return d.Ready() == nil })
	cancel()
	require.NoError(t, <-ended)
	eventually(t, func() bool { return runtime.NumGoroutine() <= before })
}

// eventually needs no goroutine of its own, unlike require.Eventually.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "not within 10 seconds")
	}
}

// crashed is a store whose process died: nothing of it arrives any more.
type crashed struct {
	*webhook.MemoryStore
	mu   sync.Mutex
	dead bool
}

var errDead = errors.New("the process is dead")

func (s *crashed) gone() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.dead {
		return errDead
	}
	return nil
}

func (s *crashed) Extend(ctx context.Context, h []webhook.Hold, d time.Duration) ([]webhook.Hold, error) {
	if err := s.gone(); err != nil {
		return nil, err
	}
	return s.MemoryStore.Extend(ctx, h, d)
}

func (s *crashed) Settle(ctx context.Context, o []webhook.Outcome, r []webhook.Return) (webhook.Settled, error) {
	if err := s.gone(); err != nil {
		return webhook.Settled{}, err
	}
	return s.MemoryStore.Settle(ctx, o, r)
}

func (s *crashed) Claim(ctx context.Context, n int, d time.Duration) ([]webhook.Claim, time.Duration, error) {
	if err := s.gone(); err != nil {
		return nil, 0, err
	}
	return s.MemoryStore.Claim(ctx, n, d)
}

func (s *crashed) Due(ctx context.Context, wants []webhook.Want) ([]webhook.Batch, error) {
	if err := s.gone(); err != nil {
		return nil, err
	}
	return s.MemoryStore.Due(ctx, wants)
}

// TestCrash: what a dead process held is delivered by another within a lease,
// and what it sends late changes nothing.
func TestCrash(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Timeout = time.Minute }, slow(5*time.Second))
		dying := &crashed{MemoryStore: w.store}
		first, err := webhook.New(dying, &w.opts)
		require.NoError(t, err)
		w.runs(first)
		w.emit(10)
		time.Sleep(2 * time.Second)
		require.Equal(t, 2, rc.count())
		dying.mu.Lock()
		dying.dead = true
		dying.mu.Unlock()
		rc.set(nil)
		began := time.Now()
		w.run()
		w.drain()
		require.LessOrEqual(t, time.Since(began), 16*time.Second, "within the lease")
		require.LessOrEqual(t, rc.count(), 12, "duplicates are at most what was in flight")
		require.Len(t, w.log(e), 10)
		for _, d := range w.log(e) {
			require.Equal(t, webhook.StateDelivered, d.State)
		}
	})
}

// TestCreatedAgain: an endpoint that takes the ID of one that was deleted is sent
// to at its own address, with its own secret.
func TestCreatedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, first := w.endpoint("a.example.com", nil, nil)
		w.run()
		w.emit(1)
		w.drain()
		require.NoError(t, w.d.DeleteEndpoint(t.Context(), account, e.ID))
		_, second := w.endpoint("b.example.com", func(x *webhook.Endpoint) { x.ID = e.ID }, nil)
		w.emit(1)
		w.drain()
		require.Equal(t, 1, first.count())
		require.Equal(t, 1, second.count())
	})
}

// TestSelfFence: a process that cannot renew its lease cuts off what it is
// sending before another may take over.
func TestSelfFence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Timeout, e.FIFO = time.Minute, true }, slow(50*time.Second))
		dying := &crashed{MemoryStore: w.store}
		first, err := webhook.New(dying, &w.opts)
		require.NoError(t, err)
		w.runs(first)
		w.emit(2)
		time.Sleep(2 * time.Second)
		dying.mu.Lock()
		dying.dead = true
		dying.mu.Unlock()
		w.run()
		time.Sleep(time.Hour)
		require.Equal(t, 1, rc.atMost(), "never two at a time, though the first process still lives")
		require.Equal(t, 3, rc.count())
	})
}

// TestTwoProcesses share a store: everything arrives once, caps hold.
func TestTwoProcesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		var all []*receiver
		for i := range 20 {
			_, rc := w.endpoint(fmt.Sprintf("h%d.example.com", i), func(e *webhook.Endpoint) { e.FIFO = i%2 == 0 }, slow(20*time.Millisecond))
			all = append(all, rc)
		}
		for range 3 {
			w.runs(w.dispatcher())
		}
		w.run()
		sent := w.emit(100)
		w.drain()
		for i, rc := range all {
			require.Equal(t, 100, rc.count())
			if i%2 == 0 {
				require.Equal(t, 1, rc.atMost())
				for n, r := range rc.requests() {
					require.Equal(t, sent[n].ID, r.header.Get("Webhook-Id"), "in order")
				}
			}
			require.LessOrEqual(t, rc.atMost(), 4)
		}
	})
}

// flaky fails any call now and then, before or after it was done.
type flaky struct {
	*webhook.MemoryStore
	mu  sync.Mutex
	rnd *rand.Rand
	on  bool
}

var errFlaky = errors.New("connection lost")

func (s *flaky) fail(do func()) error {
	s.mu.Lock()
	x := 9
	if s.on {
		x = s.rnd.IntN(10)
	}
	s.mu.Unlock()
	if x == 0 {
		return errFlaky
	}
	do()
	if x == 1 {
		return errFlaky
	}
	return nil
}

func (s *flaky) Append(ctx context.Context, e []webhook.EventRecord) (out []webhook.Appended, err error) {
	if lost := s.fail(func() { out, err = s.MemoryStore.Append(ctx, e) }); lost != nil {
		return nil, lost
	}
	return out, err
}

func (s *flaky) Claim(ctx context.Context, n int, d time.Duration) (out []webhook.Claim, next time.Duration, err error) {
	if lost := s.fail(func() { out, next, err = s.MemoryStore.Claim(ctx, n, d) }); lost != nil {
		return nil, 0, lost
	}
	return out, next, err
}

func (s *flaky) Due(ctx context.Context, wants []webhook.Want) (out []webhook.Batch, err error) {
	if lost := s.fail(func() { out, err = s.MemoryStore.Due(ctx, wants) }); lost != nil {
		return nil, lost
	}
	return out, err
}

func (s *flaky) Extend(ctx context.Context, h []webhook.Hold, d time.Duration) (out []webhook.Hold, err error) {
	if lost := s.fail(func() { out, err = s.MemoryStore.Extend(ctx, h, d) }); lost != nil {
		return nil, lost
	}
	return out, err
}

func (s *flaky) Settle(ctx context.Context, o []webhook.Outcome, r []webhook.Return) (out webhook.Settled, err error) {
	if lost := s.fail(func() { out, err = s.MemoryStore.Settle(ctx, o, r) }); lost != nil {
		return webhook.Settled{}, lost
	}
	return out, err
}

// TestFlakyStore: whatever calls fail, with the outcome unknown, every event
// is delivered, the history is exact, and the engine goes on by itself.
func TestFlakyStore(t *testing.T) {
	for seed := range uint64(20) {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, webhook.Options{Retry: webhook.Schedule{time.Second, 2 * time.Second, 4 * time.Second}})
			store := &flaky{MemoryStore: w.store, rnd: rand.New(rand.NewPCG(seed, 1)), on: true}
			var err error
			w.d, err = webhook.New(store, &w.opts)
			require.NoError(t, err)
			var ends []webhook.Endpoint
			for i := range 5 {
				e, _ := w.endpoint(fmt.Sprintf("h%d.example.com", i), func(e *webhook.Endpoint) { e.FIFO = i == 0 }, func(n int, w http.ResponseWriter, _ *http.Request) {
					if n%4 == 0 {
						w.WriteHeader(500)
					}
				})
				ends = append(ends, e)
			}
			w.run()
			for range 30 {
				e := webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}}
				for {
					sent, err := w.d.Emit(t.Context(), e)
					if err == nil {
						break
					}
					e.ID = sent.ID // the outcome is unknown: again, with the ID it has
				}
			}
			w.drain()
			for _, e := range ends {
				log := w.log(e)
				require.Len(t, log, 30, "no event is lost, none is doubled")
				for _, d := range log {
					require.Contains(t, []webhook.State{webhook.StateDelivered, webhook.StateDead}, d.State)
					counted := 0
					for _, a := range d.Attempts {
						if a.Result == webhook.ResultDelivered || a.Result == webhook.ResultFailed {
							counted++
							require.Equal(t, counted, a.N, "history exactly once: %+v", d.Attempts)
						}
					}
					require.LessOrEqual(t, counted, 4)
				}
			}
		})
	}
}

// TestPanicsOfTheHost fail one attempt and nothing else.
func TestPanicsOfTheHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{
			Retry:   webhook.Schedule{time.Second},
			Signers: []webhook.Signer{&panicking{}, webhook.StandardSigner{}},
			Observe: func(webhook.Observation) { panic("observe") },
		})
		e, rc := w.endpoint("a.example.com", nil, nil)
		w.run()
		w.emit(1)
		w.drain()
		require.Equal(t, 1, rc.count())
		d := w.log(e)[0]
		require.Equal(t, webhook.StateDelivered, d.State)
		require.Equal(t, webhook.ClassInternal, d.Attempts[0].Class)
	})
}

type panicking struct {
	mu sync.Mutex
	n  int
}

func (p *panicking) Sign(context.Context, http.Header, webhook.Signing) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.n++; p.n == 1 {
		panic("signer")
	}
	return nil
}

// unreadable is a store that cannot read one event any more.
type unreadable struct{ *webhook.MemoryStore }

func (s unreadable) Due(ctx context.Context, wants []webhook.Want) ([]webhook.Batch, error) {
	out, err := s.MemoryStore.Due(ctx, wants)
	for i := range out {
		for j := range out[i].Deliveries {
			if out[i].Deliveries[j].ID == 1 {
				out[i].Deliveries[j].Event = nil
			}
		}
	}
	return out, err
}

func TestUnreadableEventIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		var err error
		w.d, err = webhook.New(unreadable{w.store}, &w.opts)
		require.NoError(t, err)
		e, rc := w.endpoint("a.example.com", nil, nil)
		w.emit(2)
		w.drain()
		require.Equal(t, 1, rc.count())
		require.Equal(t, webhook.ReasonUnreadable, w.log(e)[1].Reason)
		require.Equal(t, 1, w.record(e).Health.Undelivered)
	})
}

// halfLocked is a store whose lock cannot be given back.
type halfLocked struct{ *webhook.MemoryStore }

func (halfLocked) Lock(context.Context) (func() error, error) {
	return func() error { return errFlaky }, nil
}

// Run says that a lock could not be given back.
func TestUnlockFails(t *testing.T) {
	d, err := webhook.New(halfLocked{webhook.NewMemoryStore(nil)}, nil)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	require.ErrorIs(t, d.Run(ctx), errFlaky)
}

// hangs is a store on which the first look at the pauses, and the first purge,
// get no answer.
type hangs struct {
	*webhook.MemoryStore
	pauses, purge sync.Once
}

func (s *hangs) Pauses(ctx context.Context) (webhook.Pauses, error) {
	s.pauses.Do(func() { <-ctx.Done() })
	if ctx.Err() != nil {
		return webhook.Pauses{}, ctx.Err()
	}
	return s.MemoryStore.Pauses(ctx)
}

func (s *hangs) Purge(ctx context.Context, a webhook.Ages, n int) (int, error) {
	s.purge.Do(func() { <-ctx.Done() })
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	return s.MemoryStore.Purge(ctx, a, n)
}

// Calls that get no answer are given up, and made again.
func TestCallsThatHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{ExpireAfter: time.Hour, BodyRetention: time.Hour, LogRetention: time.Hour, Logger: slog.New(slog.DiscardHandler)})
		var err error
		w.d, err = webhook.New(&hangs{MemoryStore: w.store}, &w.opts)
		require.NoError(t, err)
		e, rc := w.endpoint("a.example.com", nil, nil)
		w.emit(1)
		w.run()
		time.Sleep(time.Minute)
		require.Len(t, rc.requests(), 1, "it claims when it knows of the pauses")
		time.Sleep(3 * time.Hour)
		require.Empty(t, w.log(e), "it purges")
	})
}

// counted is a store that counts how many appends are under way at once.
type counted struct {
	*webhook.MemoryStore
	now, most atomic.Int32
}

func (s *counted) Append(ctx context.Context, e []webhook.EventRecord) ([]webhook.Appended, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	for m := s.most.Load(); n > m && !s.most.CompareAndSwap(m, n); m = s.most.Load() {
	}
	time.Sleep(time.Second)
	return s.MemoryStore.Append(ctx, e)
}

// exclusively makes a store one that a single process delivers from.
type exclusively struct{ *counted }

func (exclusively) Lock(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

// Emits of many callers are stored by two calls at a time, where the store has
// more than one writer.
func TestEmitsBesideEachOther(t *testing.T) {
	for most, wrap := range map[int32]func(*counted) webhook.Store{
		2: func(s *counted) webhook.Store { return s },
		1: func(s *counted) webhook.Store { return exclusively{s} },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &counted{MemoryStore: webhook.NewMemoryStore(nil)}
			d, err := webhook.New(wrap(s), nil)
			require.NoError(t, err)
			var emitting sync.WaitGroup
			for range 200 {
				emitting.Go(func() {
					_, err := d.Emit(t.Context(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}})
					assert.NoError(t, err)
				})
			}
			emitting.Wait()
			require.Equal(t, most, s.most.Load())
		})
	}
}
