// Crm puts AutoReach's leads into a CRM: a contact for every qualified buyer
// (Lead Scored) and for whoever books a meeting (Meeting Booked), with the
// meeting. receiver.go is the part to copy, with api.go and the file of your CRM.
//
//	go run ./crm
//
// shows it with HubSpot, Salesforce and Pipedrive, each of them a stand-in on
// this machine. With WEBHOOK_SECRET in the environment it is the receiver
// itself, behind a proxy that speaks HTTPS:
//
//	WEBHOOK_SECRET=…   of both webhooks, which have the URL https://…/hooks
//	CRM=hubspot        HUBSPOT_TOKEN=…
//	CRM=salesforce     SALESFORCE_URL=https://….my.salesforce.com SALESFORCE_TOKEN=…
//	CRM=pipedrive      PIPEDRIVE_URL=https://….pipedrive.com PIPEDRIVE_TOKEN=… PIPEDRIVE_SCORE_FIELD=…
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	_ "modernc.org/sqlite"

	"github.com/autoreach/webhook/examples/internal/standin"
)

func main() {
	if os.Getenv("WEBHOOK_SECRET") == "" {
		standin.Main("crm", demonstrate)
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "crm:", err)
		os.Exit(1)
	}
}

// serve is the receiver with the real CRM.
func serve() error {
	var missing []string
	set := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	client := &http.Client{Timeout: 10 * time.Second}
	var crm CRM
	switch os.Getenv("CRM") {
	case "hubspot":
		crm = newHubSpot(client, "https://api.hubapi.com", set("HUBSPOT_TOKEN"))
	case "salesforce":
		crm = newSalesforce(client, set("SALESFORCE_URL"), set("SALESFORCE_TOKEN"))
	case "pipedrive":
		crm = newPipedrive(client, set("PIPEDRIVE_URL"), set("PIPEDRIVE_TOKEN"), os.Getenv("PIPEDRIVE_SCORE_FIELD"))
	default:
		return errors.New("CRM must be hubspot, salesforce or pipedrive")
	}
	if len(missing) > 0 {
		return fmt.Errorf("set %s in the environment", strings.Join(missing, " and "))
	}
	db, err := openDB("crm.db")
	if err != nil {
		return err
	}
	h, err := newReceiver(context.Background(), os.Getenv("WEBHOOK_SECRET"), db, &receiver{crm: crm, minScore: 70, log: slog.Default()})
	if err != nil {
		return err
	}
	http.Handle("POST /hooks", h)
	server := &http.Server{Addr: "localhost:8080", ReadTimeout: 10 * time.Second}
	slog.Info("listening", "address", server.Addr)
	return server.ListenAndServe()
}

// openDB opens a file of SQLite; PostgreSQL does as well. SQLite has one writer
// at a time, and so this receiver handles one event at a time.
func openDB(file string) (*sql.DB, error) {
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(wal)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return db, nil
}
