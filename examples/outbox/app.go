package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/stores/pgstore"
)

// An app is a backend that books meetings: the part that is worth copying.
type app struct {
	db       *pgxpool.Pool
	store    *pgstore.Store
	webhooks *webhook.Dispatcher
	reached  func(moment string) // for this program only: dies there
}

// tables are the backend's own. The webhooks' are in a schema beside them.
const tables = `
	CREATE SCHEMA IF NOT EXISTS outbox_example;
	CREATE TABLE IF NOT EXISTS outbox_example.meetings (
		id text PRIMARY KEY, account text NOT NULL, title text NOT NULL, starts_at timestamptz NOT NULL);
	CREATE TABLE IF NOT EXISTS outbox_example.audit (
		id bigserial PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), who text NOT NULL, what text NOT NULL, endpoint uuid NOT NULL)`

const webhookTables = "outbox_example_webhook" // the schema; by default it is webhook

// open is what every process of the backend does at its start, whether it
// serves requests, delivers webhooks (Run), or both.
func open(ctx context.Context, address string, opts *webhook.Options) (*app, error) {
	db, err := pgxpool.New(ctx, address)
	if err != nil {
		return nil, err
	}
	a := &app{db: db, reached: func(string) {}}
	if err := a.prepare(ctx, opts); err != nil {
		a.close()
		return nil, err
	}
	return a, nil
}

func (a *app) prepare(ctx context.Context, opts *webhook.Options) (err error) {
	if _, err = a.db.Exec(ctx, tables); err != nil {
		return err
	}
	if err = pgstore.Migrate(ctx, a.db, webhookTables); err != nil {
		return err
	}
	if a.store, err = pgstore.New(a.db, &pgstore.Options{Schema: webhookTables}); err != nil {
		return err
	}
	a.webhooks, err = webhook.New(a.store, opts)
	return err
}

func (a *app) close() {
	if a.store != nil {
		a.store.Close()
	}
	a.db.Close()
}

type meeting struct {
	id, account, lead, title string
	start                    time.Time
}

// book stores a meeting and emits meeting.booked in the same transaction: one
// commit makes both, and without it there is neither. With an Emit before the
// transaction a customer could be told of a meeting that does not exist; with
// one after it a crash in between would leave the customer untold for good.
func (a *app) book(ctx context.Context, m meeting) error {
	err := pgx.BeginFunc(ctx, a.db, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO outbox_example.meetings (id, account, title, starts_at) VALUES ($1, $2, $3, $4)`,
			m.id, m.account, m.title, m.start)
		if err != nil {
			return err
		}
		_, err = a.webhooks.EmitTx(ctx, a.store.InTx(tx), webhook.Event{
			Account: m.account,
			Type:    events.MeetingBooked,
			Subject: "lead:" + m.lead, // to erase it when the lead asks for that
			Data: events.MeetingBookedData{
				Lead:    events.Lead{ID: m.lead},
				Meeting: events.Meeting{ID: m.id, Title: &m.title, Start: events.At(m.start), End: events.At(m.start.Add(30 * time.Minute))},
			},
		})
		if err != nil {
			return err
		}
		a.reached(beforeCommit)
		return nil
	})
	if err != nil {
		return err
	}
	a.reached(afterCommit)
	a.webhooks.Wake() // or whoever runs finds it a moment later
	return nil
}

// audited changes an endpoint and writes the backend's own line about it in
// the same transaction.
func (a *app) audited(ctx context.Context, who, what string,
	change func(ctx context.Context, tx webhook.Tx) (webhook.Endpoint, error)) (out webhook.Endpoint, err error) {
	ctx = webhook.WithActor(ctx, who) // kept as the endpoint's ChangedBy
	err = pgx.BeginFunc(ctx, a.db, func(tx pgx.Tx) error {
		if out, err = change(ctx, a.store.InTx(tx)); err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `INSERT INTO outbox_example.audit (who, what, endpoint) VALUES ($1, $2, $3)`, who, what, out.ID)
		return err
	})
	return out, err
}
