package sqlitestore

import (
	"testing"

	"github.com/autoreach/webhook/storetest"
)

// Figures for the package's documentation; see there for the command.
func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, harness) }
