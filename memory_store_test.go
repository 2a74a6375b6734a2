package webhook_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/storetest"
)

// The memory store keeps the contract: it is the reference for other stores.
func TestMemoryStore(t *testing.T) {
	storetest.Run(t, storetest.Harness{
		Open:   func(testing.TB) webhook.Store { return webhook.NewMemoryStore(nil) },
		Unit:   time.Second,
		Fake:   true,
		Bubble: synctest.Test,
	})
}

// The log has a bound: what ended first is forgotten first, with its body and
// its place among the undelivered.
func TestMemoryLogIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{}})
		w.store = webhook.NewMemoryStore(&webhook.MemoryOptions{MaxLog: 3, MaxBytes: 8000})
		w.d = w.dispatcher()
		e, _ := w.endpoint("a.example.com", nil, status(500))
		w.run()
		var ids []string
		for range 20 { // of nearly 1 KiB each
			sent, err := w.d.Emit(t.Context(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{Lead: events.Lead{ID: strings.Repeat("x", 700)}}})
			require.NoError(t, err, "the bodies of what is forgotten are not kept")
			ids = append(ids, sent.ID)
			w.drain()
		}
		var kept []string
		for _, d := range w.log(e) {
			kept = append(kept, d.Event)
		}
		require.Equal(t, []string{ids[19], ids[18], ids[17]}, kept)
		require.Equal(t, 3, w.record(e).Health.Undelivered)
	})
}

func BenchmarkMemoryStore(b *testing.B) {
	storetest.Benchmark(b, storetest.Harness{
		Open: func(testing.TB) webhook.Store {
			return webhook.NewMemoryStore(&webhook.MemoryOptions{MaxPending: 1 << 30, MaxBytes: 1 << 40})
		},
	})
}

// TestMemoryForgetsWhatNobodyNeeds: a store that emits for years without a purge
// does not grow for ever.
func TestMemoryForgetsWhatNobodyNeeds(t *testing.T) {
	store := webhook.NewMemoryStore(&webhook.MemoryOptions{MaxPending: 10, MaxLog: 20})
	append := func(id string) webhook.Appended {
		t.Helper()
		out, err := store.Append(t.Context(), []webhook.EventRecord{{ID: id, Account: account, Type: events.LeadScored, Body: []byte("{}")}})
		require.NoError(t, err)
		return out[0]
	}
	for i := range 100 {
		append(fmt.Sprint("e", i))
	}
	require.True(t, append("e99").Duplicate)
	require.True(t, append("e70").Duplicate)
	require.False(t, append("e69").Duplicate, "30 are kept")

	// What a purge has looked at is the oldest.
	_, err := store.Purge(t.Context(), webhook.Ages{Bodies: 1, Log: time.Hour}, 20)
	require.NoError(t, err)
	for i := range 20 {
		append(fmt.Sprint("f", i))
	}
	for i := range 20 {
		require.True(t, append(fmt.Sprint("f", i)).Duplicate)
	}
}

// TestMemoryErasedAndStoredAnew: what is left of an event that was erased does not
// take away another one with its ID.
func TestMemoryErasedAndStoredAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := webhook.NewMemoryStore(nil)
		append := func() webhook.Appended {
			out, err := store.Append(t.Context(), []webhook.EventRecord{{ID: "evt_1", Account: account, Subject: "lead_1", Type: events.LeadScored, Body: []byte("{}")}})
			require.NoError(t, err)
			return out[0]
		}
		append()
		n, err := store.Erase(t.Context(), webhook.Erasure{Account: account, Subject: "lead_1"}, 10)
		require.NoError(t, err)
		require.Zero(t, n, "an event for nobody keeps no subject")
		n, err = store.Erase(t.Context(), webhook.Erasure{Account: account}, 10)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		time.Sleep(2 * time.Hour)
		require.False(t, append().Duplicate)
		for range 3 {
			_, err = store.Purge(t.Context(), webhook.Ages{Bodies: time.Hour, Log: time.Hour}, 10)
			require.NoError(t, err)
		}
		require.True(t, append().Duplicate)
	})
}
