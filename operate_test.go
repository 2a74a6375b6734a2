package webhook_test

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

func TestPauses(t *testing.T) {
	for name, p := range map[string]webhook.Pause{
		"everything": {}, "account": {Account: account}, "type": {Type: events.LeadScored}, "host": {Host: "A.example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, webhook.Options{})
				_, rc := w.endpoint("a.example.com", nil, slow(100*time.Millisecond))
				_, other := w.endpoint("b.example.com", func(e *webhook.Endpoint) {
					e.Account, e.Events = "acct_2", []webhook.EventType{events.LeadCreated}
				}, nil)
				w.run()
				w.emit(100)
				time.Sleep(200 * time.Millisecond)
				require.NoError(t, w.dispatcher().Pause(t.Context(), p), "set in another process")
				time.Sleep(time.Second)
				n := rc.count()
				require.Less(t, n, 60)
				w.emit(1)
				w.emitOf(1, "acct_2", events.LeadCreated, events.LeadCreatedData{})
				time.Sleep(time.Hour)
				require.Equal(t, n, rc.count(), "nothing more after a second")
				if name == "everything" {
					require.Zero(t, other.count())
				} else {
					require.Equal(t, 1, other.count(), "what is not paused goes on")
				}
				list, err := w.d.Pauses(t.Context())
				require.NoError(t, err)
				require.Len(t, list, 1)

				require.NoError(t, w.dispatcher().Resume(t.Context(), p))
				time.Sleep(time.Second)
				require.Greater(t, rc.count(), n, "within a second")
				w.drain()
				require.Equal(t, 101, rc.count())
				require.Equal(t, 1, other.count())
			})
		})
	}
}

// TestPausedTypeDelaysNoOther: what another process emits while a request is on
// its way is sent at once, whatever other type is paused.
func TestPausedTypeDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		emit := w.elsewhere()
		_, rc := w.endpoint("a.example.com", nil, slow(50*time.Millisecond))
		w.run()
		require.NoError(t, w.d.Pause(t.Context(), webhook.Pause{Type: events.LeadCreated}))
		time.Sleep(time.Second)
		emit()
		for rc.inHand() == 0 {
			time.Sleep(time.Millisecond)
		}
		emit()
		at := time.Now()
		for rc.count() < 2 {
			time.Sleep(time.Millisecond)
		}
		require.Less(t, time.Since(at), 300*time.Millisecond)
	})
}

// TestPauseOfOneTypeAmongSeveral: the other types of the same endpoint go on.
func TestPauseOfOneTypeAmongSeveral(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{EventsPerEndpoint: 2})
		_, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) {
			e.Events = []webhook.EventType{events.LeadScored, events.LeadCreated}
		}, nil)
		w.run()
		require.NoError(t, w.d.Pause(t.Context(), webhook.Pause{Type: events.LeadScored}))
		w.emit(3)
		w.emitOf(3, account, events.LeadCreated, events.LeadCreatedData{})
		time.Sleep(2 * time.Second)
		require.Equal(t, 3, rc.count())
		require.NoError(t, w.d.Resume(t.Context(), webhook.Pause{Type: events.LeadScored}))
		time.Sleep(time.Second)
		require.Equal(t, 6, rc.count())
		require.Error(t, w.d.Pause(t.Context(), webhook.Pause{Type: events.LeadScored, Host: "b.example.com"}))
		for _, p := range []webhook.Pause{ // which would pause nothing
			{Host: "https://a.example.com/hook"}, {Host: "a.example.com/hook"}, {Host: "a.example.com:8443"}, {Host: "a b"}, {Host: "user@a.example.com"}, {Host: "[::1]:443"}, {Type: "lead.eaten"},
		} {
			var invalid *webhook.InvalidError
			require.ErrorAs(t, w.d.Pause(t.Context(), p), &invalid, "%+v", p)
			require.NoError(t, w.d.Resume(t.Context(), p))
		}
		for host, stored := range map[string]string{
			"CRM.Example.com": "crm.example.com", "crm.exämple.com": "crm.xn--exmple-cua.com", "LocalHost": "localhost", "10.0.0.5": "10.0.0.5",
			"2606:4700:4700::1111": "2606:4700:4700::1111", "[2606:4700:4700:0::1112]": "2606:4700:4700::1112",
		} {
			require.NoError(t, w.d.Pause(t.Context(), webhook.Pause{Host: host}), host)
			set, err := w.d.Pauses(t.Context())
			require.NoError(t, err)
			require.Contains(t, set, webhook.Pause{Host: stored})
			require.NoError(t, w.d.Resume(t.Context(), webhook.Pause{Host: host}))
			set, err = w.d.Pauses(t.Context())
			require.NoError(t, err)
			require.NotContains(t, set, webhook.Pause{Host: stored})
		}
	})
}

