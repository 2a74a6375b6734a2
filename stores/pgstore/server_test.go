package pgstore_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook/internal/pgserver"
	"github.com/autoreach/webhook/stores/pgstore"
)

// server is the connection string of the test binary's server: the one that
// WEBHOOK_TEST_POSTGRES names, or a throwaway one of its own.
var server string

func TestMain(m *testing.M) {
	// The cases of the suite mostly sleep.
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set("6")
	}
	var stop func()
	var err error
	if server, stop, err = pgserver.Use(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

var schemas atomic.Int64

// newSchema returns the name of a schema that nobody else uses; it is dropped
// at the end.
func newSchema(t testing.TB) string {
	name := fmt.Sprintf("t%d_%d", os.Getpid(), schemas.Add(1))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		conn, err := pgx.Connect(ctx, server)
		if err == nil {
			_, err = conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+name+" CASCADE")
			_ = conn.Close(ctx)
		}
		if err != nil {
			t.Errorf("dropping the schema: %v", err)
		}
	})
	return name
}

// newPool returns a pool of n connections, which is closed at the end.
func newPool(t testing.TB, n int, with ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	c, err := pgxpool.ParseConfig(server)
	check(t, err)
	c.MaxConns = int32(n)
	for _, f := range with {
		f(c)
	}
	p, err := pgxpool.NewWithConfig(context.Background(), c)
	check(t, err)
	t.Cleanup(p.Close)
	return p
}

// open returns a store on a schema of its own.
func open(t testing.TB, with ...func(*pgxpool.Config)) *pgstore.Store {
	t.Helper()
	s, _ := openSchema(t, with...)
	return s
}

func openSchema(t testing.TB, with ...func(*pgxpool.Config)) (*pgstore.Store, string) {
	t.Helper()
	schema := newSchema(t)
	pool := newPool(t, 8, with...)
	check(t, pgstore.Migrate(context.Background(), pool, schema))
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	t.Cleanup(s.Close)
	return s, schema
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// query returns the one value that a query has, with {} for the schema.
func query[T any](t testing.TB, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, schema, sql string, args ...any) (v T) {
	t.Helper()
	check(t, db.QueryRow(context.Background(), strings.ReplaceAll(sql, "{}", schema), args...).Scan(&v))
	return v
}
