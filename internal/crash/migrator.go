package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/autoreach/webhook"
)

// A migrator brings a store into being, and uses it.
type migrator struct {
	Boundary int  // die before this one of the statements; 0 is never
	Half     bool // of that statement, the first half is sent (PostgreSQL)
}

func (m *migrator) run(ctx context.Context, r *role) error {
	g, err := openGauge(r.file(r.Name))
	if err != nil {
		return err
	}
	open := r.Place.open
	if m.Boundary > 0 {
		open = (&boundary{gauge: g, at: m.Boundary, half: m.Half}).open(r.Place)
	}
	ready("migrates")
	store, closeStore, err := open(ctx, false)
	if err != nil {
		return err
	}
	d, err := webhook.New(store, deliveryOptions(0))
	if err != nil {
		return err
	}
	_, err = d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct", Name: r.Name, URL: "http://127.0.0.1/", Events: []webhook.EventType{eventType}, Secret: webhook.GenerateSecret(),
	})
	if err != nil {
		return err
	}
	if _, err := d.Emit(ctx, webhook.Event{Account: "acct", Type: eventType, Data: happened{"key", ""}}); err != nil {
		return err
	}
	if s, err := store.Stats(ctx); err != nil || s.Pending == 0 {
		return errors.Join(fmt.Errorf("after the migration %d deliveries wait", s.Pending), err)
	}
	return closeStore()
}
