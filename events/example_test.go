package events_test

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/autoreach/webhook/events"
)

// A receiver decodes the data of a delivery, whose signature it has verified, into
// the type that belongs to the event's name.
func Example() {
	body := []byte(`{"event":"lead.scored","timestamp":"2026-11-23T10:15:30.123Z","data":{
		"lead":{"id":"lead_1","name":"Renée Okonedo-Vale","email":null},
		"score":{"overall":87,"buyer_state":"evaluating","scored_at":"2026-11-23T10:15:30.123Z"},
		"enrichment":{"company":{"industry":"Marine Instruments & Software"}},
		"added_later":true}}`)

	var delivery struct {
		Event     string          `json:"event"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &delivery); err != nil {
		fmt.Println(err)
		return
	}
	switch delivery.Event {
	case events.LeadScored:
		var d events.LeadScoredData
		if err := json.Unmarshal(delivery.Data, &d); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(d.Lead.ID, events.Value(d.Lead.Name))
		if d.Lead.Email == nil {
			fmt.Println("no e-mail address found")
		}
		if d.Score.Overall != nil && *d.Score.Overall >= 80 {
			fmt.Println("route to sales:", events.Value(d.Enrichment.Company.Industry))
		}
	default:
		// An event of which this receiver knows nothing: accept and ignore it.
	}
	// Output:
	// lead_1 Renée Okonedo-Vale
	// no e-mail address found
	// route to sales: Marine Instruments & Software
}

// InvoicePaid is the data of an event that another product sends.
type InvoicePaid struct {
	ID     string      `json:"id"`
	Cents  int         `json:"cents"`
	Note   *string     `json:"note"`
	PaidAt events.Time `json:"paid_at"`
}

// A product with events of its own describes each with one call, and registers the
// result with its sender.
func ExampleOf() {
	invoicePaid := events.Of("invoice.paid", "Invoice Paid", "An invoice was paid in full",
		func() InvoicePaid {
			return InvoicePaid{
				ID:     "in_1",
				Cents:  4200,
				Note:   events.Ptr("Thanks!"),
				PaidAt: events.At(time.Date(2026, time.November, 23, 10, 15, 30, 0, time.UTC)),
			}
		})

	sample, err := json.Marshal(invoicePaid.Sample())
	fmt.Println(string(sample), err)
	fmt.Println(invoicePaid.Accepts(&InvoicePaid{ID: "in_2", Cents: 100}))
	fmt.Println(invoicePaid.Accepts(events.LeadScoredData{}))
	// Output:
	// {"id":"in_1","cents":4200,"note":"Thanks!","paid_at":"2026-11-23T10:15:30.000Z"} <nil>
	// <nil>
	// events: invoice.paid takes events_test.InvoicePaid, not events.LeadScoredData
}

// The sender's side: unknown fields are left out in Go and null in JSON.
func ExampleNonZero() {
	row := struct{ ID, Name, Email string }{ID: "lead_1", Name: "Renée Okonedo-Vale"}
	lead := events.Lead{
		ID:    row.ID,
		Name:  events.NonZero(row.Name),
		Email: events.NonZero(row.Email),
	}
	text, err := json.MarshalIndent(lead, "", "  ")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(text))
	// Output:
	// {
	//   "id": "lead_1",
	//   "name": "Renée Okonedo-Vale",
	//   "username": null,
	//   "bio": null,
	//   "headline": null,
	//   "location": null,
	//   "email": null,
	//   "x_url": null,
	//   "linkedin_url": null
	// }
}
