package sqlitestore

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// BenchmarkSizing has the figures of docs/storage.md: what 1,000 deliveries
// cost when they come one after the other, 50 a second, and when 64 callers emit
// as fast as they can. Each event goes to one of 100 endpoints, which answer at
// once.
func BenchmarkSizing(b *testing.B) {
	b.Run("OneByOne", func(b *testing.B) { benchSizing(b, 1, 500) })
	b.Run("Busy", func(b *testing.B) { benchSizing(b, 64, 20_000) })
}

// answers is a receiver that costs nothing.
type answers struct{}

func (answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	return &http.Response{StatusCode: 204, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// writing counts the calls that write: each is a commit, and one sync.
type writing struct {
	*Store
	commits atomic.Int64
}

func (w *writing) Append(ctx context.Context, es []webhook.EventRecord) ([]webhook.Appended, error) {
	w.commits.Add(1)
	return w.Store.Append(ctx, es)
}

func (w *writing) Claim(ctx context.Context, max int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
	claims, next, err := w.Store.Claim(ctx, max, lease)
	if len(claims) > 0 {
		w.commits.Add(1)
	}
	return claims, next, err
}

func (w *writing) Settle(ctx context.Context, os []webhook.Outcome, rs []webhook.Return) (webhook.Settled, error) {
	w.commits.Add(1)
	return w.Store.Settle(ctx, os, rs)
}

func benchSizing(b *testing.B, callers, deliveries int) {
	check := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	data := events.LeadScoredData{
		Lead: events.Lead{ID: "lead_42", Name: events.Ptr("Renée Okonedo-Vale"), Bio: events.Ptr(strings.Repeat("Sails, repairs instruments. ", 12))},
	}
	for b.Loop() {
		b.StopTimer()
		s := &writing{Store: openNew(b)}
		d, err := webhook.New(s, &webhook.Options{Transport: answers{}})
		check(err)
		for i := range 100 {
			_, err := d.CreateEndpoint(b.Context(), webhook.Endpoint{
				Account: fmt.Sprint("acct_", i), Name: "CRM", URL: "https://crm.example.com/hooks", Events: []string{events.LeadScored}, Secret: webhook.GenerateSecret(),
			})
			check(err)
		}
		size := func() int64 { // of the file, with all that was committed
			_, err := s.DB().Exec("PRAGMA wal_checkpoint(TRUNCATE)")
			check(err)
			info, err := os.Stat(s.path)
			check(err)
			return info.Size()
		}
		before := size()
		ctx, stop := context.WithCancel(context.Background())
		ran := make(chan error, 1)
		go func() { ran <- d.Run(ctx) }()
		var next atomic.Int64
		var wg sync.WaitGroup
		b.StartTimer()
		for range callers {
			wg.Go(func() {
				for i := next.Add(1); i <= int64(deliveries); i = next.Add(1) {
					_, err := d.Emit(b.Context(), webhook.Event{Account: fmt.Sprint("acct_", i%100), Type: events.LeadScored, Data: data})
					if err != nil {
						b.Error(err)
					}
					if callers == 1 {
						time.Sleep(20 * time.Millisecond)
					}
				}
			})
		}
		wg.Wait()
		check(d.Drain(b.Context()))
		b.StopTimer()
		stop()
		check(<-ran)
		per := func(x int64, unit string) { b.ReportMetric(float64(x)*1000/float64(deliveries), unit+"/1000") }
		per(s.commits.Load(), "commits")
		per(size()-before, "kept-B")
		var rows, payload int64
		check(s.DB().QueryRow(`SELECT (SELECT count(*) FROM webhook_events) + (SELECT count(*) FROM webhook_delivered) +
			(SELECT count(*) FROM webhook_deliveries) + (SELECT count(*) FROM webhook_attempts),
			(SELECT CAST(avg(length(body)) AS INTEGER) FROM webhook_events)`).Scan(&rows, &payload))
		per(rows, "rows")
		b.ReportMetric(float64(payload), "payload-B")
		b.ReportMetric(float64(deliveries)/b.Elapsed().Seconds(), "deliveries/s")
		b.StartTimer()
	}
}
