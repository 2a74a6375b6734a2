package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

func TestCap(t *testing.T) {
	for want, opts := range map[int]webhook.Options{4: {}, 9: {MaxInFlight: 9}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, opts)
			_, rc := w.endpoint("a.example.com", nil, slow(100*time.Millisecond))
			w.emit(200)
			w.drain()
			require.Equal(t, 200, rc.count())
			require.Equal(t, want, rc.atMost())
		})
	}
}

func TestFIFO(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.FIFO = true }, func(n int, w http.ResponseWriter, r *http.Request) {
			if n%3 == 0 {
				w.WriteHeader(500)
			}
		})
		w.run()
		sent := w.emit(10)
		w.drain()
		var order []string
		for _, r := range rc.requests() {
			if id := r.header.Get("Webhook-Id"); len(order) == 0 || order[len(order)-1] != id {
				order = append(order, id)
			}
		}
		require.Len(t, order, 10, "a failing one is retried to its end before the next begins")
		for i, s := range sent {
			require.Equal(t, s.ID, order[i])
		}
		require.Equal(t, 1, rc.atMost())
	})
}

func TestRate(t *testing.T) {
	for _, c := range []struct {
		rate  float64
		takes time.Duration // to answer
	}{
		{0.5, 20 * time.Millisecond}, {5, 20 * time.Millisecond}, {50, 20 * time.Millisecond},
		{0.5, 5 * time.Second}, {2, time.Second}, {5, 500 * time.Millisecond},
	} {
		rate := c.rate
		t.Run(fmt.Sprint(rate, c.takes), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{})
				_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.PerSecond = rate }, slow(c.takes))
				w.run()
				w.emit(100)
				w.drain()
				got := rc.requests()
				took := got[99].at.Sub(got[0].at).Seconds()
				require.GreaterOrEqual(t, took, 90/rate, "never faster")
				require.LessOrEqual(t, took, 115/rate, "and not much slower")
			})
		})
	}
}

// TestRateWhileOneHangs: a request that hangs is one of several that the endpoint
// may have, also where its rate is low.
func TestRateWhileOneHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.PerSecond = 1 }, func(n int, rw http.ResponseWriter, r *http.Request) {
			if n == 1 {
				hang(n, rw, r)
			}
		})
		w.run()
		w.emit(1)
		time.Sleep(100 * time.Millisecond)
		w.emit(2)
		time.Sleep(3 * time.Second)
		require.Equal(t, 3, rc.count())
	})
}

// TestBreakerWhileTheSenderFails: what the sender cannot make is no answer to the
// probe, and nothing that waits behind it is used up.
func TestBreakerWhileTheSenderFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := &sealedVault{}
		w := newWorld(t, webhook.Options{Signers: []webhook.Signer{own}})
		e, rc := w.endpoint("a.example.com", nil, status(500))
		w.run()
		w.emit(1000)
		time.Sleep(5 * time.Minute)
		n := rc.count()
		own.fail.Store(true)
		time.Sleep(3 * time.Hour)
		require.Equal(t, n, rc.count())
		require.GreaterOrEqual(t, w.record(e).Pending, 950)
		own.fail.Store(false)
		rc.set(nil)
		w.drain()
		require.GreaterOrEqual(t, rc.count(), 950)
	})
}

// TestBreakerWhileResendsFail: resends that the sender cannot make ask nothing, and
// do not put the probe off.
func TestBreakerWhileResendsFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		own := &sealedVault{}
		w := newWorld(t, webhook.Options{Signers: []webhook.Signer{own}, Retry: webhook.Schedule{}})
		e, rc := w.endpoint("a.example.com", nil, status(500))
		w.emit(100)
		w.run()
		time.Sleep(10 * time.Second)
		require.Equal(t, 8, rc.count(), "the breaker is open")
		rc.set(nil)
		for _, d := range w.log(e) {
			if d.State == webhook.StateDead {
				own.only.Store(d.Event, true)
				require.NoError(t, w.resend(d.ID))
			}
		}
		time.Sleep(time.Minute)
		require.Equal(t, 100, rc.count())
	})
}

// sealedVault is a signer that can be made to fail.
type sealedVault struct {
	fail atomic.Bool
	only sync.Map // IDs of events that it fails for
}

func (f *sealedVault) Sign(_ context.Context, h http.Header, s webhook.Signing) error {
	if _, is := f.only.Load(s.ID); is || f.fail.Load() {
		return errors.New("the vault is sealed")
	}
	h.Set("X-Own-Signature", "1")
	return nil
}

