package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// TestManyWithOneEach: an endpoint for which one event waits is claimed once
// and asked once, however many others there are.
func TestManyWithOneEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const endpoints = 600
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		for i := range endpoints {
			w.endpoint(fmt.Sprintf("e%d.example.com", i), nil, slow(50*time.Millisecond))
		}
		w.emit(1)
		w.drain()
		require.NoError(t, w.stop())
		require.Equal(t, endpoints, s.claims)
		require.Equal(t, endpoints, s.wants)
		require.Equal(t, 64, s.asked[0])
		require.Greater(t, slices.Max(s.asked), 128, "when as many as were asked for came")
		require.LessOrEqual(t, slices.Max(s.asked), 256)
	})
}

// TestSecondEventWhileTheFirstIsSent: one that was emitted elsewhere is not left
// behind when the lane is returned without being asked again.
func TestSecondEventWhileTheFirstIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		elsewhere := w.dispatcher()
		_, rc := w.endpoint("e.example.com", nil, func(n int, rw http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				_, err := elsewhere.Emit(t.Context(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}})
				assert.NoError(t, err)
			}
			rw.WriteHeader(204)
		})
		w.run()
		w.emit(1)
		time.Sleep(time.Second)
		got := rc.requests()
		require.Len(t, got, 2)
		require.Less(t, got[1].at.Sub(got[0].at), 10*time.Millisecond, "nothing else wakes this process")
	})
}

// TestLoneEventsAmongMany: an endpoint is asked once for the one event that it
// gets, while others get theirs. Where it is likely that more came for it, because
// there are few others, it is asked again instead of being returned for nothing.
func TestLoneEventsAmongMany(t *testing.T) {
	for _, c := range []struct{ endpoints, others, wants int }{{40, 13, 14}, {3, 2, 4}} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, webhook.Options{})
			s := w.spied()
			for i := range c.endpoints {
				w.endpoint(fmt.Sprintf("e%d.example.com", i), func(e *webhook.Endpoint) { e.Account = fmt.Sprint("a", i) }, slow(5*time.Millisecond))
			}
			one := func(i int) { w.emitOf(1, fmt.Sprint("a", i), events.LeadScored, events.LeadScoredData{}) }
			w.run()
			for i := range c.endpoints { // all are known
				one(i)
				time.Sleep(time.Second)
			}
			s.mu.Lock()
			s.wants = 0
			s.mu.Unlock()
			for i := range c.others + 1 {
				one(i)
				time.Sleep(100 * time.Microsecond)
			}
			time.Sleep(time.Second)
			require.NoError(t, w.stop())
			require.Equal(t, c.wants, s.wants)
		})
	}
}

// TestHeldLaneIsNotForgotten: an endpoint that answers slowly and could take more
// gets what is emitted for it, although others want to be asked all the time.
func TestHeldLaneIsNotForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		s.set(func(_ context.Context, m string) error {
			if m == "due" { // others' answers come in meanwhile
				time.Sleep(5 * time.Millisecond)
			}
			return nil
		})
		e, rc := w.endpoint("slow.example.com", func(e *webhook.Endpoint) { e.Account = "slow" }, nil)
		for i := range 30 {
			w.endpoint(fmt.Sprintf("e%d.example.com", i), nil, slow(3*time.Millisecond))
		}
		w.run()
		const before = 20 // which show that it bears several at a time
		w.emitOf(before, "slow", events.LeadScored, events.LeadScoredData{})
		w.drain()
		rc.set(slow(10 * time.Second))
		w.emit(500)
		w.emitOf(1, "slow", events.LeadScored, events.LeadScoredData{})
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, before+1, rc.count())
		s.mostOf(e.ID)
		time.Sleep(300 * time.Millisecond)
		require.Equal(t, 1, s.mostOf(e.ID), "a look takes one slot")
		w.emitOf(1, "slow", events.LeadScored, events.LeadScoredData{})
		time.Sleep(300 * time.Millisecond)
		require.Equal(t, before+2, rc.count())
		st, err := w.d.Stats(t.Context())
		require.NoError(t, err)
		require.Greater(t, st.Pending, 100, "or nobody was busy")
	})
}

