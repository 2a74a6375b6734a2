package pgstore

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// executor runs statements in a transaction of whatever kind. It is all that
// the methods of [webhook.Tx] need.
type executor interface {
	// query runs a statement and calls scan for each row.
	query(ctx context.Context, sql string, args []any, scan func(row scanner) error) error
}

type scanner interface{ Scan(dest ...any) error }

// pgxExecutor runs statements in a transaction of pgx.
type pgxExecutor struct{ tx pgx.Tx }

func (x pgxExecutor) query(ctx context.Context, sql string, args []any, scan func(scanner) error) error {
	if mode, ok := planless(x.tx); ok {
		args = append([]any{mode}, args...)
	}
	rows, err := x.tx.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// planless is the mode that replaces pgx's default in a caller's transaction:
// statements that are prepared on the server could keep a plan from when the
// tables were empty, and the caller's settings are not ours to change.
func planless(tx pgx.Tx) (pgx.QueryExecMode, bool) {
	conn := tx.Conn()
	if conn == nil {
		return 0, false
	}
	switch c := conn.Config(); {
	case c.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement:
		return 0, false
	case c.DescriptionCacheCapacity > 0:
		return pgx.QueryExecModeCacheDescribe, true
	}
	return pgx.QueryExecModeDescribeExec, true
}

// SQLTx is a transaction of database/sql, or of what wraps one:
//
//   - database/sql: the *sql.Tx
//   - sqlx: the *sqlx.Tx
//   - bun: the Tx field of its Tx, which is a *sql.Tx; bun's own methods
//     rewrite statements
//   - GORM: tx.Statement.ConnPool.(pgstore.SQLTx), which holds in a transaction
//     only
//   - ent: the generated *ent.Tx, with the feature sql/execquery; or the *Tx
//     of ent's dialect/sql, which its driver begins
//
// Pools, connections and *sql.DB are none: they have no Commit and Rollback,
// and an event that is emitted through them would not be part of anything.
type SQLTx interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	Commit() error
	Rollback() error
}

// sqlExecutor runs statements in a transaction of database/sql, with any
// driver for Postgres: arrays are sent as text.
type sqlExecutor struct{ tx SQLTx }

func (x sqlExecutor) query(ctx context.Context, sql string, args []any, scan func(scanner) error) error {
	// See planSQL. There is no other way to say so through database/sql.
	if _, err := x.tx.ExecContext(ctx, planSQL); err != nil {
		return err
	}
	plain := make([]any, len(args))
	for i, a := range args {
		plain[i] = literal(a)
	}
	rows, err := x.tx.QueryContext(ctx, sql, plain...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// literal turns slices into the text of a Postgres array.
func literal(a any) any {
	switch a := a.(type) {
	case []string:
		return array(a, quoted)
	case []int64:
		return array(a, decimal)
	case []time.Time:
		return array(a, func(t time.Time) string { return `"` + timestamp(t) + `"` })
	case uuids:
		return a.String()
	case blobs:
		return a.String()
	case string, bool, int, int64:
		return a
	}
	panic(fmt.Sprintf("pgstore: no literal for %T", a))
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

var quotes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

// quoted is an element of an array.
func quoted(s string) string { return `"` + quotes.Replace(s) + `"` }

// array is the text of a Postgres array.
func array[T any](items []T, text func(T) string) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, x := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(text(x))
	}
	b.WriteByte('}')
	return b.String()
}

// timestamp writes years from 1 on as Postgres reads them.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.999999Z07:00") }
