package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/stores/sqlitestore"
)

// A keeper is where this run keeps its webhooks. A product has one store and
// opens it once; here open is called for each start of the product's process,
// and remove at the end.
type keeper struct {
	place  string // in words
	open   func(ctx context.Context) (store webhook.Store, closeStore func() error, err error)
	remove func() error
}

// newKeeper returns what --store names.
func newKeeper(name string) (*keeper, error) {
	switch name {
	case "sqlite":
		return inSQLite()
	case "memory":
		return inMemory(), nil
	case "postgres":
		return inPostgres(os.Getenv("DATABASE_URL"))
	}
	return nil, fmt.Errorf("--store is %q; use sqlite, memory or postgres", name)
}

// inSQLite keeps webhooks in a file of the user's cache folder.
func inSQLite() (*keeper, error) {
	dir, err := newFolder(os.UserCacheDir)
	if err != nil { // as in a sandbox without a home
		dir, err = newFolder(func() (string, error) { return os.TempDir(), nil })
	}
	if err != nil {
		return nil, err
	}
	file := filepath.Join(dir, "webhooks.db")
	return &keeper{
		place: file,
		open: func(context.Context) (webhook.Store, func() error, error) {
			s, err := sqlitestore.Open(file, nil)
			if err != nil {
				return nil, nil, err
			}
			return s, s.Close, nil
		},
		remove: func() error { return os.RemoveAll(dir) },
	}, nil
}

// newFolder makes a folder for one run: what an earlier one left that was
// killed does not matter.
func newFolder(base func() (string, error)) (string, error) {
	dir, err := base()
	if err != nil {
		return "", err
	}
	dir = filepath.Join(dir, "autoreach-webhook-quickstart")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, "run-")
}

// inMemory keeps webhooks in this process.
func inMemory() *keeper {
	s := webhook.NewMemoryStore(nil)
	return &keeper{
		place: "memory, which forgets them when the process ends: so here it goes on",
		open: func(context.Context) (webhook.Store, func() error, error) {
			return s, func() error { return nil }, nil
		},
		remove: func() error { return nil },
	}
}

// inPostgres keeps webhooks in a schema of the database at that address.
func inPostgres(address string) (*keeper, error) {
	if address == "" {
		return nil, errors.New("--store postgres needs the address of a database in DATABASE_URL, such as postgres://user:password@localhost:5432/name")
	}
	schema := fmt.Sprintf("webhook_quickstart_%d", time.Now().UnixNano())
	made := false
	connect := func(ctx context.Context) (*pgxpool.Pool, error) {
		pool, err := pgxpool.New(ctx, address)
		if err != nil {
			return nil, fmt.Errorf("DATABASE_URL: %w", err)
		}
		return pool, nil
	}
	return &keeper{
		place: "the schema " + schema + " of PostgreSQL",
		open: func(ctx context.Context) (webhook.Store, func() error, error) {
			pool, err := connect(ctx)
			if err != nil {
				return nil, nil, err
			}
			if err := pgstore.Migrate(ctx, pool, schema); err != nil {
				pool.Close()
				return nil, nil, err
			}
			made = true
			s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
			if err != nil {
				pool.Close()
				return nil, nil, err
			}
			return s, func() error { s.Close(); pool.Close(); return nil }, nil
		},
		remove: func() error {
			if !made {
				return nil
			}
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second) // also after Ctrl-C
			defer cancel()
			pool, err := connect(ctx)
			if err != nil {
				return err
			}
			defer pool.Close()
			if _, err := pool.Exec(ctx, "DROP SCHEMA IF EXISTS "+schema+" CASCADE"); err != nil {
				return fmt.Errorf("the schema %s is left: %w", schema, err)
			}
			return nil
		},
	}, nil
}
