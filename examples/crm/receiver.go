package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/sqlonce"
)

// This file is the part to copy, with api.go and the file of your CRM.

// A CRM keeps contacts and their meetings. Deliveries repeat, also after a crash
// between the CRM's answer and ours, so both methods can be called again with
// the same argument and change nothing then.
type CRM interface {
	// Upsert creates the contact with this e-mail address or updates it, and
	// returns the CRM's own ID. Empty fields are left as they are.
	Upsert(ctx context.Context, c Contact) (id string, err error)
	// Book adds a meeting to a contact, unless it is there.
	Book(ctx context.Context, contact string, m Meeting) error
}

// A Contact is what a CRM gets of a lead.
type Contact struct {
	LeadID, Email       string // always there
	FirstName, LastName string // empty when unknown, as are the following
	Company, JobTitle   string
	Score               *int // nil when the event does not tell
}

// A Meeting is what a CRM gets of a booked meeting.
type Meeting struct {
	ID, Title, JoinURL string
	Start, End         time.Time
}

// A receiver puts qualified buyers and booked meetings into a CRM.
type receiver struct {
	crm      CRM
	minScore int // of a qualified buyer
	log      *slog.Logger
}

// tables has the time of what each lead's contact was last updated with: events
// can come in another order than they happened.
const tables = `CREATE TABLE IF NOT EXISTS crm_leads (id TEXT PRIMARY KEY, at BIGINT NOT NULL)`

// newReceiver returns the handler of both webhooks, Lead Scored and Meeting
// Booked: they have the same URL and secret.
func newReceiver(ctx context.Context, secret string, db *sql.DB, r *receiver) (http.Handler, error) {
	once, err := sqlonce.New(db, nil)
	if err != nil {
		return nil, err
	}
	if err := once.CreateTable(ctx); err != nil {
		return nil, err
	}
	if _, err := db.ExecContext(ctx, tables); err != nil {
		return nil, err
	}
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected, Once: once, Logger: r.log})
	if err != nil {
		return nil, err
	}
	return v.Handler(r.handle), nil
}

// handle runs once for each event: an error is answered 500, and AutoReach sends
// it again. What it does is quick enough to be done before the answer; see
// examples/enrichment for what is not.
func (r *receiver) handle(ctx context.Context, m verify.Message) error {
	ctx, cancel := context.WithTimeout(ctx, 12*time.Second) // the sender waits for 15
	defer cancel()
	switch {
	case m.Test: // Send Test Payload: it is genuine, and not about anybody
		return nil
	case m.Event == events.LeadScored:
		var d events.LeadScoredData
		if err := json.Unmarshal(m.Data, &d); err != nil {
			return err
		}
		return r.scored(ctx, m.Timestamp, d)
	case m.Event == events.MeetingBooked:
		var d events.MeetingBookedData
		if err := json.Unmarshal(m.Data, &d); err != nil {
			return err
		}
		return r.booked(ctx, d)
	}
	return nil // an event that is not for us
}

func (r *receiver) scored(ctx context.Context, at time.Time, d events.LeadScoredData) error {
	if newest, err := newest(ctx, d.Lead.ID, at); err != nil || !newest {
		return err
	}
	score := d.Score.Overall
	switch {
	case score == nil || *score < r.minScore:
		r.log.Info("not a qualified buyer", "lead", d.Lead.ID, "score", events.Value(score))
		return nil
	case events.Value(d.Lead.Email) == "":
		// CRMs know people by their address: a contact without one would be
		// there twice once it is found. The event that has it will come.
		r.log.Info("no address yet", "lead", d.Lead.ID)
		return nil
	}
	c := contact(d.Lead, *d.Lead.Email, nil)
	c.Score, c.Company = score, events.Value(d.Enrichment.Company.Name)
	if jobs := d.Enrichment.Experience; len(jobs) > 0 && events.Value(jobs[0].Current) {
		c.JobTitle = events.Value(jobs[0].Title)
	}
	_, err := r.crm.Upsert(ctx, c)
	return err
}

// booked: whoever books a meeting becomes a contact, whatever the score.
func (r *receiver) booked(ctx context.Context, d events.MeetingBookedData) error {
	email := cmp.Or(events.Value(d.Lead.Email), events.Value(d.Meeting.Attendee.Email))
	if email == "" {
		r.log.Warn("a meeting without an address: add it by hand", "lead", d.Lead.ID, "meeting", d.Meeting.ID)
		return nil
	}
	id, err := r.crm.Upsert(ctx, contact(d.Lead, email, d.Meeting.Attendee.Name))
	if err != nil || d.Meeting.Start.IsZero() { // a calendar may not tell when
		return err
	}
	m := Meeting{ID: d.Meeting.ID, Title: events.Value(d.Meeting.Title), JoinURL: events.Value(d.Meeting.JoinURL),
		Start: d.Meeting.Start.Time, End: d.Meeting.End.Time}
	if m.Title == "" {
		m.Title = "Meeting with " + strings.TrimSpace(events.Value(d.Lead.Name)+" "+email)
	}
	if m.End.IsZero() {
		m.End = m.Start.Add(30 * time.Minute)
	}
	return r.crm.Book(ctx, id, m)
}

// contact is what every event tells of a lead. The name of the booking form does
// where the lead has none.
func contact(l events.Lead, email string, name *string) Contact {
	c := Contact{LeadID: l.ID, Email: strings.ToLower(strings.TrimSpace(email))}
	if names := strings.Fields(cmp.Or(events.Value(l.Name), events.Value(name))); len(names) > 0 {
		c.FirstName, c.LastName = strings.Join(names[:len(names)-1], " "), names[len(names)-1]
	}
	return c
}

// newest says whether nothing that happened later was applied to the lead, and
// notes the time, in the transaction that records the event as handled.
func newest(ctx context.Context, lead string, at time.Time) (bool, error) {
	res, err := sqlonce.Tx(ctx).ExecContext(ctx, `INSERT INTO crm_leads (id, at) VALUES ($1, $2)
		ON CONFLICT (id) DO UPDATE SET at = excluded.at WHERE excluded.at >= crm_leads.at`, lead, at.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("crm_leads: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}
