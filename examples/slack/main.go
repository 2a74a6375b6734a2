// Slack alerts a team in Slack when a lead replies (Reply Received) or books a
// meeting (Meeting Booked), each in its own channel, and not for automatic
// replies. alerts.go is the part to copy.
//
//	go run ./slack
//
// shows it with a stand-in for Slack on this machine. With WEBHOOK_SECRET in the
// environment it is the receiver itself, behind a proxy that speaks HTTPS:
//
//	WEBHOOK_SECRET=…       of both webhooks, which have the URL https://…/hooks
//	SLACK_REPLIES_URL=…    of the incoming webhook of a channel
//	SLACK_MEETINGS_URL=…   of that of another, or the same
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"time"

	_ "modernc.org/sqlite"

	"github.com/autoreach/webhook/examples/internal/standin"
)

func main() {
	if os.Getenv("WEBHOOK_SECRET") == "" {
		standin.Main("slack", demonstrate)
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "slack:", err)
		os.Exit(1)
	}
}

// serve is the receiver with the real Slack.
func serve() error {
	a := &alerts{replies: os.Getenv("SLACK_REPLIES_URL"), meetings: os.Getenv("SLACK_MEETINGS_URL"),
		client: &http.Client{Timeout: 5 * time.Second}, log: slog.Default()}
	if a.replies == "" || a.meetings == "" {
		return errors.New("SLACK_REPLIES_URL and SLACK_MEETINGS_URL must be URLs of incoming webhooks")
	}
	db, err := openDB("slack.db")
	if err != nil {
		return err
	}
	h, err := newReceiver(context.Background(), os.Getenv("WEBHOOK_SECRET"), db, a)
	if err != nil {
		return err
	}
	http.Handle("POST /hooks", h)
	server := &http.Server{Addr: "localhost:8080", ReadTimeout: 10 * time.Second}
	slog.Info("listening", "address", server.Addr)
	return server.ListenAndServe()
}

// openDB opens a file of SQLite; PostgreSQL does as well. SQLite has one writer
// at a time, and so this receiver posts one alert at a time.
func openDB(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
