package pgstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

// Statements must cost the same whatever waits: the same pages, by the
// indexes, with little waiting and with much. WEBHOOK_TEST_PENDING is how much
// "much" is; 300,000 by default.

const (
	planLanes = 20_000
	few       = 10_000
)

func many(t testing.TB) int {
	if v := os.Getenv("WEBHOOK_TEST_PENDING"); v != "" {
		n, err := strconv.Atoi(v)
		check(t, err)
		return n
	}
	return 300_000
}

// fill stores endpoints with n pending deliveries, overdue, of which most are
// one endpoint's, and as many that have ended. Every spread-th one is of some
// other endpoint.
func fill(t testing.TB, schema string, n, spread int, analyze bool) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), server)
	check(t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	for _, sql := range []string{
		`INSERT INTO {}.endpoints (id, lane, version, created_at, updated_at, enabled, fifo, account, disabled_by, disabled_reason, changed_by, events, config)
			SELECT md5('e' || i)::uuid, i, 1, now(), now(), true, i % 10 = 0, 'acct_' || i / 10, '', '', '', '{lead.scored}', '{"name":"x","url":"","events":["lead.scored"]}'
			FROM generate_series(1, $2::int) i WHERE $1::int > 0 AND $3::int > 0`,
		`INSERT INTO {}.lanes (lane, token, ready_at, held, pace) SELECT i, i << 32, CASE WHEN i <= 200 THEN now() + '1 h' WHEN i % 2 = 0 THEN now() - i * interval '1 s' ELSE 'infinity' END, i <= 200, '\x00'
			FROM generate_series(1, $2::int) i WHERE $1::int > 0 AND $3::int > 0`,
		`INSERT INTO {}.health (lane, undelivered) SELECT i, 5 FROM generate_series(1, $2::int) i WHERE $1::int > 0 AND $3::int > 0`,
		`INSERT INTO {}.events (id, occurred_at, created_at, first_id, last_id, deliveries, account, type, body)
			SELECT md5('v' || i)::uuid, now(), now() - (2 * $1::int - i) * interval '100 ms', i, i, 1, 'acct_' || (CASE WHEN i % $3::int = 0 THEN i % $2 + 1 ELSE 1 END) / 10, 'lead.scored', '{}'
			FROM generate_series(1, 2 * $1::int) i`,
		// The first half has ended, the second waits.
		`INSERT INTO {}.log (lane, id, created_at, finished_at, event_id, token, took, n, status, seq, attempts, state, resend, moot, undelivered, gone)
			SELECT CASE WHEN i % $3::int = 0 THEN i % $2 + 1 ELSE 1 END, i, now() - (2 * $1::int - i) * interval '100 ms', now() - (2 * $1::int - i) * interval '100 ms',
				md5('v' || i)::uuid, 1, 1, 1, 204, 0, 1, CASE WHEN i % 100 = 0 THEN 3 ELSE 2 END, false, false, i % 100 = 0, false FROM generate_series(1, $1::int) i`,
		`INSERT INTO {}.attempts (lane, id, token, at, took, n, status, seq, result, class, error)
			SELECT CASE WHEN i % $3::int = 0 THEN i % $2 + 1 ELSE 1 END, i, 1, now(), 1, 1, 500, 0, 'failed', '', '' FROM generate_series(1, $1::int, 3) i`,
		`INSERT INTO {}.keys (until, event_id, deliveries, account, key)
			SELECT now() + '1 h', md5('v' || i)::uuid, 1, 'acct_1', i::text FROM generate_series(1, $1::int) i WHERE $2::int > 0 AND $3::int > 0`,
		`UPDATE {}.events SET body = NULL WHERE first_id < $1::int / 2 AND first_id % 100 > 0 AND $2::int > 0 AND $3::int > 0`,
		`INSERT INTO {}.queue (lane, id, due_at, created_at, event_id, type)
			SELECT CASE WHEN i % $3::int = 0 THEN i % $2 + 1 ELSE 1 END, i, now() - (2 * $1::int - i) * interval '100 ms', now() - (2 * $1::int - i) * interval '100 ms',
				md5('v' || i)::uuid, 'lead.scored' FROM generate_series($1::int + 1, 2 * $1::int) i`,
	} {
		_, err := conn.Exec(context.Background(), strings.ReplaceAll(sql, "{}", schema), pgx.QueryExecModeExec, n, planLanes, spread)
		check(t, err)
	}
	for _, table := range append(slices.Clone(tables), "hours", "attempts", "control") {
		how := "VACUUM "
		if analyze {
			how += "ANALYZE "
		}
		_, err := conn.Exec(context.Background(), how+schema+"."+table)
		check(t, err)
	}
}

