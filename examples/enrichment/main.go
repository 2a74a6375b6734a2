// Enrichment runs a workflow of one's own for every lead whose profile is ready
// (Enrichment Completed): it keeps the event, answers, and works afterwards,
// through failures and restarts. Beside it, every message that was sent (Message
// Sent) becomes a row of a report. workflow.go and outreach.go are the parts to
// copy; they do without each other.
//
//	go run ./enrichment
//
// shows it on this machine. With WEBHOOK_SECRET in the environment it is the
// receiver itself, behind a proxy that speaks HTTPS:
//
//	WEBHOOK_SECRET=…    of both webhooks, which have the URLs https://…/enrichment and https://…/outreach
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"time"

	_ "modernc.org/sqlite"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/examples/internal/standin"
)

func main() {
	if os.Getenv("WEBHOOK_SECRET") == "" {
		standin.Main("enrichment", demonstrate)
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "enrichment:", err)
		os.Exit(1)
	}
}

// serve is the receiver, until it is interrupted.
func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	db, err := openDB("enrichment.db")
	if err != nil {
		return err
	}
	defer db.Close()
	w := &workflow{db: db, analyse: analyse, wake: make(chan struct{}, 1), log: slog.Default()}
	profiles, err := w.newReceiver(ctx, os.Getenv("WEBHOOK_SECRET"))
	if err != nil {
		return err
	}
	messages, err := newOutreachLog(ctx, os.Getenv("WEBHOOK_SECRET"), db, slog.Default())
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /enrichment", profiles)
	mux.Handle("POST /outreach", messages)
	server := &http.Server{Addr: "localhost:8080", Handler: mux, ReadTimeout: 10 * time.Second}
	slog.Info("listening", "address", server.Addr)
	served := make(chan error, 1)
	go func() { served <- server.ListenAndServe(); stop() }()
	err = w.work(ctx)
	_ = server.Shutdown(context.Background())
	if e := <-served; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// analyse is where your own analysis goes.
func analyse(_ context.Context, d events.EnrichmentCompletedData) (string, error) {
	e := d.Enrichment
	return fmt.Sprintf("%s, %s employees; skills: %s; %d findings", events.Value(e.Company.Name), events.Value(e.Company.Size),
		strings.Join(e.Skills, ", "), len(d.WebIntelligence.Findings)), nil
}

// openDB opens a file of SQLite, which has one writer at a time; PostgreSQL does
// as well.
func openDB(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
