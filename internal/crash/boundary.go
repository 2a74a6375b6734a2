package main

import (
	"bytes"
	"context"
	"database/sql"
	"net"
	"strings"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/stores/sqlitestore"
)

// A boundary kills its process before one of the statements of a migration:
// before what goes to the server between BEGIN and COMMIT, or before one of the
// statements that SQLite executes.
type boundary struct {
	gauge *gauge
	at    int
	half  bool

	mu      sync.Mutex
	passed  int
	inside  bool
	outside bool // the migration is over
}

// open opens the store like [place.open], and does not survive it unless the
// migration has fewer statements.
func (b *boundary) open(p place) func(context.Context, bool) (webhook.Store, func() error, error) {
	if p.exclusive() {
		return func(context.Context, bool) (webhook.Store, func() error, error) { return b.openSQLite(p) }
	}
	return func(ctx context.Context, _ bool) (webhook.Store, func() error, error) { return b.openPostgres(ctx, p) }
}

func (b *boundary) openSQLite(p place) (webhook.Store, func() error, error) {
	sql.Register("sqlite-boundary", sqliteDriver{Driver: realSQLite, boundary: b})
	db, err := sql.Open("sqlite-boundary", p.dsn())
	if err != nil {
		return nil, nil, err
	}
	s, err := sqlitestore.New(db, nil)
	if err != nil {
		return nil, nil, err
	}
	return s, func() error { return s.Close() }, nil
}

func (b *boundary) openPostgres(ctx context.Context, p place) (webhook.Store, func() error, error) {
	c, err := pgxpool.ParseConfig(p.DSN)
	if err != nil {
		return nil, nil, err
	}
	dial := c.ConnConfig.DialFunc
	c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return boundaryConn{conn, b}, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, nil, err
	}
	if err := pgstore.Migrate(ctx, pool, p.Schema); err != nil {
		return nil, nil, err
	}
	s, err := pgstore.New(pool, &pgstore.Options{Schema: p.Schema})
	if err != nil {
		return nil, nil, err
	}
	return s, func() error { s.Close(); pool.Close(); return nil }, nil
}

// pass is called before each statement. It says whether the process is to die
// now.
func (b *boundary) pass(begins, ends bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.inside = b.inside || begins
	if !b.inside || b.outside {
		return false
	}
	b.outside = ends
	b.passed++
	return b.passed == b.at
}

func (b *boundary) die() {
	b.gauge.add(reading{Reached: 1})
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {}
}

// statements is pass for the parts of a script.
func (b *boundary) statements(script string) []string {
	if !strings.Contains(script, "CREATE TABLE") {
		return []string{script}
	}
	return strings.SplitAfter(script, ";\n")
}

type boundaryConn struct {
	net.Conn
	*boundary
}

func (c boundaryConn) Write(b []byte) (int, error) {
	// A query without arguments is a Q, its length, and the text.
	query, is := bytes.CutPrefix(b, []byte("Q"))
	if c.pass(is && bytes.HasPrefix(query[4:], []byte("begin")), is && bytes.HasPrefix(query[4:], []byte("commit"))) {
		if c.half {
			_, _ = c.Conn.Write(b[:len(b)/2])
		}
		c.die()
	}
	return c.Conn.Write(b)
}
