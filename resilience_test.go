package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// healthy registers an endpoint of another account that answers at once.
func (w *world) healthy() *receiver {
	_, rc := w.endpoint("ok.example.com", func(e *webhook.Endpoint) {
		e.Account, e.Events = "healthy", []webhook.EventType{events.LeadCreated}
	}, nil)
	return rc
}

// worstWait emits an event a second to the healthy endpoint and returns how
// long the slowest of them took.
func (w *world) worstWait(rc *receiver, n int) time.Duration {
	w.t.Helper()
	worst := time.Duration(0)
	for range n {
		before, began := rc.count(), time.Now()
		w.emitOf(1, "healthy", events.LeadCreated, events.LeadCreatedData{})
		for rc.count() == before {
			time.Sleep(10 * time.Millisecond)
			require.Less(w.t, time.Since(began), time.Minute)
		}
		worst = max(worst, time.Since(began))
		time.Sleep(max(0, time.Second-time.Since(began)))
	}
	return worst
}

// crowd registers n endpoints that answer alike, each at a host of its own.
func (w *world) crowd(n int, reply replyFunc) {
	for i := range n {
		w.endpoint(fmt.Sprintf("c%d.example.com", i), nil, reply)
	}
}

func TestFullHostDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightTotal: 64, MaxInFlightHost: 4})
		w.endpoint("zap.example.com", nil, slow(1900*time.Millisecond))
		for i := range 400 {
			_, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "n",
				URL: fmt.Sprintf("https://zap.example.com/%d", i), Events: []webhook.EventType{events.LeadScored}})
			require.NoError(t, err)
		}
		rc := w.healthy()
		w.run()
		w.emit(5)
		require.Less(t, w.worstWait(rc, 30), 500*time.Millisecond)
	})
}

// TestFullHostHasRoomForOneMore: endpoints at one host that have much to send
// leave a slot for another of that host.
func TestFullHostHasRoomForOneMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		at := func(i int, account string) webhook.Endpoint {
			return webhook.Endpoint{Account: account, Name: "n", URL: fmt.Sprintf("https://zap.example.com/%d", i), Events: []webhook.EventType{events.LeadScored}}
		}
		_, rc := w.endpoint("zap.example.com", nil, slow(300*time.Millisecond))
		for i := range 20 {
			_, err := w.d.CreateEndpoint(t.Context(), at(i, account))
			require.NoError(t, err)
		}
		_, err := w.d.CreateEndpoint(t.Context(), at(99, "acct_2"))
		require.NoError(t, err)
		w.run()
		w.emit(1000)
		time.Sleep(20 * time.Second)
		require.Greater(t, rc.atMost(), 55, "they use the host's slots")
		began, before := time.Now(), rc.count()
		for range 20 {
			sent := w.emitOf(1, "acct_2", events.LeadScored, events.LeadScoredData{})
			time.Sleep(time.Second)
			r, err := w.d.Delivery(t.Context(), "acct_2", w.log(webhook.Endpoint{Account: "acct_2"})[0].ID)
			require.NoError(t, err)
			require.Equal(t, sent[0].ID, r.Event)
			require.Equal(t, webhook.StateDelivered, r.State)
		}
		per := float64(rc.count()-before) / time.Since(began).Seconds()
		require.Greater(t, per, 0.85*64/0.3, "and go on using them")
	})
}

// TestOneMakesRoomForOne: where one finds a host full, one other rests, and not all
// of them.
func TestOneMakesRoomForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightHost: 15})
		rc := &receiver{}
		w.net.Handle("zap.example.com", rc)
		for i := range 6 {
			who := account
			if i == 5 {
				who = "acct_2" // it has little to send
			}
			_, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: who, Name: "n",
				URL: fmt.Sprintf("https://zap.example.com/%d", i), Events: []webhook.EventType{events.LeadScored}})
			require.NoError(t, err)
		}
		w.emit(30) // they bear several at a time
		w.drain()
		rc.set(slow(300 * time.Millisecond))
		w.emit(1000)
		time.Sleep(time.Second)
		before, began := rc.count(), time.Now()
		for range 20 {
			w.emitOf(1, "acct_2", events.LeadScored, events.LeadScoredData{})
			time.Sleep(2 * time.Second)
		}
		per := float64(rc.count()-before) / time.Since(began).Seconds()
		require.Greater(t, per, 0.75*15/0.3)
	})
}