// A plan is one node of EXPLAIN's.
type plan struct {
	Node   string  `json:"Node Type"`
	Table  string  `json:"Relation Name"`
	Hit    int     `json:"Shared Hit Blocks"`
	Read   int     `json:"Shared Read Blocks"`
	Rows   float64 `json:"Actual Rows"`
	Loops  float64 `json:"Actual Loops"`
	Lost   float64 `json:"Rows Removed by Filter"`
	Plans  []plan  `json:"Plans"`
	Filter string  `json:"Filter"`
}

// walk calls f for each node.
func (p *plan) walk(f func(*plan)) {
	f(p)
	for i := range p.Plans {
		p.Plans[i].walk(f)
	}
}

// explain runs a statement in a transaction like one of the store's own or
// like a caller's, takes back what it did, and returns its plan.
func explain(t testing.TB, conn *pgx.Conn, own bool, sql string, args ...any) (plan, string) {
	t.Helper()
	ctx := context.Background()
	tx, err := conn.Begin(ctx)
	check(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	if own {
		_, err = tx.Exec(ctx, pgstore.IndexSQL)
		check(t, err)
	}
	var text string
	args = append([]any{pgx.QueryExecModeExec}, args...)
	check(t, tx.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+sql, args...).Scan(&text))
	var out []struct{ Plan plan }
	check(t, json.Unmarshal([]byte(text), &out))
	return out[0].Plan, text
}

// A cost is what a statement reads.
type cost struct {
	pages int
	bad   []string // nodes that read a table from end to end, or filter much
}

// smallTables may be read from end to end: their size has nothing to do with
// what waits.
var smallTables = []string{"control", "pauses", "wakes", "missed", "graves", "meta", "hours"}

func measure(t testing.TB, conn *pgx.Conn, own bool, sql string, args ...any) cost {
	t.Helper()
	p, text := explain(t, conn, own, sql, args...)
	c := cost{}
	p.walk(func(n *plan) {
		c.pages = max(c.pages, n.Hit+n.Read)
		if n.Node == "Seq Scan" && !slices.Contains(smallTables, n.Table) {
			c.bad = append(c.bad, "sequential scan of "+n.Table)
		}
		if n.Lost*n.Loops > 5000 {
			c.bad = append(c.bad, fmt.Sprintf("%s on %s drops %.0f rows by %s", n.Node, n.Table, n.Lost*n.Loops, n.Filter))
		}
	})
	if (len(c.bad) > 0 || c.pages > 5000) && os.Getenv("WEBHOOK_TEST_PLANS") != "" {
		t.Log(text)
	}
	return c
}

