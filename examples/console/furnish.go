package main

import (
	"context"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// furnish gives Acme webhooks that come into every state.
func furnish(ctx context.Context, d *webhook.Dispatcher) error {
	ctx = webhook.WithActor(ctx, "Ada")
	var disabled, rotating string
	for _, e := range []webhook.Endpoint{
		{Name: "CRM Sync", URL: "https://hooks.salesbase.example.com/v2/autoreach/ok", Events: []string{events.LeadScored}, Secret: webhook.GenerateSecret()},
		{Name: "Slack Alerts", URL: "https://chat.example.com/services/T02AB/B77/ok", Events: []string{events.ReplyReceived}},
		{Name: "HubSpot contacts", URL: "https://api.acme.example.com/hubspot/broken", Events: []string{events.LeadCreated}, Secret: webhook.GenerateSecret()},
		{Name: "Calendar bridge", URL: "https://bridge.acme.example.com/meetings/silent", Events: []string{events.MeetingBooked}, Secret: webhook.GenerateSecret()},
		{Name: "Data warehouse", URL: "https://ingest.warehouse.example.com/webhooks/slow", Events: []string{events.EnrichmentCompleted}, Secret: webhook.GenerateSecret(),
			Headers: map[string]string{"Authorization": "Bearer 7f3d0c52"}, PerSecond: 5},
		{Name: "Outreach report", URL: "https://reports.acme.example.com/in/flaky", Events: []string{events.MessageSent}, Secret: webhook.GenerateSecret(), FIFO: true},
		{Name: "Old Zap", URL: "https://zaps.example.com/catch/48213/gone", Events: []string{events.AIResponseSent}},
		{Name: "Lead routing (staging)", URL: "https://staging.acme.example.com/route/ok", Events: []string{events.LeadScored}},
	} {
		e.Account = "acme"
		e, err := d.CreateEndpoint(ctx, e)
		if err != nil {
			return err
		}
		switch e.Name {
		case "Lead routing (staging)":
			disabled = e.ID
		case "CRM Sync":
			rotating = e.ID
		}
	}
	for range 3 { // before it is disabled: they wait
		if err := happen(ctx, d, events.LeadScored); err != nil {
			return err
		}
	}
	if _, err := d.DisableEndpoint(ctx, "acme", disabled, webhook.DisabledByCustomer); err != nil {
		return err
	}
	_, _, err := d.RotateSecret(ctx, "acme", rotating, "", 0)
	return err
}

// live lets events happen until ctx ends.
func live(ctx context.Context, d *webhook.Dispatcher) {
	for i := 0; ; i++ {
		for _, t := range events.All() {
			if t.Name == events.LeadScored || i < 2 || rand.IntN(4) == 0 {
				_ = happen(ctx, d, t.Name)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Second):
		}
	}
}

func happen(ctx context.Context, d *webhook.Dispatcher, name string) error {
	for _, t := range events.All() {
		if t.Name == name {
			_, err := d.Emit(ctx, webhook.Event{Account: "acme", Type: name, Data: t.Sample()})
			return err
		}
	}
	return nil
}

// past is a store with a day before today, which this program has not lived
// through: the counts in the charts, and nothing else, are made up.
type past struct{ webhook.Store }

// Endpoints implements [webhook.Tx].
func (p past) Endpoints(ctx context.Context, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	found, err := p.Store.Endpoints(ctx, q)
	this := time.Now().UTC().Truncate(time.Hour)
	for i, e := range found {
		if e.Account != "acme" || e.Health.Last == webhook.LastNever || !e.Enabled {
			continue
		}
		h := fnv.New64a()
		h.Write([]byte(e.Name))
		r := rand.New(rand.NewPCG(h.Sum64(), 1))
		var hours []webhook.Hour
		for n := q.Hours - 1; n > 0; n-- {
			start := this.Add(-time.Duration(n) * time.Hour)
			busy := 3 + r.IntN(5)
			if s := start.Hour(); s >= 7 && s < 19 { // people work
				busy += 14 + r.IntN(26)
			}
			hour := webhook.Hour{Start: start, Delivered: busy}
			if e.Health.InError && n < 4 || r.IntN(12) == 0 {
				hour.Failed = busy / 2
				hour.Delivered -= hour.Failed
			}
			hour.Latency = time.Duration(busy) * time.Duration(90+r.IntN(160)) * time.Millisecond
			hours = append(hours, hour)
		}
		found[i].Hours = append(hours, e.Hours...)
	}
	return found, err
}
