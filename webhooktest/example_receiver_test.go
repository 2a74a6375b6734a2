package webhooktest_test

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"testing/synctest"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/webhooktest"
)

// TestOwnReceiver lets the receiving code of a customer answer, and has a
// second endpoint beside it.
func TestOwnReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		v, err := verify.New(rcv.Secret().Reveal(), nil)
		if err != nil {
			t.Fatal(err)
		}
		rcv.Always(webhooktest.Handler(v.Handler(func(_ context.Context, m verify.Message) error {
			fmt.Println("handled", m.Event)
			return nil
		})))
		second := webhooktest.Register(t, d, rcv.Network(), webhook.Endpoint{
			URL:    "https://crm.example.com/hooks",
			Events: []webhook.EventType{events.MeetingBooked},
		})

		if _, err := d.Emit(t.Context(), webhook.Event{
			Account: webhooktest.Account,
			Type:    events.LeadScored,
			Data:    events.LeadScoredData{},
		}); err != nil {
			t.Fatal(err)
		}
		if err := d.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		rcv.Want(events.LeadScored)
		second.WantNothing()
		fmt.Println("answered", rcv.Last().Status, http.StatusText(rcv.Last().Status))
	})
}

func ExampleReceiver() {
	runs(TestOwnReceiver) // as go test does
	// Output:
	// handled lead.scored
	// answered 204 No Content
}
