package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// The customer's server in the examples, on a network in memory.
func exampleNetwork(h http.HandlerFunc) *webhooktest.Network {
	n := webhooktest.NewNetwork()
	n.Handle("crm.example.com", h)
	return n
}

// deliver runs d until nothing waits any more. A backend calls Run once, at
// its start, and lets it run until it shuts down.
func deliver(d *webhook.Dispatcher) error {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- d.Run(ctx) }()
	err := d.Drain(ctx)
	stop()
	return errors.Join(err, <-ended)
}

func Example() {
	secret := webhook.Secret("correct horse battery staple")
	network := exampleNetwork(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		err := webhook.Verify(secret.Reveal(), body, r.Header.Get("X-Webhook-Signature"))
		fmt.Printf("%.24s… verified: %v\n", body, err == nil)
	})
	defer network.Close()

	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Transport: network.Transport()})
	if err != nil {
		panic(err)
	}
	_, err = d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1",
		Name:    "CRM Sync",
		URL:     "https://crm.example.com/hooks",
		Events:  []webhook.EventType{events.LeadScored},
		Secret:  secret,
	})
	if err != nil {
		panic(err)
	}
	sent, err := d.Emit(ctx, webhook.Event{
		Account: "acct_1",
		Type:    events.LeadScored,
		Key:     "score:lead_42", // emitting it again does no harm
		Data:    events.LeadScoredData{Lead: events.Lead{ID: "lead_42"}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println("deliveries:", sent.Deliveries)
	if err := deliver(d); err != nil {
		panic(err)
	}
	// Output:
	// deliveries: 1
	// {"event":"lead.scored","… verified: true
}

func ExampleDispatcher_CreateEndpoint() {
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	if err != nil {
		panic(err)
	}
	_, err = d.CreateEndpoint(context.Background(), webhook.Endpoint{
		Account: "acct_1",
		URL:     "http://localhost/hooks",
		Events:  []webhook.EventType{events.LeadScored, events.MeetingBooked},
		Secret:  "too short",
	})
	var invalid *webhook.InvalidError
	if errors.As(err, &invalid) {
		for _, f := range invalid.Fields {
			fmt.Println(f.Field, f.Code)
		}
	}
	// Output:
	// name required
	// url url_scheme
	// events too_many
	// secret too_short
}

func ExampleDispatcher_UpdateEndpoint() {
	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	if err != nil {
		panic(err)
	}
	read, err := d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1", Name: "CRM Sync", URL: "https://crm.example.com/hooks",
		Events: []webhook.EventType{events.LeadScored}, Secret: webhook.GenerateSecret(),
	})
	if err != nil {
		panic(err)
	}
	// What is not set is kept, the secret too.
	changed, err := d.UpdateEndpoint(ctx, "acct_1", read.ID, read.Version, webhook.EndpointPatch{
		URL:     webhook.Set("https://crm.example.com/v2/hooks"),
		Enabled: webhook.Set(false),
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(changed.URL, changed.Enabled, changed.DisabledBy, changed.HasSecret)

	// Somebody who has read the endpoint before that does not overwrite it.
	_, err = d.UpdateEndpoint(ctx, "acct_1", read.ID, read.Version, webhook.EndpointPatch{Name: webhook.Set("Old tab")})
	fmt.Println(errors.Is(err, webhook.ErrConflict))
	// Output:
	// https://crm.example.com/v2/hooks false customer true
	// true
}

func ExampleDispatcher_Test() {
	network := exampleNetwork(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNotFound)
	})
	defer network.Close()
	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Transport: network.Transport()})
	if err != nil {
		panic(err)
	}
	e, err := d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1", Name: "CRM Sync", URL: "https://crm.example.com/hooks",
		Events: []webhook.EventType{events.LeadScored},
	})
	if err != nil {
		panic(err)
	}
	// What is typed in the edit dialog, not saved yet.
	unsaved := webhook.EndpointPatch{URL: webhook.Set("https://crm.example.com/hoks")}
	result, err := d.Test(ctx, "acct_1", e.ID, events.LeadScored, unsaved)
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Result)
	fmt.Println(result.Error)
	// Output:
	// failed
	// answered 404: nothing answers at this path, check the URL
}

func ExampleDispatcher_RotateSecret() {
	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	if err != nil {
		panic(err)
	}
	e, err := d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1", Name: "CRM Sync", URL: "https://crm.example.com/hooks",
		Events: []webhook.EventType{events.LeadScored}, Secret: webhook.GenerateSecret(),
	})
	if err != nil {
		panic(err)
	}
	secret, e, err := d.RotateSecret(ctx, "acct_1", e.ID, "", 0)
	if err != nil {
		panic(err)
	}
	fmt.Println("show this once:", secret)
	fmt.Printf("%.6s…, both sign: %v\n", secret.Reveal(), e.Rotating)
	e, err = d.EndRotation(ctx, "acct_1", e.ID) // the receiver has changed over
	if err != nil {
		panic(err)
	}
	fmt.Println("both sign:", e.Rotating)
	// Output:
	// show this once: REDACTED
	// whsec_…, both sign: true
	// both sign: false
}

