package webhook_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// TestManyWithOneEach: an endpoint for which one event waits is claimed once
// and asked once, however many others there are.
func TestManyWithOneEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const endpoints = 2000
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
				require.NoError(t, err)
			}
			rw.WriteHeader(204)
		})
		w.run()
		w.emit(1)
		time.Sleep(time.Second)
		require.Equal(t, 2, rc.count())
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

// TestStoreGetsItsTime: under a load that keeps a slow store busy, claims that
// find nothing become few, and outcomes gather.
func TestStoreGetsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		s := w.spied()
		for i := range 200 {
			w.endpoint(fmt.Sprintf("e%d.example.com", i), nil, nil)
		}
		s.set(func(_ context.Context, method string) error {
			switch method {
			case "claim":
				time.Sleep(2 * time.Millisecond)
			case "settle":
				time.Sleep(8 * time.Millisecond)
			}
			return nil
		})
		w.run()
		load := func() {
			for range 100 { // a second
				w.emit(1)
				time.Sleep(10 * time.Millisecond)
			}
		}
		load()
		s.reset()
		load()
		calls := s.reset()
		require.LessOrEqual(t, calls["claim"], 60, "one takes 2 ms, and all lanes are held")
		require.LessOrEqual(t, calls["settle"], 80, "one takes 8 ms")
	})
}
