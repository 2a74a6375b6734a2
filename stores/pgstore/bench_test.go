package pgstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/storetest"
)

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, harness()) }

// BenchmarkLife measures the whole way of deliveries over some lanes: appended
// in batches, claimed, asked for, settled and returned, together with what it
// costs the server.
func BenchmarkLife(b *testing.B) {
	for _, batch := range []int{1, 16, 100} {
		b.Run(fmt.Sprint("Batch/", batch), func(b *testing.B) { benchLife(b, batch) })
	}
}

func benchLife(b *testing.B, batch int) {
	ctx := context.Background()
	s, schema := openSchema(b)
	const lanes = 16
	for range lanes {
		endpoint(b, s)
	}
	pool := newPool(b, 1)
	wal := func() int64 { return query[int64](b, pool, schema, "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn") }
	commits := func() int64 {
		time.Sleep(1100 * time.Millisecond) // until the backends have reported
		return query[int64](b, pool, schema, "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
	}
	wal0, commits0, n, calls := wal(), commits(), 0, 0
	b.ResetTimer()
	for b.Loop() {
		events := make([]webhook.EventRecord, batch)
		for i := range events {
			events[i] = event()
		}
		emit(b, s, events...)
		claims, _, err := s.Claim(ctx, 64, time.Minute)
		check(b, err)
		var wants []webhook.Want
		for _, c := range claims {
			wants = append(wants, webhook.Want{Hold: c.Hold, Max: batch, Version: c.Config.Version})
		}
		due, err := s.Due(ctx, wants)
		check(b, err)
		var outcomes []webhook.Outcome
		var returns []webhook.Return
		for _, d := range due {
			for _, x := range d.Deliveries {
				outcomes = append(outcomes, webhook.Outcome{
					Hold: d.Hold, Delivery: x.ID, State: webhook.StateDelivered,
					Attempt: &webhook.Attempt{Result: webhook.ResultDelivered, Status: 204, Took: time.Millisecond},
				})
			}
			returns = append(returns, webhook.Return{Hold: d.Hold, Mark: d.Mark})
		}
		_, err = s.Settle(ctx, outcomes, returns)
		check(b, err)
		n += len(outcomes)
		calls += 4
	}
	b.StopTimer()
	per := func(x int64) float64 { return float64(x) / float64(n) }
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "deliveries/s")
	b.ReportMetric(per(wal()-wal0), "WAL-B/delivery")
	b.ReportMetric(per(commits()-commits0), "commits/delivery")
	b.ReportMetric(per(int64(calls)), "calls/delivery")
}
