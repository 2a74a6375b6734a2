package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
)

// This file is the demonstration.

// leads are those of the demonstration, with whom they should come to.
var leads = []struct {
	id, location, headquarters, industry string
	score                                *int
	to                                   string
}{
	{"lead_1", "Oslo", "Oslo, Norway", "Shipping", events.Ptr(95), "ana"},
	{"lead_2", "Lisbon, Portugal", "", "Marine Instruments & Software", events.Ptr(60), "bruno"},
	{"lead_3", "", "Málaga, Spain", "Hotels", nil, "carla"},
	{"lead_4", "Boston", "", "Hospital & Health Care", events.Ptr(50), "dev"},
	{"lead_5", "Boston", "", "Hospital & Health Care", nil, "queue"}, // not scored yet
	{"lead_6", "", "", "", nil, "queue"},                             // nothing is known
}

func newLead(id, location, headquarters, industry string, score *int) events.LeadCreatedData {
	return events.LeadCreatedData{
		Lead:  events.Lead{ID: id, Location: events.NonZero(location)},
		Score: events.Score{Overall: score},
		Enrichment: events.Enrichment{Company: events.Company{
			Headquarters: events.NonZero(headquarters), Industry: events.NonZero(industry)}},
	}
}

// team is a stand-in for each member's tool.
func team() (inboxes map[string]*standin.Inbox, members map[string]Member) {
	inboxes, members = map[string]*standin.Inbox{}, map[string]Member{}
	for _, r := range rules {
		if inboxes[r.To] == nil {
			i := standin.NewInbox()
			inboxes[r.To], members[r.To] = i, Member{URL: i.URL + "/leads", Token: i.Token}
		}
	}
	return inboxes, members
}

func demonstrate(ctx context.Context, out io.Writer) (err error) {
	inboxes, members := team()
	for _, i := range inboxes {
		defer i.Close()
	}
	r := &router{rules: rules, members: members, client: http.DefaultClient, log: standin.Log(out)}
	secret := webhook.GenerateSecret().Reveal()
	h, err := newReceiver(secret, r)
	if err != nil {
		return err
	}
	sender, err := standin.NewSender(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	if err := sender.Subscribe(ctx, "/hooks", secret, events.LeadCreated); err != nil {
		return err
	}

	fmt.Fprintf(out, "1. %d new leads, while a member's tool takes no more requests once, and one answer is lost\n", len(leads))
	inboxes["bruno"].Exhaust(1)
	sender.LoseAnswers(1)
	for _, l := range leads {
		if err := sender.Emit(ctx, events.LeadCreated, newLead(l.id, l.location, l.headquarters, l.industry, l.score)); err != nil {
			return err
		}
	}
	fmt.Fprintln(out, "2. The receiver starts again, knows nothing, and gets all of them once more")
	if h, err = newReceiver(secret, r); err != nil {
		return err
	}
	sender.Restart(h)
	if _, err := sender.Redeliver(ctx); err != nil {
		return err
	}
	var errs []error
	for _, l := range leads {
		for to, i := range inboxes {
			var got []map[string]any
			for _, lead := range i.Leads() {
				if lead["lead_id"] == l.id {
					got = append(got, lead)
					fmt.Fprintf(out, "   %s went to %-6s %s\n", l.id, to+":", lead["reason"])
				}
			}
			if want := map[bool]int{true: 1}[to == l.to]; len(got) != want {
				errs = append(errs, fmt.Errorf("%s has %s %d times, want %d", to, l.id, len(got), want))
			}
		}
	}
	return errors.Join(errs...)
}