// TestTurnsAndTheBreaker: where endpoints take turns, one that fails is probed as
// seldom as anywhere, and the slots are used.
func TestTurnsAndTheBreaker(t *testing.T) {
	for what, c := range map[string]struct {
		opts webhook.Options
		host string
	}{
		"of one host":    {webhook.Options{MaxInFlightHost: 4}, "zap"},
		"of the process": {webhook.Options{MaxInFlightTotal: 4}, "zap%d"},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, c.opts)
				var well, sick atomic.Int32
				answer := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
					time.Sleep(300 * time.Millisecond)
					if r.URL.Path == "/6" {
						sick.Add(1)
						rw.WriteHeader(500)
						return
					}
					well.Add(1)
				})
				for i := range 7 {
					host := strings.ReplaceAll(c.host, "%d", fmt.Sprint(i)) + ".example.com"
					w.net.Handle(host, answer)
					_, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "n",
						URL: fmt.Sprintf("https://%s/%d", host, i), Events: []webhook.EventType{events.LeadScored}})
					require.NoError(t, err)
				}
				w.run()
				w.emit(1000)
				time.Sleep(5 * time.Minute)
				require.Greater(t, well.Load(), int32(0.7*4*300/0.3))
				require.LessOrEqual(t, sick.Load(), int32(8+4+4), "8 fail, and then it is probed after 30 s, 1 min, 2 min")
			})
		})
	}
}

// TestTurnsWhileOneHangs: an endpoint that makes room for others, and waits for an
// answer that does not come, goes on meanwhile.
func TestTurnsWhileOneHangs(t *testing.T) {
	for _, c := range []struct {
		answers time.Duration
		hangs   int32 // the request to the first endpoint that does
		after   time.Duration
		more    int32 // than so many came to it by then
	}{
		{answers: 100 * time.Millisecond, hangs: 50, after: 12 * time.Second, more: 70},
		{answers: 2100 * time.Millisecond, hangs: 10, after: 40 * time.Second, more: 13}, // slow, that is
	} {
		t.Run(c.answers.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{MaxInFlightHost: 8, Timeout: time.Minute})
				var first atomic.Int32
				w.net.Handle("zap.example.com", &receiver{reply: func(n int, rw http.ResponseWriter, r *http.Request) {
					if r.URL.Path == "/0" && first.Add(1) == c.hangs {
						hang(n, rw, r)
					}
					time.Sleep(c.answers)
				}})
				for i := range 12 {
					_, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "n",
						URL: fmt.Sprintf("https://zap.example.com/%d", i), Events: []webhook.EventType{events.LeadScored}})
					require.NoError(t, err)
				}
				w.run()
				w.emit(1000)
				for first.Load() < c.hangs {
					time.Sleep(10 * time.Millisecond)
				}
				time.Sleep(c.after)
				require.Greater(t, first.Load(), c.more)
			})
		})
	}
}

// TestFullHostTakesTurns: more endpoints at one host have much to send than it
// has slots, and another of that host has little.
func TestFullHostTakesTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightHost: 16})
		_, rc := w.endpoint("zap.example.com", nil, slow(100*time.Millisecond))
		at := func(i int, account string) webhook.Endpoint {
			e, err := w.d.CreateEndpoint(t.Context(), webhook.Endpoint{Account: account, Name: "n",
				URL: fmt.Sprintf("https://zap.example.com/%d", i), Events: []webhook.EventType{events.LeadScored}})
			require.NoError(t, err)
			return e
		}
		for i := range 30 {
			at(i, account)
		}
		e := at(99, "acct_2")
		w.run()
		w.emit(300)
		time.Sleep(5 * time.Second)
		began, before := time.Now(), rc.count()
		worst := time.Duration(0)
		for range 10 {
			w.emitOf(1, "acct_2", events.LeadScored, events.LeadScoredData{})
			at := time.Now()
			for w.record(e).Pending > 0 {
				time.Sleep(10 * time.Millisecond)
			}
			worst = max(worst, time.Since(at))
		}
		require.Less(t, worst, 6*time.Second)
		time.Sleep(10 * time.Second)
		per := float64(rc.count()-before) / time.Since(began).Seconds()
		require.Greater(t, per, 0.9*16/0.1, "and the slots are used")
	})
}

func TestManySlowEndpointsDelayNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightTotal: 16})
		rc := w.healthy()
		w.run()
		w.worstWait(rc, 1)
		w.crowd(400, slow(5*time.Second))
		w.emit(20)
		w.worstWait(rc, 10)
		require.Less(t, w.worstWait(rc, 60), 500*time.Millisecond)
	})
}

// TestNewHangingEndpoints: nothing is known of a thousand endpoints, and none
// of them answers.
func TestNewHangingEndpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{MaxInFlightTotal: 64})
		rc := w.healthy()
		w.run()
		w.worstWait(rc, 1)
		w.crowd(1000, hang)
		w.emit(2)
		require.LessOrEqual(t, w.worstWait(rc, 60), 3500*time.Millisecond, "no longer than it takes to see that they hang")
	})
}

func TestFenceWhileExtendHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Timeout, e.FIFO = time.Minute, true }, slow(50*time.Second))
		s := w.spied()
		var mu sync.Mutex
		extends := 0
		s.set(func(ctx context.Context, m string) error {
			mu.Lock()
			n := extends
			if m == "extend" {
				extends++
			}
			mu.Unlock()
			switch {
			case m == "claim" && n > 0, m == "extend" && n == 0:
				return errors.New("broken")
			case m == "extend":
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		w.runs(w.d)
		time.Sleep(300 * time.Millisecond)
		w.emit(2)
		time.Sleep(2 * time.Second)
		w.runs(w.dispatcher())
		time.Sleep(time.Hour)
		require.Equal(t, 1, rc.atMost(), "never two at a time")
	})
}

func TestOneLostRenewalCutsNothingOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Timeout = time.Minute }, slow(50*time.Second))
		s := w.spied()
		once := sync.OnceFunc(func() { s.set(nil) })
		s.set(func(ctx context.Context, m string) error {
			if m != "extend" {
				return nil
			}
			once()
			<-ctx.Done()
			return ctx.Err()
		})
		w.runs(w.d)
		w.emit(1)
		time.Sleep(3 * time.Minute)
		require.Equal(t, 1, rc.count())
	})
}

// TestStoreTakesNoOutcomes: little is sent whose outcome nobody will know.
func TestStoreTakesNoOutcomes(t *testing.T) {
	for name, err := range map[string]error{"fails": errors.New("disk full"), "hangs": nil} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{})
				_, rc := w.endpoint("a.example.com", nil, nil)
				s := w.spied()
				s.set(failing("settle", err))
				w.emit(1000)
				w.runs(w.d)
				time.Sleep(time.Minute)
				require.LessOrEqual(t, rc.count(), 100)
				require.Error(t, w.d.Ready())
				s.set(nil)
				time.Sleep(time.Minute)
				require.Equal(t, 1000, rc.count(), "and then it goes on, with nothing sent twice")
				require.NoError(t, w.d.Ready())
			})
		})
	}
}

func TestHangingAppendHoldsUpNobodyForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		s.set(failing("append", nil))
		done := make(chan error, 2)
		for range 2 {
			go func() {
				_, err := w.d.Emit(context.Background(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}})
				done <- err
			}()
		}
		began := time.Now()
		require.Error(t, <-done)
		s.set(nil)
		<-done
		require.LessOrEqual(t, time.Since(began), time.Minute)
	})
}

// TestStopWhileTheStoreHangs in each method.
func TestStopWhileTheStoreHangs(t *testing.T) {
	for _, m := range []string{"claim", "due", "settle", "extend", "pauses"} {
		t.Run(m, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{Grace: 2 * time.Second})
				w.endpoint("a.example.com", nil, slow(100*time.Millisecond))
				s := w.spied()
				w.emit(1000)
				stop := w.runs(w.d)
				time.Sleep(time.Second)
				s.set(failing(m, nil))
				time.Sleep(1500 * time.Millisecond)
				began := time.Now()
				err := stop()
				require.LessOrEqual(t, time.Since(began), 8*time.Second)
				if m == "settle" {
					require.ErrorContains(t, err, "will be sent again")
					require.NotContains(t, err.Error(), "%!")
				} else {
					require.NoError(t, err, "everything was given back")
				}
			})
		})
	}
}

// TestStopWhileTheHostHangs: Run says so, and does not blame the store.
func TestStopWhileTheHostHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Grace: time.Second})
		stuck := make(chan struct{})
		w.opts.Observe = func(webhook.Observation) { <-stuck }
		w.d = w.dispatcher()
		w.endpoint("a.example.com", nil, nil)
		w.run()
		w.emit(1)
		time.Sleep(time.Second)
		require.ErrorContains(t, w.stop(), "1 requests did not end")
		close(stuck)
	})
}

// TestReadyForgets: a failure that nothing followed counts for 15 seconds, so that
// a call that is not needed any more does not keep a process out of service.
func TestReadyForgets(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, _ := w.endpoint("a.example.com", nil, slow(time.Minute))
		s := w.spied()
		s.set(func(_ context.Context, m string) error {
			if m == "extend" { // once: its lane is gone then
				_, err := w.d.DisableEndpoint(t.Context(), account, e.ID, webhook.DisabledByCustomer)
				return errors.Join(errors.New("a lock timeout"), err)
			}
			return nil
		})
		w.run()
		w.emit(1)
		for w.d.Ready() == nil {
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(14 * time.Second)
		require.ErrorContains(t, w.d.Ready(), "a lock timeout")
		time.Sleep(1100 * time.Millisecond)
		require.NoError(t, w.d.Ready())
	})
}

