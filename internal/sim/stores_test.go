package sim

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/internal/pgserver"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/stores/sqlitestore"
)

// server starts a PostgreSQL server when it is needed first; TestMain ends it.
var server = sync.OnceValues(func() (string, error) {
	dsn, stop, err := pgserver.Use()
	if err == nil {
		stopServer = stop
	}
	return dsn, err
})

var stopServer = func() {}

var schemas atomic.Int64

// onSQLite returns what opens an empty file once more, as every process has it
// open.
func onSQLite(t *testing.T) func() webhook.Store {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	return func() webhook.Store {
		s, err := sqlitestore.Open(path, nil)
		if err != nil {
			panic(err)
		}
		t.Cleanup(func() { check(t, s.Close()) })
		return s
	}
}

// onPostgres returns what connects to an empty schema once more: each process
// has a pool of its own.
func onPostgres(t *testing.T) func() webhook.Store {
	dsn, err := server()
	check(t, err)
	schema := fmt.Sprintf("sim_%d_%d", os.Getpid(), schemas.Add(1))
	c, err := pgxpool.ParseConfig(dsn)
	check(t, err)
	c.MaxConns, c.MaxConnIdleTime, c.HealthCheckPeriod = 3, time.Second, 500*time.Millisecond // processes that died leave theirs
	as := func(do func(conn *pgx.Conn) error) {
		conn, err := pgx.ConnectConfig(context.Background(), c.ConnConfig)
		check(t, err)
		check(t, do(conn))
		check(t, conn.Close(context.Background()))
	}
	as(func(conn *pgx.Conn) error { return pgstore.Migrate(context.Background(), conn, schema) })
	t.Cleanup(func() {
		as(func(conn *pgx.Conn) error {
			_, err := conn.Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
			return err
		})
	})
	return func() webhook.Store {
		pool, err := pgxpool.NewWithConfig(context.Background(), c.Copy())
		if err != nil {
			panic(err)
		}
		s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
		if err != nil {
			panic(err)
		}
		t.Cleanup(func() {
			s.Close()
			pool.Close()
		})
		return s
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