// TestWake: what another dispatcher of the process emitted, or a transaction of
// the caller's, is found at once, and not only when the store is looked at again.
func TestWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		elsewhere, s := w.dispatcher(), w.spied()
		_, rc := w.endpoint("e.example.com", nil, nil)
		w.run()
		event := webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}}
		for i, emit := range []func() error{
			func() error { _, err := elsewhere.Emit(t.Context(), event); return err },
			func() error { _, err := elsewhere.EmitTx(t.Context(), w.store, event); return err },
		} {
			time.Sleep(10 * time.Second) // it is idle
			for s.reset(); s.reset()["claim"] == 0; {
				time.Sleep(time.Millisecond) // until it has just looked
			}
			require.NoError(t, emit())
			time.Sleep(20 * time.Millisecond)
			require.Equal(t, i, rc.count(), "nobody told it")
			w.d.Wake()
			time.Sleep(20 * time.Millisecond)
			require.Equal(t, i+1, rc.count())
		}
	})
}

// TestDrainCountsSeldom: as long as this process sends, Drain need not count.
func TestDrainCountsSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		w.endpoint("e.example.com", nil, slow(8*time.Second))
		w.run()
		w.emit(1)
		time.Sleep(time.Second)
		began := time.Now()
		w.drain()
		require.InDelta(t, 7, time.Since(began).Seconds(), 0.1)
		require.LessOrEqual(t, s.reset()["stats"], 2)
	})
}

// TestDrainGivesUp with its own words, whatever is in hand.
func TestDrainGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		w.endpoint("e.example.com", nil, hang)
		w.run()
		w.emit(1)
		for _, patience := range []time.Duration{time.Second, 8 * time.Second} { // before it counts, and after
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			err := w.d.Drain(ctx)
			cancel()
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "still wait")
		}
	})
}

// TestDrainOutlastsRun: it goes by the Run of the moment, not by one that ended
// and could not give back what it had.
func TestDrainOutlastsRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		w.endpoint("e.example.com", nil, nil)
		s.set(failing("settle", errors.New("no disk")))
		w.run()
		w.emit(1)
		drained := make(chan error, 1)
		go func() { drained <- w.d.Drain(t.Context()) }()
		time.Sleep(time.Second)
		require.Error(t, w.stop())
		s.set(nil)
		w.run()
		require.NoError(t, <-drained)
	})
}

// TestClaimsForNothing: while all lanes are held, emits ask for claims that find
// nothing; they become few.
func TestClaimsForNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		w.endpoint("e.example.com", nil, slow(10*time.Second))
		s.set(func(_ context.Context, method string) error {
			if method == "claim" {
				time.Sleep(time.Millisecond)
			}
			return nil
		})
		w.run()
		for range 500 {
			w.emit(1)
			time.Sleep(time.Millisecond)
		}
		s.reset()
		for range 1000 { // a second
			w.emit(1)
			time.Sleep(time.Millisecond)
		}
		require.LessOrEqual(t, s.reset()["claim"], 60, "one takes 1 ms, and the next one waits for 20")
	})
}

// TestOutcomesGather: under a load that keeps a slow store busy, they are
// settled in larger steps.
func TestOutcomesGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		for i := range 100 {
			w.endpoint(fmt.Sprintf("e%d.example.com", i), nil, slow(time.Duration(1+i%10)*time.Millisecond))
		}
		s.set(func(_ context.Context, method string) error {
			if method == "settle" {
				time.Sleep(8 * time.Millisecond)
			}
			return nil
		})
		w.run()
		for range 30 { // 300 ms
			w.emit(1)
			time.Sleep(10 * time.Millisecond)
		}
		calls := s.reset()["settle"]
		require.LessOrEqual(t, calls, 27, "one takes 8 ms, and the next one waits as long")
	})
}
