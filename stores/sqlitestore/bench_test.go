package sqlitestore

import (
	"fmt"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/storetest"
)

// Figures for the package's documentation; see there for the command.
func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, harness) }

// What Run's retention removes in a second, in the steps in which it does:
// events of which one delivery succeeded at the first attempt.
func BenchmarkPurge(b *testing.B) {
	const n, step = 50_000, 1000
	for _, x := range []struct {
		what string
		ages webhook.Ages
	}{
		{"Bodies", webhook.Ages{Bodies: time.Hour}},
		{"Everything", webhook.Ages{Bodies: time.Hour, Log: time.Hour}},
	} {
		b.Run(x.what, func(b *testing.B) {
			s := openNew(b)
			check[webhook.Endpoint](b)(s.PutEndpoint(b.Context(), endpoint("ep"), 10))
			rows := 0
			for b.Loop() {
				b.StopTimer()
				fillFinished(b, s, n)
				b.StartTimer()
				for done := 1; done > 0; rows += done {
					done = check[int](b)(s.Purge(b.Context(), x.ages, step))
				}
			}
			b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// fillFinished replaces what is stored by n events of long ago.
func fillFinished(b *testing.B, s *Store, n int) {
	b.Helper()
	check[any](b)(nil, s.update(b.Context(), func(t *txn) error {
		return t.script(fmt.Sprintf(`
			DELETE FROM webhook_events;
			DELETE FROM webhook_delivered;
			CREATE TEMP TABLE n AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT i FROM n;
			INSERT INTO webhook_events (pk, id, account, type, subject, occurred_at, deliveries, span, turn, body)
				SELECT 2 * i, 'event-' || i, 'acct', 't0', 'lead:' || i %% 1000, i, 1, 1, i, randomblob(500) FROM n;
			INSERT INTO webhook_delivered (id, lane, event, type, created_at, finished_at, token, took, status)
				SELECT 2 * i + 1, 1, 2 * i, 't0', i, i, 1, 1000000, 204 FROM n;
			DROP TABLE n`, n))
	}))
}