func ExampleDispatcher_Recover() {
	broken := true
	network := exampleNetwork(func(w http.ResponseWriter, r *http.Request) {
		if broken {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	defer network.Close()
	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		Transport: network.Transport(),
		Retry:     webhook.Schedule{time.Millisecond}, // one quick retry
	})
	if err != nil {
		panic(err)
	}
	e, err := d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1", Name: "CRM Sync", URL: "https://crm.example.com/hooks",
		Events: []webhook.EventType{events.LeadScored},
	})
	if err != nil {
		panic(err)
	}
	for range 3 {
		if _, err := d.Emit(ctx, webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: events.LeadScoredData{}}); err != nil {
			panic(err)
		}
	}
	if err := deliver(d); err != nil {
		panic(err)
	}
	r, err := d.Endpoint(ctx, "acct_1", e.ID)
	if err != nil {
		panic(err)
	}
	fmt.Println("undelivered:", r.Health.Undelivered, "in error:", r.Health.InError)

	broken = false
	until := time.Now()
	for {
		n, err := d.Recover(ctx, "acct_1", e.ID, time.Time{}, until, 2)
		if err != nil {
			panic(err)
		}
		if n == 0 {
			break
		}
		fmt.Println("recovered:", n)
	}
	if err := deliver(d); err != nil {
		panic(err)
	}
	if r, err = d.Endpoint(ctx, "acct_1", e.ID); err != nil {
		panic(err)
	}
	fmt.Println("undelivered:", r.Health.Undelivered, "in error:", r.Health.InError)
	// Output:
	// undelivered: 3 in error: true
	// recovered: 2
	// recovered: 1
	// undelivered: 0 in error: false
}

// A product with events of its own registers them beside the seven, or
// instead of them.
func ExampleOptions_events() {
	type invoicePaid struct {
		InvoiceID string `json:"invoice_id"`
		Cents     int    `json:"cents"`
	}
	paid := events.Of("invoice.paid", "Invoice Paid", "A customer has paid an invoice.",
		func() invoicePaid { return invoicePaid{InvoiceID: "in_1", Cents: 4200} })
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Events: append(events.All(), paid)})
	if err != nil {
		panic(err)
	}
	_, err = d.Emit(context.Background(), webhook.Event{Account: "acct_1", Type: "invoice.paid", Data: "in_1"})
	fmt.Println(err)
	_, err = d.Emit(context.Background(), webhook.Event{Account: "acct_1", Type: "invoice.paid", Data: invoicePaid{"in_1", 4200}})
	fmt.Println(err)
	// Output:
	// webhook: invalid input: data: events: invoice.paid takes webhook_test.invoicePaid, not string
	// <nil>
}

func ExampleExponentialSchedule() {
	fmt.Println(webhook.ExponentialSchedule(5, time.Minute, 10*time.Minute))
	// Output: [1m0s 2m0s 4m0s 8m0s 10m0s]
}

func ExampleSecret() {
	s := webhook.GenerateSecret()
	fmt.Println(s, len(s.Reveal()))
	// Output: REDACTED 50
}

func ExampleVerify() {
	body := []byte(`Hello, World!`)
	err := webhook.Verify("It's a Secret to Everybody", body,
		"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
	fmt.Println(err)
	// Output: <nil>
}

func ExampleDispatcher_Deliveries() {
	network := exampleNetwork(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	defer network.Close()
	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Transport: network.Transport(), Retry: webhook.Schedule{}}) // no retries
	if err != nil {
		panic(err)
	}
	_, err = d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1", Name: "CRM Sync", URL: "https://crm.example.com/hooks", Events: []webhook.EventType{events.LeadScored},
	})
	if err != nil {
		panic(err)
	}
	if _, err := d.Emit(ctx, webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: events.LeadScoredData{}}); err != nil {
		panic(err)
	}
	if err := deliver(d); err != nil {
		panic(err)
	}
	q := webhook.DeliveryQuery{Account: "acct_1", States: []webhook.State{webhook.StateDead}}
	for r, err := range d.Deliveries(ctx, q) { // all pages, newest first
		if err != nil {
			panic(err)
		}
		for _, a := range r.Attempts {
			fmt.Println(r.Type, a.N, a.Status, a.Error)
		}
	}
	// Output: lead.scored 1 404 answered 404: nothing answers at this path, check the URL
}
