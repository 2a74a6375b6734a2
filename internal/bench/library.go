package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/stores/sqlitestore"
)

// attemptTimeout is that of one request, for all systems.
const attemptTimeout = 5 * time.Second

// library is this module on one of its stores, at its defaults but for what
// loopback and the benchmark need.
type library struct {
	*backend
	d    *webhook.Dispatcher
	done atomic.Int64

	endpoints, appended int // how many there are, by register and append
}

func newLibrary(b *backend) (*library, error) {
	l := &library{backend: b}
	var err error
	l.d, err = webhook.New(b.store, l.options())
	return l, err
}

func (l *library) options() *webhook.Options {
	return &webhook.Options{
		Events:         catalogue,
		EndpointLimit:  func(string) int { return 1 << 30 },
		AllowPrefixes:  []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		AllowPlainHTTP: true,
		Timeout:        attemptTimeout,
		Logger:         slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
		Observe: func(o webhook.Observation) {
			if o.Attempt.Result == webhook.ResultDelivered {
				l.done.Add(1)
			}
		},
	}
}

// register creates the endpoints that are not there yet, 1,000 in a
// transaction.
func (l *library) register(ctx context.Context, urls []string) error {
	writers := 1
	if l.pool != nil {
		writers = connections / 2
	}
	starts := make(chan int)
	errs := make(chan error, writers)
	for range writers {
		go func() {
			var err error
			for from := range starts {
				if err == nil {
					err = l.create(ctx, urls[:min(from+1000, len(urls))], from)
				}
			}
			errs <- err
		}()
	}
	for from := l.endpoints; from < len(urls); from += 1000 {
		starts <- from
	}
	close(starts)
	var err error
	for range writers {
		err = errors.Join(err, <-errs)
	}
	l.endpoints = len(urls)
	return err
}

// create creates the endpoints with these URLs, from the one with that number on.
func (l *library) create(ctx context.Context, urls []string, from int) error {
	return l.inTx(ctx, func(tx webhook.Tx) error {
		for i := from; i < len(urls); i++ {
			_, err := l.d.CreateEndpointTx(ctx, tx, webhook.Endpoint{
				Account: account(i), Name: "Endpoint", URL: urls[i], Events: []string{eventType}, Secret: secret,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (l *library) start(ctx context.Context) error {
	go func() {
		if err := l.d.Run(ctx); err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
	}()
	for l.d.Ready() != nil {
		time.Sleep(time.Millisecond)
	}
	return nil
}

func (l *library) emit(ctx context.Context, size int, es []emission) error {
	events := make([]webhook.Event, len(es))
	for i, e := range es {
		events[i] = newEvent(e.endpoint, e.sent, size)
	}
	_, err := l.d.EmitBatch(ctx, events)
	return err
}

func (l *library) delivered() int64                { return l.done.Load() }
func (l *library) drain(ctx context.Context) error { return l.d.Drain(ctx) }

// A backend is a store, and how to use it in a transaction.
type backend struct {
	store webhook.Store
	inTx  func(ctx context.Context, f func(webhook.Tx) error) error

	pool    *pgxpool.Pool // of PostgreSQL
	schema  string
	traffic traffic
	file    string // of SQLite
}

// opened is the library on a backend.
func opened(b *backend, err error) (system, error) {
	if err != nil {
		return nil, err
	}
	return newLibrary(b)
}

func newMemory(context.Context, string) (system, error) { return opened(inMemory(), nil) }
func newSQLite(context.Context, string) (system, error) { return opened(inSQLite()) }
func newPostgres(ctx context.Context, dsn string) (system, error) {
	return opened(inPostgres(ctx, dsn))
}

func inMemory() *backend {
	s := webhook.NewMemoryStore(&webhook.MemoryOptions{MaxPending: 20_000_000, MaxBytes: 16 << 30})
	return &backend{store: s, inTx: func(_ context.Context, f func(webhook.Tx) error) error { return f(s) }}
}

// inSQLite uses a file in the folder for temporary files, which the parent
// removes.
func inSQLite() (*backend, error) {
	dir, err := os.MkdirTemp("", "sqlite")
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "webhooks.db")
	s, err := sqlitestore.Open(file, nil)
	if err != nil {
		return nil, err
	}
	return &backend{store: s, file: file, inTx: func(ctx context.Context, f func(webhook.Tx) error) error {
		return commit(ctx, s.DB(), f)
	}}, nil
}

func commit(ctx context.Context, db *sql.DB, f func(webhook.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(sqlitestore.InTx(tx)); err != nil {
		_ = tx.Rollback()
		return err
	}
	return tx.Commit()
}

// inPostgres uses a schema of its own, in the place of those of earlier runs.
func inPostgres(ctx context.Context, dsn string) (*backend, error) {
	b := &backend{}
	pool, schema, err := newSchema(ctx, dsn, &b.traffic)
	if err != nil {
		return nil, err
	}
	if err := pgstore.Migrate(ctx, pool, schema); err != nil {
		return nil, err
	}
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	if err != nil {
		return nil, err
	}
	b.store, b.pool, b.schema = s, pool, schema
	b.inTx = func(ctx context.Context, f func(webhook.Tx) error) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return f(s.InTx(tx)) })
	}
	return b, nil
}
