package webhook_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook"
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

func BenchmarkMemoryStore(b *testing.B) {
	storetest.Benchmark(b, storetest.Harness{
		Open: func(testing.TB) webhook.Store {
			return webhook.NewMemoryStore(&webhook.MemoryOptions{MaxPending: 1 << 30, MaxBytes: 1 << 40})
		},
	})
}
