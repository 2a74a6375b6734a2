package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// TestEditLeavesAPause: an endpoint whose URL is edited while its host is paused gets
// what waits, at whichever moment the edit comes.
func TestEditLeavesAPause(t *testing.T) {
	pause := webhook.Pause{Host: "a.example.com"}
	sleepIn := func(method string, d time.Duration) func(context.Context, string) error {
		return func(_ context.Context, m string) error {
			if m == method {
				time.Sleep(d)
			}
			return nil
		}
	}
	for name, toTheEdit := range map[string]func(*world, *spy){
		"a request is on its way": func(w *world, _ *spy) {
			w.emit(10)
			time.Sleep(time.Second)
			w.pause(pause)
			time.Sleep(time.Second)
		},
		"it is asked what is due": func(w *world, s *spy) {
			s.set(sleepIn("due", 2*time.Second))
			w.emit(10)
			time.Sleep(time.Second)
			w.pause(pause)
		},
		"it is claimed while the host is paused": func(w *world, s *spy) {
			w.pause(pause)
			s.set(sleepIn("settle", 50*time.Millisecond))
			w.emit(1)
			time.Sleep(20 * time.Millisecond)
		},
		"the pause is not known here": func(w *world, _ *spy) {
			w.emit(10)
			time.Sleep(time.Second)
			require.NoError(w.t, w.dispatcher().Pause(w.t.Context(), pause))
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{})
				s := w.spied()
				e, _ := w.endpoint("a.example.com", nil, slow(3*time.Second))
				w.net.Handle("b.example.com", &receiver{})
				w.run()
				toTheEdit(w, s)
				w.patch(e, webhook.EndpointPatch{URL: webhook.Set("https://b.example.com/hook")})
				s.set(nil)
				time.Sleep(time.Minute)
				require.Zero(t, w.record(e).Pending)
			})
		})
	}
}

// TestEditMovesToAPause: an endpoint whose URL moves to a host that is paused is not
// sent to from then on.
func TestEditMovesToAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, _ := w.endpoint("a.example.com", nil, slow(time.Second))
		paused := &receiver{}
		w.net.Handle("b.example.com", paused)
		w.run()
		w.pause(webhook.Pause{Host: "b.example.com"})
		time.Sleep(time.Second)
		w.emit(10)
		time.Sleep(100 * time.Millisecond)
		w.patch(e, webhook.EndpointPatch{URL: webhook.Set("https://b.example.com/hook")})
		time.Sleep(time.Hour)
		require.Zero(t, paused.count())
		require.NoError(t, w.d.Resume(t.Context(), webhook.Pause{Host: "b.example.com"}))
		time.Sleep(time.Minute)
		require.NotZero(t, paused.count())
		require.Zero(t, w.record(e).Pending)
	})
}

// TestResumeWhileOneHangs: a pause that is lifted is over, also for an endpoint one of
// whose requests is still on its way.
func TestResumeWhileOneHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		_, rc := w.endpoint("a.example.com", nil, func(n int, rw http.ResponseWriter, r *http.Request) {
			if n == 2 {
				hang(n, rw, r)
			}
			slow(50*time.Millisecond)(n, rw, r)
		})
		w.run()
		w.emit(200)
		time.Sleep(300 * time.Millisecond)
		w.pause(webhook.Pause{Account: account})
		time.Sleep(500 * time.Millisecond)
		before := rc.count()
		require.NoError(t, w.d.Resume(t.Context(), webhook.Pause{Account: account}))
		time.Sleep(time.Second)
		require.Greater(t, rc.count(), before+10)
	})
}

// TestEditLeavesAPauseWhileOneHangs: the others need not wait for that request.
func TestEditLeavesAPauseWhileOneHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Timeout: time.Minute})
		s := w.spied()
		e, _ := w.endpoint("a.example.com", nil, hang)
		moved := &receiver{}
		w.net.Handle("b.example.com", moved)
		w.run()
		w.emit(1)
		time.Sleep(time.Second)
		w.pause(webhook.Pause{Host: "a.example.com"})
		w.emit(5)
		s.reset()
		time.Sleep(10 * time.Second)
		require.LessOrEqual(t, s.reset()["due"], 60)
		w.patch(e, webhook.EndpointPatch{URL: webhook.Set("https://b.example.com/hook")})
		time.Sleep(time.Second)
		require.Equal(t, 5, moved.count())
	})
}

// TestPausedIsAskedForNothing: there is no slot for what waits, so it is not fetched.
func TestPausedIsAskedForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		e, _ := w.endpoint("a.example.com", nil, nil)
		w.pause(webhook.Pause{Host: "a.example.com"})
		w.emit(1)
		w.run()
		time.Sleep(time.Second)
		require.NotZero(t, s.reset()["due"], "for its mark")
		require.Zero(t, s.mostOf(e.ID))
	})
}

// TestCallsAreFewWhilePausesFail: where this process cannot learn what is paused.
func TestCallsAreFewWhilePausesFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		w.endpoint("a.example.com", nil, nil)
		w.pause(webhook.Pause{Host: "a.example.com"})
		w.run()
		time.Sleep(time.Second)
		s.set(failing("pauses", errors.New("broken")))
		require.NoError(t, w.dispatcher().Pause(t.Context(), webhook.Pause{Type: events.MeetingBooked}))
		w.emit(1)
		time.Sleep(time.Second)
		s.reset()
		time.Sleep(100 * time.Second)
		for method, n := range s.reset() {
			require.LessOrEqual(t, n, 1000, method)
		}
	})
}