// TestBreaker holds that an endpoint that fails for long costs one request
// per probe, however much waits.
func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, status(500))
		w.run()
		w.emit(1000)
		time.Sleep(time.Hour)
		n := rc.count()
		require.GreaterOrEqual(t, n, 8, "8 different deliveries must fail first")
		require.Less(t, n, 30, "then it is only probed, at most every 30 s and then less")
		require.Equal(t, 1000, w.record(e).Pending)
		rc.set(nil)
		time.Sleep(15 * time.Minute) // the next probe comes within 11
		w.drain()
		require.Zero(t, w.record(e).Pending)
		require.GreaterOrEqual(t, rc.count(), 1000+n)
		require.False(t, w.record(e).Health.InError)
	})
}

// TestBreakerOpensOnLoneFailures: also where each delivery that failed was the
// only one that was due, the next request is the probe.
func TestBreakerOpensOnLoneFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		elsewhere := w.dispatcher() // so that nothing here wakes the lane
		_, rc := w.endpoint("a.example.com", nil, status(500))
		w.run()
		for range 12 {
			_, err := elsewhere.Emit(t.Context(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}})
			require.NoError(t, err)
			time.Sleep(2 * time.Second)
		}
		require.Equal(t, 8, rc.count())
	})
}

// TestBreakerOpensOnTheLastOfAFew: also where many came since it was counted last.
func TestBreakerOpensOnTheLastOfAFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		emit := w.elsewhere()
		_, rc := w.endpoint("a.example.com", nil, status(500))
		w.run()
		for range 7 {
			emit()
			time.Sleep(2 * time.Second)
		}
		require.Equal(t, 7, rc.count())
		rc.set(func(_ int, rw http.ResponseWriter, _ *http.Request) {
			time.Sleep(100 * time.Millisecond)
			rw.WriteHeader(500)
		})
		for range 20 {
			emit()
		}
		time.Sleep(10 * time.Second)
		require.Equal(t, 8, rc.count())
	})
}

// TestBreakerDelaysNothingWhereLittleWaits: with fewer than 8 pending every
// delivery gets its 4 attempts at its own times.
func TestBreakerDelaysNothingWhereLittleWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", nil, status(500))
		w.run()
		for range 4 { // the breaker opens on the way, with 5 waiting at a time
			w.emit(5)
			time.Sleep(3 * time.Hour)
		}
		w.drain()
		at := map[string][]time.Time{}
		for _, r := range rc.requests() {
			at[r.header.Get("Webhook-Id")] = append(at[r.header.Get("Webhook-Id")], r.at)
		}
		require.Len(t, at, 20)
		for _, times := range at {
			require.Len(t, times, 4)
			for i, want := range []time.Duration{30 * time.Second, 10 * time.Minute, 2 * time.Hour} {
				d := times[i+1].Sub(times[i])
				require.InDelta(t, float64(want+want/20), float64(d), float64(want/20+time.Second), "retry %d", i+1)
			}
		}
	})
}

func TestHostLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightHost: 16})
		_, rc := w.endpoint("zap.example.com", nil, slow(time.Second))
		for i := range 99 {
			_, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "n", URL: fmt.Sprintf("https://zap.example.com/%d", i),
				Events: []webhook.EventType{events.LeadScored}})
			require.NoError(t, err)
		}
		_, other := w.endpoint("b.example.com", nil, nil)
		w.run()
		w.emit(2)
		w.drain()
		require.Equal(t, 200, rc.count())
		require.LessOrEqual(t, rc.atMost(), 16)
		require.Greater(t, rc.atMost(), 12)
		require.Len(t, other.requests(), 2)
		for _, r := range other.requests() {
			require.Less(t, r.at.Sub(w.began), time.Second, "other hosts do not wait for it")
		}
	})
}

// TestLoudAccount: one account emits a hundred times more than another.
func TestLoudAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightTotal: 16})
		for i := range 10 {
			w.endpoint(fmt.Sprintf("l%d.example.com", i), func(e *webhook.Endpoint) { e.Account = "loud" }, slow(20*time.Millisecond))
		}
		_, quiet := w.endpoint("q.example.com", nil, slow(20*time.Millisecond))
		w.emitOf(1000, "loud", events.LeadScored, events.LeadScoredData{})
		w.run()
		for range 10 {
			w.emit(1)
			time.Sleep(500 * time.Millisecond)
		}
		for i, r := range quiet.requests() {
			require.Less(t, r.at.Sub(w.began), time.Duration(i)*500*time.Millisecond+400*time.Millisecond)
		}
		require.Equal(t, 10, quiet.count())
		w.drain()
	})
}
