package webhooktest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// TestRetrySchedule is what stands in a test file: a customer's endpoint fails
// for two hours, and the test takes milliseconds.
func TestRetrySchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		rcv.Then(
			webhooktest.Status(500),
			webhooktest.Hang(),
			webhooktest.RetryAfter(503, time.Hour),
		) // and then 204

		began := time.Now()
		if _, err := d.Emit(t.Context(), webhook.Event{
			Account: webhooktest.Account,
			Type:    events.LeadScored,
			Data:    events.LeadScoredData{Score: events.Score{Overall: events.Ptr(87)}},
		}); err != nil {
			t.Fatal(err)
		}
		if err := d.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}

		rcv.Want(events.LeadScored)
		rcv.WantVerified(4)
		rcv.WantRetries(30*time.Second, 10*time.Minute, 2*time.Hour)
		for _, r := range rcv.Requests() {
			fmt.Printf("%d: %s\n", r.Attempt, r.Answer)
		}
		fmt.Println("more than two hours:", time.Since(began) > 2*time.Hour)
	})
}

func Example() {
	runs(TestRetrySchedule) // as go test does
	// Output:
	// 1: 500
	// 2: hang
	// 3: 503 with Retry-After: 3600
	// 4: 204
	// more than two hours: true
}
