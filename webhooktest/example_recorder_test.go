package webhooktest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// Scorer is a part of the program under test.
type Scorer struct{ Webhooks webhook.Emitter }

// Score scores a lead and tells whoever wants to know.
func (s *Scorer) Score(ctx context.Context, account, lead string) error {
	_, err := s.Webhooks.Emit(ctx, webhook.Event{
		Account: account,
		Type:    events.LeadScored,
		Key:     "score:" + lead,
		Data:    events.LeadScoredData{Lead: events.Lead{ID: lead}, Score: events.Score{Overall: events.Ptr(87)}},
	})
	return err
}

func TestScorer(t *testing.T) {
	rec := webhooktest.NewRecorder(t, nil)
	s := &Scorer{Webhooks: rec}
	if err := s.Score(t.Context(), "acct_1", "42"); err != nil {
		t.Fatal(err)
	}

	rec.WantEmitted(events.LeadScored, 1)
	data := webhooktest.Data[events.LeadScoredData](t, rec.Last(events.LeadScored))
	fmt.Println(data.Lead.ID, *data.Score.Overall)

	rec.FailNext(webhook.ErrFull)
	fmt.Println(s.Score(t.Context(), "acct_1", "43"))
}

func ExampleRecorder() {
	runs(TestScorer) // as go test does
	// Output:
	// 42 87
	// webhook: the store is full
}
