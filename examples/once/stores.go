package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // driver pgx
	_ "modernc.org/sqlite"             // driver sqlite

	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/sqlonce"
)

// A store is where a receiver keeps what it counts, and the ids that it has
// handled.
type store struct {
	once    verify.Once
	count   func(ctx context.Context, lead string) error
	counted func(ctx context.Context, lead string) (int, error)
	want    int // how often the lead is counted, of which one try failed
	close   func() error
}

func open(ctx context.Context, name string) (*store, error) {
	switch name {
	case "memory":
		return inMemory(), nil
	case "sqlite":
		return inSQLite(ctx)
	case "postgres":
		return inPostgres(ctx, os.Getenv("DATABASE_URL"))
	}
	return nil, fmt.Errorf("--store is %q; use memory, sqlite or postgres", name)
}

// inMemory forgets when the process ends and knows nothing of other processes.
// There is no transaction, so what a failed try has done stays done: the lead is
// counted twice. Write so that a repetition changes nothing, or use a database.
func inMemory() *store {
	counts := map[string]int{} // of one request at a time here; a server needs a mutex
	return &store{
		once:    &verify.MemoryOnce{},
		count:   func(_ context.Context, lead string) error { counts[lead]++; return nil },
		counted: func(_ context.Context, lead string) (int, error) { return counts[lead], nil },
		want:    2,
		close:   func() error { return nil },
	}
}

// inSQLite keeps both in one file.
func inSQLite(ctx context.Context) (*store, error) {
	dir, err := os.MkdirTemp("", "once")
	if err != nil {
		return nil, err
	}
	// A second process waits for the first, for up to five seconds.
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "receiver.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	remove := func() error { return errors.Join(db.Close(), os.RemoveAll(dir)) }
	return inSQL(ctx, db, "", remove)
}

// inPostgres keeps both in the tables of a schema, made for this run.
func inPostgres(ctx context.Context, address string) (*store, error) {
	if address == "" {
		return nil, errors.New("--store postgres needs the address of a database in DATABASE_URL, such as postgres://user:password@localhost:5432/name")
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		return nil, err
	}
	schema := fmt.Sprintf("webhook_once_%d", time.Now().UnixNano())
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+schema); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	remove := func() error {
		_, err := db.Exec("DROP SCHEMA " + schema + " CASCADE")
		return errors.Join(err, db.Close())
	}
	return inSQL(ctx, db, schema+".", remove)
}

// inSQL is the same for every database: what a message changes goes through
// sqlonce.Tx(ctx), so that it is committed with the id or not at all.
func inSQL(ctx context.Context, db *sql.DB, schema string, remove func() error) (*store, error) {
	once, err := sqlonce.New(db, &sqlonce.Options{Table: schema + "handled"})
	if err == nil {
		err = once.CreateTable(ctx)
	}
	if err == nil {
		_, err = db.ExecContext(ctx, "CREATE TABLE "+schema+"leads (id TEXT PRIMARY KEY, counted INT NOT NULL)")
	}
	if err != nil {
		return nil, errors.Join(err, remove())
	}
	return &store{
		once: once,
		count: func(ctx context.Context, lead string) error {
			_, err := sqlonce.Tx(ctx).ExecContext(ctx, "INSERT INTO "+schema+"leads VALUES ($1, 1) "+
				"ON CONFLICT (id) DO UPDATE SET counted = leads.counted + 1", lead)
			return err
		},
		counted: func(ctx context.Context, lead string) (n int, err error) {
			err = db.QueryRowContext(ctx, "SELECT counted FROM "+schema+"leads WHERE id = $1", lead).Scan(&n)
			return n, err
		},
		want:  1,
		close: remove,
	}, nil
}
