package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/sqlonce"
)

// This file is the part to copy: answer fast, work later.

// A workflow keeps each Enrichment Completed event in a table and answers. Work
// then does with it what takes longer than a sender waits.
type workflow struct {
	db      *sql.DB
	analyse func(ctx context.Context, d events.EnrichmentCompletedData) (result string, err error)
	wake    chan struct{} // has room for one: there is something to do
	log     *slog.Logger
}

// tables: what waits, and what came of it, one row for each lead.
const tables = `
	CREATE TABLE IF NOT EXISTS jobs (
		id TEXT PRIMARY KEY, happened_at BIGINT NOT NULL, data TEXT NOT NULL, attempts INT NOT NULL DEFAULT 0, not_before BIGINT NOT NULL DEFAULT 0);
	CREATE TABLE IF NOT EXISTS analyses (
		lead TEXT PRIMARY KEY, happened_at BIGINT NOT NULL, result TEXT NOT NULL)`

const (
	maxAttempts = 5 // then the job stays in the table, for a person to look at
	firstRetry  = time.Second
)

// newReceiver returns the handler of the webhook Enrichment Completed. A job and
// the id by which a repetition is recognised are one commit: after a 2xx the
// event is in the table, once, and before it there is neither.
func (w *workflow) newReceiver(ctx context.Context, secret string) (http.Handler, error) {
	if _, err := w.db.ExecContext(ctx, tables); err != nil {
		return nil, err
	}
	once, err := sqlonce.New(w.db, nil)
	if err != nil {
		return nil, err
	}
	if err := once.CreateTable(ctx); err != nil {
		return nil, err
	}
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected, Once: once, Logger: w.log})
	if err != nil {
		return nil, err
	}
	keep := v.Handler(func(ctx context.Context, m verify.Message) error {
		if m.Test || m.Event != events.EnrichmentCompleted { // Send Test Payload is not about anybody
			return nil
		}
		_, err := sqlonce.Tx(ctx).ExecContext(ctx, `INSERT INTO jobs (id, happened_at, data) VALUES ($1, $2, $3)`,
			m.ID, m.Timestamp.UnixMilli(), string(m.Data))
		return err
	})
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		keep.ServeHTTP(rw, r)
		select { // after the commit
		case w.wake <- struct{}{}:
		default:
		}
	}), nil
}

// work does jobs until ctx ends, beginning with what a former process left. Run
// it once, in one process: nothing here keeps two of them from the same job.
func (w *workflow) work(ctx context.Context) error {
	for {
		did, err := w.one(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			w.log.Error("the queue", "error", err) // such as the database: again in a moment
		}
		if did {
			continue
		}
		select {
		case <-w.wake:
		case <-time.After(firstRetry / 4): // a retry may be due
		case <-ctx.Done():
			return nil
		}
	}
}

// one does the oldest job that is due, and says whether there was one.
func (w *workflow) one(ctx context.Context) (did bool, err error) {
	var id, data string
	var happened, attempts int64
	err = w.db.QueryRowContext(ctx, `SELECT id, happened_at, data, attempts FROM jobs
		WHERE not_before <= $1 AND attempts < $2 ORDER BY happened_at, id LIMIT 1`, time.Now().UnixMilli(), maxAttempts).
		Scan(&id, &happened, &data, &attempts)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	var d events.EnrichmentCompletedData
	result, err := "", json.Unmarshal([]byte(data), &d)
	if err == nil {
		result, err = w.analyse(ctx, d)
	}
	if ctx.Err() != nil { // the process ends: it is no failure of the job
		return false, ctx.Err()
	}
	if err != nil {
		w.log.Warn("again later", "job", id, "attempt", attempts+1, "error", err)
		_, err = w.db.ExecContext(ctx, `UPDATE jobs SET attempts = attempts + 1, not_before = $1 WHERE id = $2`,
			time.Now().Add(firstRetry<<attempts).UnixMilli(), id)
		return true, err
	}
	return true, w.done(ctx, id, d.Lead.ID, happened, result)
}

// done keeps the result and removes the job in one commit. A process that dies
// before it leaves the job, which is then done again with the same result: keep
// what analyse does elsewhere idempotent, by the lead's ID.
func (w *workflow) done(ctx context.Context, id, lead string, happened int64, result string) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	// An older profile that comes late does not take the place of a newer one.
	_, err = tx.ExecContext(ctx, `INSERT INTO analyses (lead, happened_at, result) VALUES ($1, $2, $3)
		ON CONFLICT (lead) DO UPDATE SET happened_at = excluded.happened_at, result = excluded.result
		WHERE excluded.happened_at >= analyses.happened_at`, lead, happened, result)
	if err != nil {
		return fmt.Errorf("analyses: %w", err)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM jobs WHERE id = $1`, id); err != nil {
		return fmt.Errorf("jobs: %w", err)
	}
	return tx.Commit()
}
