// Console shows the Settings > Webhooks page of a product:
//
//	go run ./console
//
// It prints an address. Behind a login that is not a real one there are two
// accounts: Acme, with webhooks in every state and events that go on
// happening, and Globex, with none yet. Somebody of Acme may only look.
//
// Nothing leaves this machine: every webhook, whatever its URL, is sent to a
// receiver in this program that misbehaves in many ways (receiver.go).
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
)

func main() {
	addr := flag.String("addr", "localhost:8080", "where to listen; port 0 takes a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Stdout, *addr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "console:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, out io.Writer, addr string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	receiver, err := startReceiver()
	if err != nil {
		return err
	}
	defer receiver.close()
	d, err := webhook.New(past{webhook.NewMemoryStore(nil)}, &webhook.Options{
		Transport: receiver, // instead of the internet
		Timeout:   2 * time.Second,
		Retry:     webhook.Schedule{time.Second, 4 * time.Second, 15 * time.Second}, // a product has the default: 30 s, 10 min, 2 h
		Grace:     time.Second,
	})
	if err != nil {
		return err
	}
	if err := furnish(ctx, d); err != nil {
		return err
	}

	// These lines are all that a product needs.
	page, err := console.New(d, account, &console.Options{Authorize: authorize, Product: "Acme Outreach", BackURL: "/", BackText: "Settings"})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/settings/webhooks/", signedIn(page))

	mux.HandleFunc("GET /{$}", start)
	mux.HandleFunc("POST /login", login)
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	fmt.Fprintf(out, "http://%s/\n", l.Addr())

	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	live(ctx, d)
	err = errors.Join(server.Close(), <-ran)
	if s := <-served; !errors.Is(s, http.ErrServerClosed) {
		err = errors.Join(err, s)
	}
	return err
}
