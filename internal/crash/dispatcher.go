package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/autoreach/webhook"
)

// dispatch delivers until SIGTERM.
func dispatch(ctx context.Context, r *role) error {
	g, err := openGauge(r.file(r.Name))
	if err != nil {
		return err
	}
	store, closeStore, err := r.Place.open(ctx, r.trapsCommits())
	if err != nil {
		return err
	}
	watched := newWatched(store, r, g)
	options := deliveryOptions(r.Lease)
	pid := 0
	if r.Target {
		pid = os.Getpid()
	}
	options.UserAgent = fmt.Sprintf("crash/%s (%d)", r.Name, pid)
	options.Signers = []webhook.Signer{webhook.BodySigner{}, webhook.StandardSigner{}, beginCounter{g}}
	options.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})).With("process", r.Name)
	var use webhook.Store = watched
	if x, ok := store.(webhook.Exclusive); ok {
		use = struct {
			webhook.Store
			webhook.Exclusive
		}{watched, x}
	}
	d, err := webhook.New(use, options)
	if err != nil {
		return err
	}
	ignoreFileSizeSignal()
	ready("delivers")
	if err := d.Run(ctx); err != nil {
		return err
	}
	return closeStore()
}

// deliveryOptions are those of every dispatcher: an endpoint of this machine may
// be delivered to, and a failure is repeated soon.
func deliveryOptions(lease time.Duration) *webhook.Options {
	return &webhook.Options{
		Events:          eventTypes,
		AllowPrefixes:   []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		AllowPlainHTTP:  true,
		EndpointLimit:   func(string) int { return 1000 },
		MaxInFlightHost: 512, // there is one host
		MaxPayload:      16 << 20,
		Retry:           webhook.ExponentialSchedule(50, 50*time.Millisecond, time.Second),
		Lease:           lease,
	}
}

// beginCounter counts requests before they are sent: it signs last.
type beginCounter struct{ gauge *gauge }

// Sign implements [webhook.Signer].
func (b beginCounter) Sign(context.Context, http.Header, webhook.Signing) error {
	b.gauge.add(reading{Begun: 1})
	return nil
}