func TestStatsAndObserve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var seen []webhook.Observation
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{time.Hour}, Observe: func(o webhook.Observation) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, o)
		}})
		e, _ := w.endpoint("a.example.com", nil, status(500))
		w.endpoint("b.example.com", nil, slow(30*time.Second))
		off, _ := w.endpoint("c.example.com", nil, nil)
		w.emit(1)
		w.patch(off, webhook.EndpointPatch{Enabled: webhook.Set(false)})
		time.Sleep(time.Minute)
		st, err := w.d.Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, 3, st.Endpoints)
		require.Equal(t, 3, st.Pending)
		require.Equal(t, time.Minute, st.Oldest)
		w.run()
		time.Sleep(time.Second)
		st, err = w.d.Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, 1, st.InFlight)
		require.Equal(t, 1, st.Lanes)
		require.Equal(t, 1, st.Held)
		require.Equal(t, map[string]int{webhook.ClassStatus: 1}, st.Attempts)
		time.Sleep(20 * time.Second)
		st, err = w.d.Stats(t.Context())
		require.NoError(t, err)
		require.Equal(t, map[string]int{webhook.ClassStatus: 1, webhook.ClassTimeout: 1}, st.Attempts)
		mu.Lock()
		defer mu.Unlock()
		require.Len(t, seen, 2)
		require.Equal(t, e.ID, seen[0].Endpoint)
		require.Equal(t, events.LeadScored, seen[0].Type)
		require.Equal(t, 500, seen[0].Attempt.Status)
		require.Equal(t, time.Minute, seen[0].Age)
	})
}

// TestOldestBehindAFailingHead: what waits in a FIFO lane behind a delivery
// that is being retried waits too.
func TestOldestBehindAFailingHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.FIFO = true }, status(500))
		w.run()
		w.emit(2)
		time.Sleep(20 * time.Second)
		st, err := w.d.Stats(t.Context())
		require.NoError(t, err)
		require.InDelta(t, 20*time.Second, st.Oldest, float64(time.Second))
	})
}

func TestListing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{}})
		a, _ := w.endpoint("a.example.com", nil, nil)
		b, _ := w.endpoint("b.example.com", nil, status(500))
		var sent []webhook.Emitted
		for range 150 {
			sent = append(sent, w.emit(1)...)
			time.Sleep(time.Second)
		}
		w.drain()
		all, ids := 0, map[int64]bool{}
		last := int64(1 << 62)
		for r, err := range w.d.Deliveries(t.Context(), webhook.DeliveryQuery{Account: account}) {
			require.NoError(t, err)
			require.Less(t, r.ID, last, "newest first")
			last = r.ID
			ids[r.ID] = true
			all++
		}
		require.Equal(t, 300, all, "over all pages")
		require.Len(t, ids, 300)
		for name, c := range map[string]struct {
			q    webhook.DeliveryQuery
			want int
		}{
			"endpoint":      {webhook.DeliveryQuery{Endpoint: a.ID}, 150},
			"state":         {webhook.DeliveryQuery{States: []webhook.State{webhook.StateDead}}, 150},
			"both states":   {webhook.DeliveryQuery{States: []webhook.State{webhook.StateDead, webhook.StateDelivered}}, 300},
			"event":         {webhook.DeliveryQuery{Event: sent[7].ID}, 2},
			"type":          {webhook.DeliveryQuery{Type: events.LeadCreated}, 0},
			"undelivered":   {webhook.DeliveryQuery{Undelivered: true, Endpoint: b.ID}, 150},
			"since":         {webhook.DeliveryQuery{Since: w.began.Add(100 * time.Second)}, 100},
			"since, until":  {webhook.DeliveryQuery{Since: w.began.Add(100 * time.Second), Until: w.began.Add(110 * time.Second)}, 20},
			"other account": {webhook.DeliveryQuery{Account: "acct_2"}, 0},
		} {
			n := 0
			if c.q.Account == "" {
				c.q.Account = account
			}
			c.q.Limit = 30
			for _, err := range w.d.Deliveries(t.Context(), c.q) {
				require.NoError(t, err)
				n++
			}
			require.Equal(t, c.want, n, name)
		}
		one, err := w.d.Delivery(t.Context(), account, 300)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(one.Body), `{"event":"lead.scored"`))

		for i := range 120 {
			w.endpoint(fmt.Sprintf("x%d.example.com", i), func(e *webhook.Endpoint) { e.Account = "many" }, nil)
		}
		n := 0
		for e, err := range w.d.Endpoints(t.Context(), "many") {
			require.NoError(t, err)
			require.Equal(t, fmt.Sprintf("x%d.example.com", n), e.Name)
			n++
		}
		require.Equal(t, 120, n)
	})
}

