package pgstore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// A backlog is a schema with deliveries that wait, for tests of what
// statements cost.
type backlog struct {
	conn   *pgx.Conn
	schema string
	single bool // all is lane 1's; or else each held lane has some, and lane 1 most
	last   int  // delivery
}

// backlogLanes is how many lanes there are. The first 200 are held, and half of
// the others ready.
const backlogLanes = 20_000

// newBacklog fills a schema with endpoints.
func newBacklog(t testing.TB, schema string, single bool) *backlog {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), server)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	b := &backlog{conn: conn, schema: schema, single: single}
	for _, table := range []string{"endpoints", "lanes", "health", "events", "queue", "log", "attempts", "keys", "wakes", "graves"} {
		b.exec(t, "ALTER TABLE {}."+table+" SET (autovacuum_enabled = off)") // it has its turn when the test says so
	}
	b.exec(t, `INSERT INTO {}.endpoints (id, lane, version, created_at, updated_at, enabled, fifo, account, disabled_by, disabled_reason, changed_by, events, config)
		SELECT md5('e' || i)::uuid, i, 1, now(), now(), true, i % 10 = 0, 'acct_' || i / 10, '', '', '', '{lead.scored}', '{"name":"x","url":"","events":["lead.scored"]}'
		FROM generate_series(1, $1::int) i`, backlogLanes)
	b.exec(t, `INSERT INTO {}.lanes (lane, token, ready_at, held, pace)
		SELECT i, i::bigint << 32, CASE WHEN i <= 200 THEN now() + '1 h' WHEN i % 2 = 0 THEN now() - i * interval '1 s' ELSE 'infinity' END, i <= 200, '\x00'
		FROM generate_series(1, $1::int) i`, backlogLanes)
	b.exec(t, `INSERT INTO {}.health (lane, undelivered) SELECT i, 5 FROM generate_series(1, $1::int) i`, backlogLanes)
	b.exec(t, "INSERT INTO {}.wakes (lane, at) SELECT i, now() FROM generate_series(1, 100) i")
	b.exec(t, "INSERT INTO {}.graves (lane) VALUES (1)")
	return b
}

func (b *backlog) exec(t testing.TB, sql string, args ...any) {
	t.Helper()
	_, err := b.conn.Exec(context.Background(), strings.ReplaceAll(sql, "{}", b.schema), append([]any{pgx.QueryExecModeExec}, args...)...)
	check(t, err)
}

// grow adds deliveries until n wait, all overdue; for six that wait one has
// ended.
func (b *backlog) grow(t testing.TB, n int) {
	t.Helper()
	first := b.last + 1
	b.last = n * 7 / 6
	b.exec(t, "SELECT setval('{}.delivery_id', $1::int)", b.last)
	lane := "1"
	if !b.single {
		lane = fmt.Sprintf("CASE WHEN i < 2000 THEN i %% 200 + 1 WHEN i %% 5 = 0 THEN i %% %d + 1 ELSE 1 END", backlogLanes)
	}
	d := fmt.Sprintf(`(SELECT i AS id, lpad(to_hex(i), 32, '0')::uuid AS event, i %% 7 = 0 AS ended,
		now() - interval '2 days' + i * interval '100 ms' AS at, %s AS lane FROM generate_series(%d, %d) i) d`, lane, first, b.last)
	b.exec(t, `INSERT INTO {}.events (id, occurred_at, created_at, first_id, last_id, deliveries, account, type, body)
		SELECT event, at, at, id, id, 1, 'acct_' || lane / 10, 'lead.scored', CASE WHEN NOT ended OR id % 2 = 0 THEN '{}'::bytea END FROM `+d)
	b.exec(t, `INSERT INTO {}.queue (lane, id, due_at, created_at, event_id, type) SELECT lane, id, at, at, event, 'lead.scored' FROM `+d+` WHERE NOT ended`)
	b.exec(t, `INSERT INTO {}.log (lane, id, created_at, finished_at, event_id, token, took, n, status, seq, attempts, state, resend, moot, undelivered, gone)
		SELECT lane, id, at, at, event, 1, 1, 1, 204, 0, 1, CASE WHEN id % 8 = 0 THEN 3 ELSE 2 END, false, false, id % 8 = 0, false FROM `+d+` WHERE ended`)
	b.exec(t, `INSERT INTO {}.attempts (lane, id, token, at, took, n, status, seq, result, class, error)
		SELECT lane, id, 1, at, 1, 1, 500, 0, 'failed', '', '' FROM `+d+` WHERE ended AND id % 3 = 0`)
	b.exec(t, `INSERT INTO {}.keys (until, event_id, deliveries, account, key) SELECT now() + '1 h', event, 1, 'acct_1', id::text FROM `+d+` WHERE ended`)
}

// end ends all that waits.
func (b *backlog) end(t testing.TB) {
	t.Helper()
	b.exec(t, `WITH q AS (DELETE FROM {}.queue RETURNING *)
		INSERT INTO {}.log (lane, id, created_at, finished_at, event_id, token, took, n, status, seq, attempts, state, resend, moot, undelivered, gone)
		SELECT lane, id, due_at, due_at, event_id, 1, 1, 1, 204, 0, 1, 2, false, false, false, false FROM q`)
}

// vacuum clears what measuring left behind, and looks at what is there if it
// shall analyze.
func (b *backlog) vacuum(t testing.TB, analyze bool) {
	t.Helper()
	how := "VACUUM "
	if analyze {
		how += "ANALYZE "
	}
	for _, table := range []string{"endpoints", "lanes", "health", "events", "queue", "log", "attempts", "keys", "wakes", "graves", "missed", "hours", "control"} {
		b.exec(t, how+"{}."+table)
	}
}

// forget drops the statistics.
func (b *backlog) forget(t testing.TB) {
	t.Helper()
	b.exec(t, "DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM pg_class WHERE relnamespace = '{}'::regnamespace)")
}
