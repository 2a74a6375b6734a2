package sqlitestore

import (
	"bytes"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// What a delivery that succeeds at once costs the store under load: 100 held
// lanes, commits of 400, 1 KiB bodies, and a lane asked again for each delivery
// while the outcomes of others are not settled. Processor time depends less than a
// rate on who else uses the machine.
func BenchmarkCost(b *testing.B) {
	const lanes, rounds = 100, 4
	s := openNew(b)
	ctx := b.Context()
	wants := make([]webhook.Want, lanes)
	for i := range wants {
		e := endpoint(fmt.Sprint("endpoint-", i))
		e.Account = fmt.Sprint("account-", i)
		e = check[webhook.Endpoint](b)(s.PutEndpoint(ctx, e, 1))
		wants[i] = webhook.Want{Hold: webhook.Hold{Endpoint: e.ID}, Version: e.Version}
	}
	claims, _, err := s.Claim(ctx, lanes, time.Hour)
	check[any](b)(nil, err)
	if len(claims) != 0 {
		b.Fatal("lanes were ready")
	}
	body := bytes.Repeat([]byte("x"), 1024)
	number := 0
	round := func() {
		events := make([]webhook.EventRecord, lanes*rounds)
		for i := range events {
			number++
			events[i] = webhook.EventRecord{ID: fmt.Sprintf("0199abcd-ef00-7000-8000-%012d", number), Account: fmt.Sprint("account-", i%lanes),
				Type: "t0", OccurredAt: time.Now(), Body: body}
		}
		check[[]webhook.Appended](b)(s.Append(ctx, events))
		if claims == nil {
			claims, _, err = s.Claim(ctx, lanes, time.Hour)
			check[any](b)(nil, err)
			for i, c := range claims {
				wants[i].Hold, wants[i].Version = c.Hold, c.Config.Version
			}
		}
		var outcomes []webhook.Outcome
		for i := range wants {
			wants[i].Skip, wants[i].Max = nil, 1
		}
		for range rounds {
			for i := 0; i < lanes; i += 5 {
				for j, batch := range check[[]webhook.Batch](b)(s.Due(ctx, wants[i:i+5])) {
					for _, d := range batch.Deliveries {
						w := &wants[i+j]
						w.Skip = append(w.Skip, d.ID)
						outcomes = append(outcomes, webhook.Outcome{Hold: w.Hold, Delivery: d.ID, State: webhook.StateDelivered,
							Attempt: &webhook.Attempt{N: 1, Result: webhook.ResultDelivered, Status: 204, Took: time.Millisecond}})
					}
				}
			}
		}
		if len(outcomes) != len(events) {
			b.Fatalf("%d of %d were due", len(outcomes), len(events))
		}
		check[webhook.Settled](b)(s.Settle(ctx, outcomes, nil))
	}
	for range 20 {
		round()
	}
	cpu, written, fetched := burnt(b), wrote(b), pages(b, s)
	n := 0
	for b.Loop() {
		round()
		n += lanes * rounds
	}
	b.ReportMetric(float64((burnt(b)-cpu).Nanoseconds())/1e3/float64(n), "cpu-us/delivery")
	b.ReportMetric((wrote(b)-written)/float64(n), "bytes-written/delivery")
	b.ReportMetric(float64(pages(b, s)-fetched)/float64(n), "pages/delivery")
}

// burnt is the processor time of this process.
func burnt(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	check[any](t)(nil, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// wrote is how many bytes this process has written.
func wrote(t testing.TB) (n float64) {
	t.Helper()
	for line := range bytes.Lines(check[[]byte](t)(os.ReadFile("/proc/self/io"))) {
		if _, err := fmt.Sscanf(string(line), "wchar: %g", &n); err == nil {
			return n
		}
	}
	t.Fatal("/proc/self/io has no wchar")
	return 0
}
