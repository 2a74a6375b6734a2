package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// A session is a connection with its prepared statements: one of the store's
// own, or the caller's transaction.
type session struct {
	conn  *sql.Conn // nil in the caller's transaction
	from  preparer
	quick quickConn // the driver's connection, while a call uses it
	stmts map[string]stmt
}

type preparer interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func newSession(from preparer) *session {
	return &session{from: from, stmts: map[string]stmt{}}
}

// use runs f with the driver's connection, or without, if it lacks what is needed.
func (s *session) use(f func() error) error {
	var ok bool
	err := s.conn.Raw(func(c any) error {
		if s.quick, ok = c.(quickConn); !ok {
			return nil
		}
		defer func() { s.quick = nil }()
		return f()
	})
	if err == nil && !ok {
		return f()
	}
	return err
}

// stmt prepares the statement, once. LIMIT ?+0 instead of LIMIT ? keeps it so:
// the planner looks at the value of a parameter that is the LIMIT, and parses and
// plans the statement again whenever one is bound.
func (s *session) stmt(ctx context.Context, query string) (st stmt, err error) {
	if st := s.stmts[query]; st != nil {
		return st, nil
	}
	if s.quick != nil {
		st, err = prepareQuick(ctx, s.quick, query)
	} else {
		var slow *sql.Stmt
		slow, err = s.from.PrepareContext(ctx, query)
		st = slowStmt{slow}
	}
	if err != nil {
		return nil, err
	}
	s.stmts[query] = st
	return st, nil
}

// close gives the connection back to its pool, or drops it if it is spoilt.
func (s *session) close(spoilt bool) {
	for _, st := range s.stmts {
		if st, ok := st.(slowStmt); ok {
			_ = st.Close()
		}
	}
	_ = s.conn.Raw(func(any) error {
		for _, st := range s.stmts {
			if st, ok := st.(*quickStmt); ok {
				_ = st.Close()
			}
		}
		if spoilt {
			return driver.ErrBadConn
		}
		return nil
	})
	_ = s.conn.Close()
}

// A txn is what happens in one transaction, at one time of the store's clock.
type txn struct {
	s    *session
	ctx  context.Context // of the call
	live context.Context // of single statements: ctx where they may be cut off in the middle
	now  int64
}

// ready prepares the statement, unless the call has been cancelled.
func (t *txn) ready(query string) (stmt, error) {
	if err := t.ctx.Err(); err != nil {
		return nil, err
	}
	return t.s.stmt(t.live, query)
}

// exec returns how many rows were changed.
func (t *txn) exec(query string, args ...any) (int64, error) {
	st, err := t.ready(query)
	if err != nil {
		return 0, err
	}
	n, _, err := st.exec(t.live, args)
	return n, err
}

// insert returns the key of the row, or 0 if there was a conflict.
func (t *txn) insert(query string, args ...any) (int64, error) {
	st, err := t.ready(query)
	if err != nil {
		return 0, err
	}
	n, key, err := st.exec(t.live, args)
	if n == 0 {
		key = 0
	}
	return key, err
}

// get reads one row and says whether there is one.
func (t *txn) get(query string, args []any, to ...any) (bool, error) {
	st, err := t.ready(query)
	if err != nil {
		return false, err
	}
	rows, err := st.query(t.live, args)
	if err != nil {
		return false, err
	}
	found := rows.Next()
	if found {
		err = rows.Scan(to...)
	} else {
		err = rows.Err()
	}
	return found && err == nil, errors.Join(err, rows.Close())
}

// each reads all rows. f must not use the transaction.
func (t *txn) each(query string, args []any, f func(r row) error) error {
	st, err := t.ready(query)
	if err != nil {
		return err
	}
	rows, err := st.query(t.live, args)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// list reads a column of numbers.
func (t *txn) list(query string, args ...any) ([]int64, error) {
	var out []int64
	err := t.each(query, args, func(r row) error {
		var n int64
		err := r.Scan(&n)
		out = append(out, n)
		return err
	})
	return out, err
}

// script runs several statements.
func (t *txn) script(text string) error {
	return t.s.script(t.live, text)
}

func (s *session) script(ctx context.Context, text string) (err error) {
	if s.quick != nil {
		_, err = s.quick.ExecContext(ctx, text, nil)
	} else {
		_, err = s.from.ExecContext(ctx, text)
	}
	return err
}

// A slot is one of the store's connections, used by one call at a time.
type slot struct {
	turn chan struct{}
	s    *session
}

func newSlot() slot { return slot{turn: make(chan struct{}, 1)} }

// take waits for the connection.
func (s *Store) take(ctx context.Context, l *slot) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	if s.closed.Load() {
		<-l.turn
		return errors.New("the store is closed")
	}
	if l.s != nil {
		return nil
	}
	c, err := s.db.Conn(ctx)
	if err == nil {
		l.s = newSession(c)
		l.s.conn = c
		if err = s.inspect(ctx, l.s); err != nil {
			l.s.close(false)
			l.s = nil
		}
	}
	if err != nil {
		<-l.turn
	}
	return err
}

