// Routing hands every new lead (Lead Created) to a member of the team, by its
// location, its company's industry and its score. routing.go is the part to copy,
// with the table of rules.
//
//	go run ./routing
//
// shows it with a stand-in for each member's tool on this machine. With
// WEBHOOK_SECRET in the environment it is the receiver itself, behind a proxy
// that speaks HTTPS:
//
//	WEBHOOK_SECRET=…            of the webhook, which has the URL https://…/hooks
//	ANA_URL=https://… ANA_TOKEN=…    and so on, for every member in the rules
package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/autoreach/webhook/examples/internal/standin"
)

func main() {
	if os.Getenv("WEBHOOK_SECRET") == "" {
		standin.Main("routing", demonstrate)
		return
	}
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "routing:", err)
		os.Exit(1)
	}
}

// serve is the receiver with the real addresses.
func serve() error {
	members := map[string]Member{}
	for _, r := range rules {
		name := strings.ToUpper(r.To)
		members[r.To] = Member{URL: os.Getenv(name + "_URL"), Token: os.Getenv(name + "_TOKEN")}
	}
	h, err := newReceiver(os.Getenv("WEBHOOK_SECRET"), &router{rules: rules, members: members, client: http.DefaultClient, log: slog.Default()})
	if err != nil {
		return err
	}
	http.Handle("POST /hooks", h)
	server := &http.Server{Addr: "localhost:8080", ReadTimeout: 10 * time.Second}
	slog.Info("listening", "address", server.Addr)
	return server.ListenAndServe()
}