// costs measures every statement whose cost must not depend on what waits.
func costs(t *testing.T, n, spread int, analyze bool) map[string]cost {
	s, schema := openSchema(t)
	fill(t, schema, n, spread, analyze)
	conn, err := pgx.Connect(t.Context(), server)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	exec := func(sql string) {
		t.Helper()
		_, err := conn.Exec(t.Context(), strings.ReplaceAll(sql, "{}", schema))
		check(t, err)
	}
	exec("INSERT INTO {}.wakes (lane, at) SELECT i, now() FROM generate_series(1, 100) i")
	exec("INSERT INTO {}.graves (lane) VALUES (1)")

	// 64 held lanes, the one with the backlog among them.
	var ids []string
	var tokens, marks, zeros, lanes, deliveries []int64
	var most, counts, numbers []int32
	var none []string
	var paces [][]byte
	for i := range int64(64) {
		lane := i + 1
		ids = append(ids, query[string](t, conn, schema, "SELECT id::text FROM {}.endpoints WHERE lane = $1", lane))
		tokens, marks, zeros, lanes = append(tokens, lane<<32), append(marks, 1), append(zeros, 0), append(lanes, lane)
		most, counts, none, paces = append(most, 10), append(counts, 100), append(none, "[]"), append(paces, nil)
		deliveries = append(deliveries, query[int64](t, conn, schema, "SELECT coalesce(min(id), 0) FROM {}.queue WHERE lane = $1", lane))
		numbers = append(numbers, 1)
	}
	day := int64(24 * 3600 * 1e6)
	out := map[string]cost{}
	stmt := func(label, name string, args ...any) {
		t.Helper()
		out[label] = measure(t, conn, true, s.Statement(name), args...)
		if slices.Contains([]string{"append", "first", "endpoints", "update", "delete"}, name) {
			out[label+" in a caller's"] = measure(t, conn, false, s.Statement(name), args...)
		}
	}
	stmt("sweep", "sweep", 2000)
	stmt("claim", "claim", 64, int64(1e6))
	stmt("next", "next")
	stmt("due", "due", ids, tokens, most, zeros, counts, none, []int64{})
	stmt("extend", "extend", ids, tokens, int64(1e6))
	stmt("return", "return", ids, tokens, marks, zeros, zeros, paces, none)
	stmt("lockHealth", "lockHealth", ids)
	stmt("settleLanes", "settleLanes", ids)
	stmt("settleDeliveries", "settleDeliveries", ids, deliveries, numbers, tokens)
	stmt("dequeue", "dequeue", lanes, deliveries)
	stmt("findExpired", "findExpired", day*365, 1000)
	stmt("findExpired/some", "findExpired", int64(1), 100)
	stmt("findOld", "findOld", day*365, 1000)
	stmt("findOld/some", "findOld", int64(1), 100)
	stmt("expire", "expire", lanes, deliveries, []string{"a", "b"})
	stmt("forget", "forget", lanes, deliveries)
	stmt("lockBodies", "lockBodies", day*365, 1000)
	stmt("lockBodies/some", "lockBodies", int64(1), 100)
	var eventIDs []string
	for i := range few / 200 {
		eventIDs = append(eventIDs, query[string](t, conn, schema, "SELECT id::text FROM {}.events WHERE first_id = $1", n/2+i))
	}
	stmt("dropBodies", "dropBodies", eventIDs)
	stmt("dropEvents", "dropEvents", day*365, 1000)
	stmt("dropKeys", "dropKeys", 1000)
	stmt("buryQueue", "buryQueue", int64(1), 100)
	stmt("buryLog", "buryLog", int64(1), 100)
	stmt("again", "again", lanes, deliveries, false, "")
	stmt("dismiss", "dismiss", lanes, deliveries)
	stmt("findFinished", "findFinished", "acct_0", int64(5000))
	stmt("resendState", "resendState", int64(1), int64(5000), "op")
	stmt("attempts", "attempts", lanes, deliveries)
	stmt("endpoints", "endpoints", "acct_5", "", "", "", 100)
	stmt("erasedRows", "erasedRows", eventIDs)
	stmt("findErased", "findErased", "", "lead:1", 100)
	stmt("append", "append", []string{newID(), newID()}, []string{"acct_0", "acct_5"}, []string{scored, scored}, []string{"now", "now"},
		[][]byte{{1}, {1}}, []string{"", "k"}, []int64{0, 1}, []string{"", ""})
	stmt("first", "first", []string{newID()}, []string{"acct_5"}, []string{"k"})
	sql, args := s.DeliveriesStatement(webhook.DeliveryQuery{Account: "acct_0"})
	out["deliveries"] = measure(t, conn, true, sql, args...)
	sql, args = s.DeliveriesStatement(webhook.DeliveryQuery{Account: "acct_0", IDs: []int64{1, 2, 3}})
	out["deliveries/ids"] = measure(t, conn, true, sql, args...)
	sql, args = s.DeliveriesStatement(webhook.DeliveryQuery{Account: "acct_0", Undelivered: true})
	out["deliveries/undelivered"] = measure(t, conn, true, sql, args...)
	sql, args = s.DeliveriesStatement(webhook.DeliveryQuery{Account: "acct_0", Type: scored})
	out["deliveries/type"] = measure(t, conn, true, sql, args...)
	sql, args = s.OldestStatement(webhook.DeliveryQuery{Account: "acct_0"})
	out["recover"] = measure(t, conn, true, sql, args...)
	return out
}

func TestPlansStayFlat(t *testing.T) {
	n := many(t)
	for name, with := range map[string]struct {
		spread  int
		analyze bool
	}{
		"spread":               {5, true},
		"one lane has all":     {1 << 30, true}, // and statistics say so
		"without statistics":   {5, false},
		"one lane, not looked": {1 << 30, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compare(t, n, costs(t, few, with.spread, with.analyze), costs(t, n, with.spread, with.analyze))
		})
	}
}

// compare says which statements cost more with n pending deliveries.
func compare(t *testing.T, n int, small, large map[string]cost) {
	for _, name := range slices.Sorted(maps.Keys(large)) {
		a, b := small[name], large[name]
		t.Logf("%-28s %5d pages with %d pending, %5d with %d", name, a.pages, few, b.pages, n)
		if b.pages > a.pages+a.pages/2+800 { // the trees are higher, and a page of a list is on more pages
			t.Errorf("%s reads %d pages with %d pending and %d with %d: it left its index", name, a.pages, few, b.pages, n)
		}
		for _, bad := range b.bad {
			t.Errorf("%s with %d pending: %s", name, n, bad)
		}
	}
}