// leave lets the next call have the connection.
func (s *Store) leave(l *slot, spoilt bool) {
	if spoilt || !s.keeps {
		l.s.close(spoilt)
		l.s = nil
	}
	<-l.turn
}

// view runs f in a transaction of people's that reads, and is cut off when
// the context ends.
func (s *Store) view(ctx context.Context, f func(t *txn) error) error {
	return s.run(ctx, &s.log, "BEGIN", ctx, f)
}

// peek runs f in a transaction of the engine's that reads a little: it is cut
// off between statements only.
func (s *Store) peek(ctx context.Context, f func(t *txn) error) error {
	return s.run(ctx, &s.engine, "BEGIN", context.WithoutCancel(ctx), f)
}

// update runs f in a transaction that writes: wholly, or not at all. It is
// cut off between statements only.
func (s *Store) update(ctx context.Context, f func(t *txn) error) error {
	return s.run(ctx, &s.writer, "BEGIN IMMEDIATE", context.WithoutCancel(ctx), f)
}

func (s *Store) run(ctx context.Context, l *slot, begin string, live context.Context, f func(t *txn) error) (err error) {
	if err := s.take(ctx, l); err != nil {
		return err
	}
	spoilt := true // also by a panic
	defer func() { s.leave(l, spoilt) }()
	return l.s.use(func() error {
		spoilt, err = s.transact(ctx, l, begin, live, f)
		return err
	})
}

// transact runs f in a transaction. spoilt says that the connection may still
// be in it.
func (s *Store) transact(ctx context.Context, l *slot, begin string, live context.Context, f func(t *txn) error) (spoilt bool, err error) {
	base := context.WithoutCancel(ctx)
	t := &txn{s: l.s, ctx: ctx, live: live}
	if err := s.begin(ctx, base, l.s, begin); err != nil {
		return !isBusy(err) && ctx.Err() == nil, err
	}
	t.now = now.micros()
	if err = f(t); err == nil {
		if err = l.s.end(base, "COMMIT"); err == nil {
			return false, nil
		}
	}
	end := l.s.end(base, "ROLLBACK")
	return end != nil && !ended(end), err
}

func (s *session) end(ctx context.Context, how string) error {
	st, err := s.stmt(ctx, how)
	if err == nil {
		_, _, err = st.exec(ctx, nil)
	}
	return err
}

// begin waits for the write lock as long as the options and the context allow.
func (s *Store) begin(ctx, base context.Context, on *session, how string) error {
	for until := time.Now().Add(s.options.BusyTimeout); ; {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := on.end(base, how)
		if err == nil || !isBusy(err) {
			return err
		}
		if !time.Now().Before(until) {
			return fmt.Errorf("another transaction has been writing to the file for %v: %w", s.options.BusyTimeout, err)
		}
		timer := time.NewTimer(5 * time.Millisecond)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// The drivers have no error type in common, but SQLite's words.

func isBusy(err error) bool {
	text := err.Error()
	return strings.Contains(text, "database is locked") || strings.Contains(text, "SQLITE_BUSY")
}

// ended says that SQLite itself has rolled the transaction back.
func ended(err error) bool { return strings.Contains(err.Error(), "no transaction is active") }

// failed names the call in the error. The sentinels stay what they are.
func failed(call string, err error) error {
	if err == nil {
		return nil
	}
	for _, s := range []error{webhook.ErrNotFound, webhook.ErrConflict, webhook.ErrLimit, webhook.ErrDisabled} {
		if errors.Is(err, s) {
			return err
		}
	}
	return fmt.Errorf("sqlitestore: %s: %w", call, err)
}