// TestNothingWaitsInHand: whatever is changed concerns all that was not sent.
func TestNothingWaitsInHand(t *testing.T) {
	for name, change := range map[string]func(*world, webhook.Endpoint){
		"edit": func(w *world, e webhook.Endpoint) {
			w.net.Handle("b.example.com", &receiver{})
			w.patch(e, webhook.EndpointPatch{URL: webhook.Set("https://b.example.com/")})
		},
		"pause": func(w *world, _ webhook.Endpoint) {
			require.NoError(w.t, w.d.Pause(w.t.Context(), webhook.Pause{Type: events.LeadScored}))
		},
		"dismiss": func(w *world, e webhook.Endpoint) {
			_, err := w.d.Dismiss(w.t.Context(), webhook.DeliveryQuery{Account: account, Endpoint: e.ID})
			require.NoError(w.t, err)
		},
		"erase": func(w *world, _ webhook.Endpoint) {
			_, err := w.d.Erase(w.t.Context(), webhook.Erasure{Account: account}, 1000)
			require.NoError(w.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{MaxInFlightHost: 1})
				e, rc := w.endpoint("a.example.com", nil, slow(10*time.Second))
				w.run()
				w.emit(3)
				time.Sleep(time.Second)
				change(w, e)
				time.Sleep(time.Minute)
				require.Equal(t, 1, rc.count())
			})
		})
	}
}

func TestLiftedPauseTakesNoLaneFromItsHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{EventsPerEndpoint: 2})
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) {
			e.Events = []webhook.EventType{events.LeadScored, events.LeadCreated}
		}, status(500))
		w.run()
		require.NoError(t, w.d.Pause(t.Context(), webhook.Pause{Type: events.LeadScored}))
		w.emitOf(1, account, events.LeadCreated, events.LeadCreatedData{}) // fails once; its lane is parked with a due time
		time.Sleep(time.Second)
		require.Equal(t, 1, rc.count())
		rc.set(slow(10 * time.Second))
		time.Sleep(35 * time.Second) // the retry is on its way
		require.Equal(t, 2, rc.count())
		require.NoError(t, w.d.Resume(t.Context(), webhook.Pause{Type: events.LeadScored}))
		time.Sleep(time.Minute)
		require.Equal(t, 2, rc.count(), "not sent twice")
	})
}

func TestNothingIsClaimedBeforePausesAreKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", nil, nil)
		require.NoError(t, w.d.Pause(t.Context(), webhook.Pause{Account: account}))
		s := w.spied()
		s.set(failing("pauses", errors.New("broken")))
		w.emit(5)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- w.d.Run(ctx) }()
		time.Sleep(5 * time.Second)
		s.set(nil)
		time.Sleep(5 * time.Second)
		require.Zero(t, rc.count())
		cancel()
		require.NoError(t, <-ended)
	})
}

// TestCallsAreFew: no state makes the engine call the store without end.
func TestCallsAreFew(t *testing.T) {
	for name, prepare := range map[string]func(*world){
		"idle":        func(*world) {},
		"nobody":      func(w *world) { w.emitOf(100, "acct_none", events.LeadScored, events.LeadScoredData{}) },
		"breaker":     func(w *world) { w.crowd(1, status(500)); w.emit(100) },
		"throttled":   func(w *world) { w.crowd(1, status(429)); w.emit(100) },
		"hanging":     func(w *world) { w.crowd(1, slow(14*time.Second)); w.emit(100) },
		"all paused":  func(w *world) { w.crowd(1, nil); w.pause(webhook.Pause{}); w.emit(100) },
		"host paused": func(w *world) { w.crowd(1, nil); w.pause(webhook.Pause{Host: "c0.example.com"}); w.emit(100) },
		"type paused": func(w *world) { w.crowd(1, nil); w.pause(webhook.Pause{Type: events.LeadScored}); w.emit(100) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{})
				prepare(w)
				s := w.spied()
				w.runs(w.d)
				time.Sleep(10 * time.Second)
				s.reset()
				time.Sleep(100 * time.Second)
				for method, n := range s.reset() {
					require.LessOrEqual(t, n, 600, method)
				}
			})
		})
	}
}

func (w *world) pause(p webhook.Pause) { require.NoError(w.t, w.d.Pause(w.t.Context(), p)) }

// panickyPolicy panics when it is asked during a delivery.
type panickyPolicy struct {
	mu    sync.Mutex
	armed bool
}

func (p *panickyPolicy) Delay(n int) (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.armed {
		panic("policy")
	}
	return webhook.Schedule{time.Second}.Delay(n)
}

func TestPanickingPolicyMeansTheDefault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		policy := &panickyPolicy{}
		w := newWorld(t, webhook.Options{Retry: policy})
		_, rc := w.endpoint("a.example.com", nil, status(500))
		policy.mu.Lock()
		policy.armed = true
		policy.mu.Unlock()
		w.emit(1)
		w.drain()
		require.Equal(t, 4, rc.count())
	})
}
