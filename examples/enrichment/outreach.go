package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"log/slog"
	"net/http"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/sqlonce"
)

// This file is the part to copy for reports: what is quick needs no queue.

// outreachTable has a row for every message that was sent to a lead.
const outreachTable = `CREATE TABLE IF NOT EXISTS outreach (
	message TEXT PRIMARY KEY, lead TEXT NOT NULL, channel TEXT NOT NULL, author TEXT NOT NULL, day TEXT NOT NULL)`

// newOutreachLog returns the handler of the webhook Message Sent. It writes the
// row in the transaction that records the event as handled.
func newOutreachLog(ctx context.Context, secret string, db *sql.DB, log *slog.Logger) (http.Handler, error) {
	if _, err := db.ExecContext(ctx, outreachTable); err != nil {
		return nil, err
	}
	// A table of its own: two webhooks must not share their ids.
	once, err := sqlonce.New(db, &sqlonce.Options{Table: "outreach_once"})
	if err != nil {
		return nil, err
	}
	if err := once.CreateTable(ctx); err != nil {
		return nil, err
	}
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected, Once: once, Logger: log})
	if err != nil {
		return nil, err
	}
	return v.Handler(func(ctx context.Context, m verify.Message) error {
		var d events.MessageSentData
		if m.Test || m.Event != events.MessageSent { // Send Test Payload is not about anybody
			return nil
		} else if err := json.Unmarshal(m.Data, &d); err != nil {
			return err
		}
		at := m.Timestamp
		if !d.Message.SentAt.IsZero() {
			at = d.Message.SentAt.Time
		}
		_, err := sqlonce.Tx(ctx).ExecContext(ctx, `INSERT INTO outreach (message, lead, channel, author, day)
			VALUES ($1, $2, $3, $4, $5) ON CONFLICT (message) DO NOTHING`,
			d.Message.ID, d.Lead.ID, d.Message.Channel, d.Message.Author, at.UTC().Format("2006-01-02"))
		return err
	}), nil
}

// A line of the report: how many messages went to how many leads.
type line struct {
	Day, Channel    string
	Messages, Leads int
}

// outreach is the report, a line for each day and channel.
func outreach(ctx context.Context, db *sql.DB) (out []line, err error) {
	rows, err := db.QueryContext(ctx, `SELECT day, channel, count(*), count(DISTINCT lead) FROM outreach GROUP BY day, channel ORDER BY day, channel`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.Day, &l.Channel, &l.Messages, &l.Leads); err != nil {
			return nil, err
		}
		out = append(out, l)
	}
	return out, rows.Err()
}