func TestRetention(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{BodyRetention: 10 * 24 * time.Hour, LogRetention: 20 * 24 * time.Hour, Retry: webhook.Schedule{}})
		e, rc := w.endpoint("a.example.com", nil, status(500))
		w.run()
		w.emit(5)
		w.drain()
		require.NoError(t, w.stop())
		purge := func(after time.Duration) {
			time.Sleep(after)
			for n := 1; n > 0; {
				var err error
				n, err = w.d.Purge(t.Context(), 2)
				require.NoError(t, err)
			}
		}
		purge(9 * 24 * time.Hour)
		require.NotNil(t, w.body(w.log(e)[0]))
		purge(2 * 24 * time.Hour)
		require.Nil(t, w.body(w.log(e)[0]), "bodies go first")
		require.ErrorIs(t, w.resend(w.log(e)[0].ID), webhook.ErrNotFound)
		require.Len(t, w.log(e), 5)
		purge(10 * 24 * time.Hour)
		require.Empty(t, w.log(e))
		require.Zero(t, w.record(e).Health.Undelivered)
		require.Equal(t, 5, rc.count())
	})
}

// TestLimitOfNothing: a limit that is left out is not one of none, which would
// look like an erasure that has ended.
func TestLimitOfNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{}})
		w.endpoint("a.example.com", nil, status(500))
		w.emit(5)
		w.drain()
		require.NoError(t, w.stop())
		n, err := w.d.Erase(t.Context(), webhook.Erasure{Account: account}, 0)
		require.NoError(t, err)
		require.Positive(t, n)
		for _, limit := range []int{-1, 1 << 30} {
			_, err := w.d.Erase(t.Context(), webhook.Erasure{Account: account}, limit)
			require.NoError(t, err)
		}
		time.Sleep(200 * 24 * time.Hour)
		w.emit(1)
		time.Sleep(200 * 24 * time.Hour)
		n, err = w.d.Purge(t.Context(), 0)
		require.NoError(t, err)
		require.Positive(t, n)
	})
}

func (w *world) body(r webhook.DeliveryRecord) []byte {
	r, err := w.d.Delivery(w.t.Context(), r.Account, r.ID)
	require.NoError(w.t, err)
	return r.Body
}

func TestErase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		e, rc := w.endpoint("a.example.com", nil, nil)
		for i := range 10 {
			_, err := w.d.Emit(t.Context(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}, Subject: fmt.Sprintf("lead:%d", i%2)})
			require.NoError(t, err)
		}
		total := 0
		for {
			n, err := w.d.Erase(t.Context(), webhook.Erasure{Subject: "lead:1"}, 2)
			require.NoError(t, err)
			if n == 0 {
				break
			}
			total += n
		}
		require.Equal(t, 5, total)
		require.Len(t, w.log(e), 5)
		w.drain()
		require.Equal(t, 5, rc.count(), "what is erased is not delivered")
		for {
			n, err := w.d.Erase(t.Context(), webhook.Erasure{Account: account}, 100)
			require.NoError(t, err)
			if n == 0 {
				break
			}
		}
		_, err := w.d.Endpoint(t.Context(), account, e.ID)
		require.ErrorIs(t, err, webhook.ErrNotFound)
		_, err = w.d.Erase(t.Context(), webhook.Erasure{}, 100)
		require.Error(t, err, "not everything by mistake")
	})
}

// TestNothingSecretIsLogged runs a delivery, a failure and a rotation with
// everything logged.
func TestNothingSecretIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log lockedBuffer
		w := newWorld(t, webhook.Options{Logger: slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
		const secret = "hush-hush-hush-hush"
		e, _ := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret = secret }, status(500))
		w.run()
		w.emit(1)
		_, _, err := w.d.RotateSecret(t.Context(), account, e.ID, "shhh-shhh-shhh-shhh", 0)
		require.NoError(t, err)
		w.drain()
		require.NoError(t, w.stop())
		require.NotEmpty(t, log.String())
		require.NotContains(t, log.String(), "hush")
		require.NotContains(t, log.String(), "shhh")
	})
}

type lockedBuffer struct {
	mu sync.Mutex
	strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Builder.Write(p)
}
