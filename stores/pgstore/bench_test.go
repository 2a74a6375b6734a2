package pgstore_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/storetest"
)

func BenchmarkStore(b *testing.B) { storetest.Benchmark(b, direct()) }

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

// BenchmarkPurge measures how fast what is too old goes, in steps as the engine
// takes them. For each delivery that has ended three rows change: it goes, the
// event's body goes, and the event.
func BenchmarkPurge(b *testing.B) {
	for _, chunk := range []int{1000, 5000} {
		b.Run(fmt.Sprint("Chunk/", chunk), func(b *testing.B) {
			ctx := context.Background()
			s, schema := openSchema(b)
			const deliveries = 50_000
			log := newBacklog(b, schema, false)
			log.exec(b, "DELETE FROM {}.graves")
			n, calls := 0, 0
			for b.Loop() {
				b.StopTimer()
				log.grow(b, log.last*6/7+deliveries)
				log.end(b)
				log.vacuum(b, true)
				b.StartTimer()
				for k := 1; k > 0; calls++ {
					var err error
					k, err = s.Purge(ctx, webhook.Ages{Pending: time.Hour, Bodies: time.Hour, Log: time.Hour}, chunk)
					check(b, err)
					n += k
				}
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64(n)/float64(calls), "rows/call")
		})
	}
}
