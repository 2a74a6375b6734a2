package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook/verify"
)

// This file is for the demonstration: the customer's server, the looks into the
// database, and the cleaning up.

// count counts the rows of a table.
func (a *app) count(ctx context.Context, table string) (n int, err error) {
	err = a.db.QueryRow(ctx, "SELECT count(*) FROM "+table).Scan(&n)
	return n, err
}

const secret = "whsec_c2hvd24gb25jZSB0byB0aGUgY3VzdG9tZXIuIQ==" // see webhook.GenerateSecret

// receive is the customer's server; received returns what was genuine.
func receive() (server *httptest.Server, received func() []verify.Message, err error) {
	var mu sync.Mutex
	var got []verify.Message
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected})
	if err != nil {
		return nil, nil, err
	}
	server = httptest.NewTLSServer(v.Handler(func(_ context.Context, m verify.Message) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, m)
		return nil
	}))
	return server, func() []verify.Message { mu.Lock(); defer mu.Unlock(); return got }, nil
}

// drop removes what this program makes.
func drop(address string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second) // also after Ctrl-C
	defer cancel()
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return fmt.Errorf("DATABASE_URL: %w", err)
	}
	_, err = conn.Exec(ctx, "DROP SCHEMA IF EXISTS outbox_example, "+webhookTables+" CASCADE")
	return errors.Join(err, conn.Close(ctx))
}
