package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"sync"

	"github.com/autoreach/webhook"
)

// InTx makes the caller's transaction one that a dispatcher can emit and
// change endpoints in: EmitTx, CreateEndpointTx and so on. What they store
// exists if and when the transaction commits, and without a trace if it rolls
// back. The transaction must be on the file of a store that was opened
// before, which made its schema.
//
//	tx, err := db.BeginTx(ctx, nil)
//	if err != nil {
//		return err
//	}
//	defer tx.Rollback()
//	if _, err := tx.ExecContext(ctx, `INSERT INTO meetings …`); err != nil {
//		return err
//	}
//	if _, err := d.EmitTx(ctx, sqlitestore.InTx(tx), event); err != nil {
//		return err
//	}
//	return tx.Commit()
//
// What was stored is as durable as the caller's connection makes it: set
// synchronous to FULL on all of the pool. While the transaction is open
// nobody else writes to the file, so keep it short, and call nothing of the
// store itself in it, which would wait for it: only the Tx variants.
//
// Begin with BEGIN IMMEDIATE, which modernc.org/sqlite and others do for
// _txlock=immediate in the DSN, as the pool of a store that [Open] made does.
// A transaction that begins deferred and reads first fails at its first write
// with "database is locked", at once and whatever busy_timeout says, if
// somebody else wrote meanwhile: what it read is outdated. It can only be
// rolled back and done again.
func InTx(tx *sql.Tx) webhook.Tx {
	if tx == nil {
		panic("sqlitestore: InTx of a nil transaction")
	}
	return &callers{s: newSession(tx)}
}

// callers is the caller's transaction. Its statements end with it.
type callers struct {
	mu sync.Mutex
	s  *session
}

var _ webhook.Tx = (*callers)(nil)

// do runs f as one step of the transaction: wholly, or not at all.
func (c *callers) do(ctx context.Context, call string, f func(t *txn) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	base := context.WithoutCancel(ctx)
	t := &txn{s: c.s, ctx: ctx, live: base}
	if err := t.script(`SAVEPOINT webhook`); err != nil {
		return failed(call, err)
	}
	// The write lock comes first, so that a transaction that has not read yet
	// waits for its turn instead of finding out later that it read too early.
	_, err := t.exec(`UPDATE webhook_meta SET value = value WHERE name = ''`)
	if err != nil && isBusy(err) {
		err = fmt.Errorf("another transaction is writing to the file, or has written to it since this one began to read: "+
			"roll back and try again, and begin with BEGIN IMMEDIATE: %w", err)
	}
	if err == nil {
		t.now = now.micros()
		err = f(t)
	}
	if err != nil {
		_ = c.s.script(base, `ROLLBACK TO webhook`)
	}
	if end := c.s.script(base, `RELEASE webhook`); err == nil {
		err = end
	}
	return failed(call, err)
}

// PutEndpoint implements [webhook.Tx].
func (c *callers) PutEndpoint(ctx context.Context, e webhook.Endpoint, limit int) (out webhook.Endpoint, err error) {
	err = c.do(ctx, "PutEndpoint", func(t *txn) error { out, err = t.putEndpoint(e, limit); return err })
	return out, err
}

// DeleteEndpoint implements [webhook.Tx].
func (c *callers) DeleteEndpoint(ctx context.Context, account, id string) error {
	return c.do(ctx, "DeleteEndpoint", func(t *txn) error { return t.deleteEndpoint(account, id) })
}

// Endpoints implements [webhook.Tx].
func (c *callers) Endpoints(ctx context.Context, q webhook.EndpointQuery) (out []webhook.EndpointRecord, err error) {
	err = c.do(ctx, "Endpoints", func(t *txn) error { out, err = t.endpoints(q); return err })
	return out, err
}

// Append implements [webhook.Tx].
func (c *callers) Append(ctx context.Context, events []webhook.EventRecord) (out []webhook.Appended, err error) {
	if len(events) == 0 {
		return nil, nil
	}
	err = c.do(ctx, "Append", func(t *txn) error { out, err = t.append(events); return err })
	if err != nil {
		return nil, err
	}
	return out, nil
}
