package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/stores/sqlitestore"
)

// A place says where the data is: in an SQLite file or in a schema of a
// PostgreSQL server.
type place struct {
	File        string        `json:",omitempty"`
	BusyTimeout time.Duration `json:",omitempty"` // SQLite; 0 is the store's default

	DSN    string `json:",omitempty"`
	Schema string `json:",omitempty"`
}

// exclusive says that one process at a time can deliver.
func (p place) exclusive() bool { return p.File != "" }

// open opens the store, with a schema that is up to date. With traps its commits
// can be deadly.
func (p place) open(ctx context.Context, traps bool) (webhook.Store, func() error, error) {
	if p.exclusive() {
		return p.openSQLite(traps)
	}
	pool, err := p.pool(ctx, traps)
	if err != nil {
		return nil, nil, err
	}
	if err := pgstore.Migrate(ctx, pool, p.Schema); err != nil {
		pool.Close()
		return nil, nil, err
	}
	s, err := pgstore.New(pool, &pgstore.Options{Schema: p.Schema})
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return s, func() error { s.Close(); pool.Close(); return nil }, nil
}

func (p place) openSQLite(traps bool) (webhook.Store, func() error, error) {
	options := &sqlitestore.Options{BusyTimeout: p.BusyTimeout}
	if !traps {
		s, err := sqlitestore.Open(p.File, options)
		if err != nil {
			return nil, nil, err
		}
		return s, s.Close, nil
	}
	db, err := sql.Open(trappedDriver, p.dsn())
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlitestore.New(db, options)
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return s, func() error { return errors.Join(s.Close(), db.Close()) }, nil
}

// dsn is how a host opens the file itself.
func (p place) dsn() string {
	return "file:" + p.File + "?_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
}

// application is how the server knows the connections of the processes.
const application = "crash"

func (p place) pool(ctx context.Context, traps bool) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(p.DSN)
	if err != nil {
		return nil, err
	}
	c.MaxConns = 8
	c.ConnConfig.RuntimeParams["application_name"] = application
	if traps {
		trapCommits(c)
	}
	return pgxpool.NewWithConfig(ctx, c)
}

// store is open for the supervisor, which waits until a server that was just
// restarted answers.
func (p place) store(ctx context.Context) (webhook.Store, func(), error) {
	for {
		s, closeStore, err := p.open(ctx, false)
		if err == nil {
			return s, func() { _ = closeStore() }, nil
		}
		select {
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("opening the store: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
