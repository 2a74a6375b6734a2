// Package sqlonce keeps the ids of handled messages in a receiver's own
// database: a [verify.Once] whose function runs in the transaction that records
// the id. So a message is handled completely, once, or not at all, whatever
// fails and however often it is delivered, by any number of processes.
//
//	once, err := sqlonce.New(db, nil) // *sql.DB for PostgreSQL or SQLite
//	err = once.CreateTable(ctx)       // or a migration of yours with once.Schema()
//	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected, Once: once})
//	http.Handle("POST /hooks", v.Handler(func(ctx context.Context, m verify.Message) error {
//		_, err := sqlonce.Tx(ctx).ExecContext(ctx, "UPDATE leads SET …")
//		return err // nil commits the update together with the id
//	}))
//
// It needs the standard library only; the driver is yours. The program
// examples/once runs it on either database. It is tested with
// PostgreSQL by pgx and SQLite by modernc.org/sqlite.
package sqlonce

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"sync/atomic"
	"time"

	"github.com/autoreach/webhook/verify"
)

const (
	// DefaultTable is the name of the table.
	DefaultTable = "webhook_once"
	// DefaultWindow is how long an id is kept: a sender keeps payloads for 30 days,
	// and what it sends again on the last one may be tried for three more.
	DefaultWindow = 33 * 24 * time.Hour

	forgetEvery = 256  // calls, from the first on: a process may be short-lived
	forgetMost  = 1000 // ids at a time
)

// Options vary a Once. nil and the zero value are legal.
type Options struct {
	// Table is the table's name, with its schema if you like: letters, digits,
	// underscores and a dot. Receivers that share a table must not receive
	// from several senders, nor the same event from several webhooks: its id is
	// the same at each. Default DefaultTable.
	Table string
	// Window is how long a handled id is kept, by the clock of this process.
	// Cover the time over which the sender retries and people resend. Default
	// DefaultWindow; at least an hour.
	Window time.Duration
}

// Once is a [verify.Once] in a table. It is safe for concurrent use. Each call
// holds one connection of the pool while the function runs.
type Once struct {
	db     *sql.DB
	table  string
	window time.Duration
	calls  atomic.Uint64
}

var _ verify.Once = (*Once)(nil)

var tableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}(\.[A-Za-z_][A-Za-z0-9_]{0,62})?$`)

// New returns a Once on the database, which stays the caller's to close. It
// opens nothing. Nil options mean the defaults.
func New(db *sql.DB, opts *Options) (*Once, error) {
	o := Options{}
	if opts != nil {
		o = *opts
	}
	if o.Table == "" {
		o.Table = DefaultTable
	}
	if o.Window == 0 {
		o.Window = DefaultWindow
	}
	switch {
	case db == nil:
		return nil, errors.New("sqlonce: the database is nil")
	case !tableName.MatchString(o.Table):
		return nil, fmt.Errorf("sqlonce: Options.Table is %q; use letters, digits and underscores, with at most one dot", o.Table)
	case o.Window < time.Hour:
		return nil, fmt.Errorf("sqlonce: Options.Window is %v; use an hour or more", o.Window)
	}
	return &Once{db: db, table: o.Table, window: o.Window}, nil
}

// Schema returns the statement that makes the table if it is not there, for a
// migration tool. An id takes about 100 bytes with its index.
func (o *Once) Schema() string {
	return "CREATE TABLE IF NOT EXISTS " + o.table + " (id CHAR(64) PRIMARY KEY, at BIGINT NOT NULL)"
}

// CreateTable makes the table if it is not there.
func (o *Once) CreateTable(ctx context.Context) error {
	_, err := o.db.ExecContext(ctx, o.Schema())
	return err
}

type txKey struct{}

// Tx returns the transaction in which a function runs that a Once was given,
// from its context. It is committed if the function returns nil and rolled back
// otherwise; do neither. Tx panics with any other context.
func Tx(ctx context.Context) *sql.Tx {
	tx, ok := ctx.Value(txKey{}).(*sql.Tx)
	if !ok {
		panic("sqlonce: this context is not that of a function which a sqlonce.Once runs; is it Options.Once of the verifier?")
	}
	return tx
}

// Once implements [verify.Once]. An error of the database, a commit that fails
// included, means that the message was not handled; if the answer to a commit
// was lost, the next delivery finds out.
func (o *Once) Once(ctx context.Context, id string, fn func(ctx context.Context) error) (duplicate bool, err error) {
	if o.calls.Add(1)%forgetEvery == 1 {
		if err := o.forget(ctx); err != nil {
			return false, err
		}
	}
	tx, err := o.db.BeginTx(ctx, nil)
	if err != nil {
		return false, fmt.Errorf("sqlonce: %w", err)
	}
	defer func() { _ = tx.Rollback() }() // also when fn panics; nothing after a commit

	// The first statement takes the lock by which a second call with this id
	// waits for the first.
	res, err := tx.ExecContext(ctx, fmt.Sprintf("INSERT INTO %s (id, at) VALUES ('%s', %d) ON CONFLICT (id) DO NOTHING", o.table, digest(id), time.Now().Unix()))
	if err != nil {
		return false, fmt.Errorf("sqlonce: recording the id: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil || n == 0 {
		return err == nil, err
	}
	if err := fn(context.WithValue(ctx, txKey{}, tx)); err != nil {
		return false, err
	}
	if err := tx.Commit(); err != nil {
		return false, fmt.Errorf("sqlonce: committing: %w", err)
	}
	return false, nil
}

// digest is what is stored of an id: the same text in every database, which can
// stand in a statement as it is, since databases differ in how they number
// parameters.
func digest(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// forget drops ids that are past the window.
func (o *Once) forget(ctx context.Context) error {
	_, err := o.db.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE id IN (SELECT id FROM %s WHERE at < %d LIMIT %d)",
		o.table, o.table, time.Now().Add(-o.window).Unix(), forgetMost))
	if err != nil {
		return fmt.Errorf("sqlonce: forgetting old ids: %w", err)
	}
	return nil
}
