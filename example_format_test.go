package webhook_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	_ "time/tzdata" // the same zones on every machine

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// A Slack incoming webhook's URL is all that it takes. The test send shows what
// will come.
func ExampleEndpoint_slack() {
	network := webhooktest.NewNetwork()
	defer network.Close()
	network.Handle("hooks.slack.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct{ Text string }
		_ = json.NewDecoder(r.Body).Decode(&message)
		fmt.Println(message.Text)
		fmt.Fprint(w, "ok")
	}))
	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Transport: network.Transport()})
	if err != nil {
		panic(err)
	}
	e, err := d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1",
		Name:    "Slack Alerts",
		URL:     "https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXX",
		Events:  []webhook.EventType{events.MeetingBooked},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(e.SentAs, webhook.MaskURL(e.URL))
	a, err := d.Test(ctx, "acct_1", e.ID, events.MeetingBooked, webhook.EndpointPatch{})
	fmt.Println(a.Result, string(a.Response), err)
	// Output:
	// slack https://hooks.slack.com/…
	// Test: Meeting Booked: Renée Okonedo-Vale, Wed 25 Nov 2026, 14:00–14:30 (Europe/Lisbon)
	// delivered ok <nil>
}

// A template makes what another service wants. What strangers wrote cannot
// leave the string that it stands in.
func ExampleTemplateFormat() {
	pager, err := webhook.TemplateFormat("pager", "Pager", "application/json",
		`{"title": "{{.Title}}: {{.Data.lead.name}}", "score": {{json .Data.score.overall}}}`)
	if err != nil {
		panic(err)
	}
	pager.PerSecond = 2
	network := exampleNetwork(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Println(r.Header.Get("Content-Type"), string(body))
	})
	defer network.Close()
	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		Formats: []webhook.Format{pager}, Transport: network.Transport(),
	})
	if err != nil {
		panic(err)
	}
	if _, err := d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1", Name: "Pager", URL: "https://crm.example.com/hooks",
		Events: []webhook.EventType{events.LeadScored}, Format: "pager",
	}); err != nil {
		panic(err)
	}
	if _, err := d.Emit(ctx, webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: events.LeadScoredData{
		Lead: events.Lead{ID: "lead_42", Name: events.Ptr(`Robert "Bobby" Tables`)}, Score: events.Score{Overall: events.Ptr(87)},
	}}); err != nil {
		panic(err)
	}
	if err := deliver(d); err != nil {
		panic(err)
	}
	// Output:
	// application/json {"title": "Lead Scored: Robert \"Bobby\" Tables", "score": 87}
}

// For a select in a form.
func ExampleDispatcher_Formats() {
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	if err != nil {
		panic(err)
	}
	for _, f := range d.Formats() {
		fmt.Println(f.Name, "–", f.Title)
	}
	// Output:
	// json – JSON
	// slack – Slack
	// discord – Discord
	// teams – Microsoft Teams
}
