package pgstore

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Transactions of the store's own state their isolation, whatever the
// database's default is. Everything is sent together: a transaction takes one
// or two round trips.
//
// Nearly all statements look up a few rows by an index, also where statistics
// say otherwise: when most of the queue is one endpoint's, the planner expects as
// much of every lane and reads the table from end to end. (What is switched off
// looks expensive where there is no other way, and would start the JIT.) The
// settings are of the transaction, not of the session.
//
// What delivers keeps its plans: making them takes longer than running them, and
// there is one index for each look, whatever is in the tables. Other statements
// have their plans made for the parameters at hand.
//
// A process that stands still between two statements (stopped, or its machine
// gone without a goodbye) must not keep the rows that it locked from everybody:
// the server ends such a transaction after a few seconds.
const (
	beginSQL = "BEGIN ISOLATION LEVEL READ COMMITTED"
	planSQL  = "SET LOCAL plan_cache_mode = force_custom_plan"
	indexSQL = "SELECT set_config('plan_cache_mode', 'force_custom_plan', true), " + byIndex
	keepSQL  = "SELECT set_config('plan_cache_mode', 'force_generic_plan', true), " + byIndex
	byIndex  = "set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true), set_config('idle_in_transaction_session_timeout', '5s', true), set_config('enable_bitmapscan', 'off', true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off', true)"
	wholeSQL = "SELECT set_config('enable_seqscan', 'on', true), set_config('enable_bitmapscan', 'on', true), " +
		"set_config('enable_hashjoin', 'on', true), set_config('enable_mergejoin', 'on', true)"
	commitSQL   = "COMMIT"
	rollbackSQL = "ROLLBACK"
)

// tries bounds how often a transaction is run that another one got in the way
// of.
const tries = 5

// A txn is a transaction of the store's own. Statements are queued and sent
// together.
type txn struct {
	ctx   context.Context
	s     *Store
	conn  *pgxpool.Conn
	batch *pgx.Batch
	then  []func() // what is to be done when it is committed
}

// own runs f in a transaction and commits what it queued. It is run again when
// the database aborted it for another one's sake; f must begin anew then.
func (s *Store) own(ctx context.Context, pool *pgxpool.Pool, f func(t *txn) error) error {
	return s.run(ctx, pool, indexSQL, f)
}

// delivering is own for what is done for every delivery.
func (s *Store) delivering(ctx context.Context, pool *pgxpool.Pool, f func(t *txn) error) error {
	return s.run(ctx, pool, keepSQL, f)
}

func (s *Store) run(ctx context.Context, pool *pgxpool.Pool, settings string, f func(t *txn) error) error {
	for n := 1; ; n++ {
		err := s.once(ctx, pool, settings, f)
		if n == tries || !isAborted(err) {
			return err
		}
		wait := time.NewTimer(time.Duration(n) * (5*time.Millisecond + rand.N(10*time.Millisecond)))
		select {
		case <-ctx.Done():
			wait.Stop()
			return err
		case <-wait.C:
		}
	}
}

func (s *Store) once(ctx context.Context, pool *pgxpool.Pool, settings string, f func(t *txn) error) (err error) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release() // which closes it if it is still in a transaction
	t := &txn{ctx: ctx, s: s, conn: conn, batch: &pgx.Batch{}}
	t.batch.Queue(beginSQL)
	t.batch.Queue(settings)
	if err = f(t); err == nil {
		t.batch.Queue(commitSQL)
		err = t.send()
	}
	if err == nil {
		for _, f := range t.then {
			f()
		}
	}
	if err != nil && !conn.Conn().IsClosed() && conn.Conn().PgConn().TxStatus() != 'I' {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = conn.Exec(ctx, rollbackSQL, pgx.QueryExecModeExec)
	}
	return err
}

// exec queues a statement without a result.
func (t *txn) exec(name string, args ...any) {
	t.batch.Queue(t.s.sql.get(name), args...)
}

// count queues a statement whose result is the number of rows it changed.
func (t *txn) count(n *int, name string, args ...any) {
	t.batch.Queue(t.s.sql.get(name), args...).Exec(func(tag pgconn.CommandTag) error {
		*n += int(tag.RowsAffected())
		return nil
	})
}

// rows queues a statement; scan is called for each row of its result.
func (t *txn) rows(scan func(r pgx.CollectableRow) error, name string, args ...any) {
	t.text(scan, t.s.sql.get(name), args...)
}

// text is rows for a statement that was composed.
func (t *txn) text(scan func(r pgx.CollectableRow) error, sql string, args ...any) {
	t.batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := scan(rows); err != nil {
				rows.Close()
				return err
			}
		}
		return rows.Err()
	})
}

// value queues a statement whose result is one number, which is added to n.
func (t *txn) value(n *int, name string, args ...any) {
	t.rows(func(r pgx.CollectableRow) error {
		var x int
		err := r.Scan(&x)
		*n += x
		return err
	}, name, args...)
}

// after calls f when the transaction is committed.
func (t *txn) after(f func()) { t.then = append(t.then, f) }

// send runs what is queued.
func (t *txn) send() error {
	b := t.batch
	t.batch = &pgx.Batch{}
	return t.conn.SendBatch(t.ctx, b).Close()
}

// sqlState returns the code of a database's error, or "".
func sqlState(err error) string {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// isAborted says whether the database undid a transaction for another one's
// sake: a deadlock, or a serialization failure.
func isAborted(err error) bool {
	c := sqlState(err)
	return c == "40P01" || c == "40001"
}
