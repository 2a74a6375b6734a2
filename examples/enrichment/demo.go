package main

import (
	"context"
	"database/sql"
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

// This file is the demonstration.

func demonstrate(ctx context.Context, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "enrichment-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	file, secret := filepath.Join(dir, "enrichment.db"), webhook.GenerateSecret().Reveal()
	first, err := start(ctx, file, secret, analyse, out)
	if err != nil {
		return err
	}
	sender, err := standin.NewSender(first.handler)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sender.Close()) }()
	if err := errors.Join(sender.Subscribe(ctx, "/enrichment", secret, events.EnrichmentCompleted),
		sender.Subscribe(ctx, "/outreach", secret, events.MessageSent)); err != nil {
		return err
	}

	fmt.Fprintln(out, "1. A profile is ready. The event is kept and answered; an answer is lost, so it comes twice")
	sender.LoseAnswers(1)
	if err := sender.Emit(ctx, events.EnrichmentCompleted, standin.Sample(events.EnrichmentCompleted)); err != nil {
		return err
	}
	waiting, err := count(ctx, first.db, "jobs")
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "   jobs that wait: %d\n", waiting)
	fmt.Fprintln(out, "2. The process ends before it has worked, and starts again. The analysis fails once")
	if err := first.db.Close(); err != nil {
		return err
	}
	fails := 1
	second, err := start(ctx, file, secret, func(ctx context.Context, d events.EnrichmentCompletedData) (string, error) {
		if fails--; fails >= 0 {
			return "", errors.New("the model is down")
		}
		return analyse(ctx, d)
	}, out)
	if err != nil {
		return err
	}
	defer second.db.Close()
	sender.Restart(second.handler)
	working, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- second.work(working) }()
	defer func() { stop(); err = errors.Join(err, <-ended) }()
	if err := second.idle(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, "3. An older profile of the same lead comes late, and everything once more")
	old := standin.Sample(events.EnrichmentCompleted).(events.EnrichmentCompletedData)
	old.Enrichment.Company.Name = events.Ptr("a former employer")
	if err := sender.EmitAt(ctx, events.EnrichmentCompleted, old, time.Now().Add(-time.Hour)); err != nil {
		return err
	}
	if _, err := sender.Redeliver(ctx); err != nil {
		return err
	}
	if err := second.idle(ctx); err != nil {
		return err
	}
	results, err := second.results(ctx)
	if err != nil {
		return err
	}
	for lead, result := range results {
		fmt.Fprintf(out, "   %s: %s\n", lead, result)
	}

	fmt.Fprintln(out, "4. Three messages are sent to two leads, and delivered twice")
	for i, lead := range []string{"lead_1", "lead_2", "lead_1"} {
		m := standin.Sample(events.MessageSent).(events.MessageSentData)
		m.Lead.ID, m.Message.ID = lead, fmt.Sprintf("msg_%d", i)
		if err := sender.Emit(ctx, events.MessageSent, m); err != nil {
			return err
		}
	}
	if _, err := sender.Redeliver(ctx); err != nil {
		return err
	}
	report, err := outreach(ctx, second.db)
	if err != nil {
		return err
	}
	for _, l := range report {
		fmt.Fprintf(out, "   %s on %s: %d messages to %d leads\n", l.Day, l.Channel, l.Messages, l.Leads)
	}
	want, _ := analyse(ctx, standin.Sample(events.EnrichmentCompleted).(events.EnrichmentCompletedData))
	if waiting != 1 || len(results) != 1 || results["lead_sample_01"] != want || len(report) != 1 || report[0].Messages != 3 || report[0].Leads != 2 {
		return errors.New("want one job, one analysis of the newer profile, and a report of 3 messages to 2 leads")
	}
	return nil
}

// process is what one process of the receiver holds.
type process struct {
	*workflow
	handler http.Handler
}

func start(ctx context.Context, file, secret string, analyse func(context.Context, events.EnrichmentCompletedData) (string, error), out io.Writer) (*process, error) {
	db, err := openDB(file)
	if err != nil {
		return nil, err
	}
	p := &process{workflow: &workflow{db: db, analyse: analyse, wake: make(chan struct{}, 1), log: standin.Log(out)}}
	profiles, err := p.newReceiver(ctx, secret)
	if err != nil {
		return nil, err
	}
	messages, err := newOutreachLog(ctx, secret, db, p.log)
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /enrichment", profiles)
	mux.Handle("POST /outreach", messages)
	p.handler = mux
	return p, nil
}

func count(ctx context.Context, db *sql.DB, table string) (n int, err error) {
	err = db.QueryRowContext(ctx, "SELECT count(*) FROM "+table).Scan(&n)
	return n, err
}

// idle waits until no job is left.
func (p *process) idle(ctx context.Context) error {
	for {
		n, err := count(ctx, p.db, "jobs")
		if err != nil || n == 0 {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (p *process) results(ctx context.Context) (map[string]string, error) {
	rows, err := p.db.QueryContext(ctx, "SELECT lead, result FROM analyses")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var lead, result string
		if err := rows.Scan(&lead, &result); err != nil {
			return nil, err
		}
		out[lead] = result
	}
	return out, rows.Err()
}
