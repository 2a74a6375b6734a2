package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
)

// This file is the demonstration: the same events to each of the three CRMs.

// local is a CRM on this machine.
type local struct {
	name               string
	connect            func(client *http.Client) CRM
	api                *standin.API
	contacts, meetings func() []map[string]any
	score              func(contact map[string]any) any
}

func locals() []*local {
	h, s, p := standin.NewHubSpot(), standin.NewSalesforce(), standin.NewPipedrive()
	return []*local{
		{"HubSpot", func(c *http.Client) CRM { return newHubSpot(c, h.URL, h.Token) }, &h.API, h.Contacts, h.Meetings,
			func(c map[string]any) any { return c["autoreach_score"] }},
		{"Salesforce", func(c *http.Client) CRM { return newSalesforce(c, s.URL, s.Token) }, &s.API, s.Contacts, s.Events,
			func(c map[string]any) any { return c["AutoReach_Score__c"] }},
		{"Pipedrive", func(c *http.Client) CRM { return newPipedrive(c, p.URL, p.Token, p.ScoreField) }, &p.API, p.Persons, p.Activities,
			func(c map[string]any) any { f, _ := c["custom_fields"].(map[string]any); return f[p.ScoreField] }},
	}
}

func demonstrate(ctx context.Context, out io.Writer) error {
	var errs []error
	for _, l := range locals() {
		fmt.Fprintf(out, "\n%s, at %s\n", l.name, l.api.URL)
		errs = append(errs, l.demonstrate(ctx, out))
		l.api.Close()
	}
	return errors.Join(errs...)
}

func (l *local) demonstrate(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "crm-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	db, err := openDB(filepath.Join(dir, "crm.db"))
	if err != nil {
		return err
	}
	defer db.Close()
	secret := webhook.GenerateSecret().Reveal()
	h, err := newReceiver(ctx, secret, db, &receiver{crm: l.connect(http.DefaultClient), minScore: 70, log: standin.Log(out)})
	if err != nil {
		return err
	}
	sender, err := standin.NewSender(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	if err := sender.Subscribe(ctx, "/hooks", secret, events.LeadScored, events.MeetingBooked); err != nil {
		return err
	}

	fmt.Fprintln(out, "  1. A lead with a score of 40, and one with 87 but no address: no contacts")
	if err := errors.Join(
		sender.Emit(ctx, events.LeadScored, scored("lead_1", "ann@example.com", 40)),
		sender.Emit(ctx, events.LeadScored, scored("lead_2", "", 87)),
	); err != nil {
		return err
	}
	fmt.Fprintln(out, "  2. A lead with a score of 87: a contact")
	if err := sender.Emit(ctx, events.LeadScored, scored("lead_3", "renee@lumenfjord.example.com", 87)); err != nil {
		return err
	}
	fmt.Fprintln(out, "  3. It is scored again, 93, while the CRM's limit of requests is used up")
	l.api.Exhaust(1)
	if err := sender.Emit(ctx, events.LeadScored, scored("lead_3", "renee@lumenfjord.example.com", 93)); err != nil {
		return err
	}
	fmt.Fprintln(out, "  4. An event about it comes late: it had 75 an hour ago")
	if err := sender.EmitAt(ctx, events.LeadScored, scored("lead_3", "renee@lumenfjord.example.com", 75), time.Now().Add(-time.Hour)); err != nil {
		return err
	}
	fmt.Fprintln(out, "  5. It books a meeting, and the receiver's answer is lost: the event comes again")
	sender.LoseAnswers(1)
	if err := sender.Emit(ctx, events.MeetingBooked, booked("lead_3", "renee@lumenfjord.example.com", "meet_1")); err != nil {
		return err
	}
	n, err := sender.Redeliver(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "  6. All %d events are delivered once more\n", n)

	contacts, meetings := l.contacts(), l.meetings()
	fmt.Fprintf(out, "  %s now has %d contact and %d meeting, after %d requests:\n", l.name, len(contacts), len(meetings), l.api.Requests())
	standin.Show(out, append(contacts, meetings...)...)
	if len(contacts) != 1 || len(meetings) != 1 || fmt.Sprint(l.score(contacts[0])) != "93" {
		return fmt.Errorf("%s: want one contact with a score of 93, and one meeting", l.name)
	}
	return nil
}

// scored is the data of a Lead Scored event.
func scored(id, email string, score int) events.LeadScoredData {
	d := events.LeadScoredData(standin.Sample(events.LeadScored).(events.LeadScoredData))
	d.Lead.ID, d.Lead.Email, d.Score.Overall = id, events.NonZero(email), &score
	return d
}

// booked is the data of a Meeting Booked event.
func booked(id, email, meeting string) events.MeetingBookedData {
	d := standin.Sample(events.MeetingBooked).(events.MeetingBookedData)
	d.Lead.ID, d.Lead.Email, d.Meeting.ID = id, events.NonZero(email), meeting
	return d
}
