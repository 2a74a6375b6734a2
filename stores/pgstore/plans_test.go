package pgstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

// Statements must cost the same whatever waits: the same pages, by the
// indexes, with little waiting and with much.
const (
	few  = 10_000
	many = 1_000_000
)

// A plan is one node of EXPLAIN's.
type plan struct {
	Node   string  `json:"Node Type"`
	Table  string  `json:"Relation Name"`
	Index  string  `json:"Index Name"`
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

// explain runs a statement in a transaction that begins with some settings,
// takes back what it did, and returns its plan. Where the settings keep plans,
// it is the one that was kept.
func explain(t testing.TB, conn *pgx.Conn, settings, sql string, args ...any) (plan, string) {
	t.Helper()
	ctx := context.Background()
	tx, err := conn.Begin(ctx)
	check(t, err)
	defer func() { _ = tx.Rollback(ctx) }()
	if settings != "" {
		_, err = tx.Exec(ctx, settings)
		check(t, err)
	}
	if settings == pgstore.KeepSQL {
		sql, args = execute(t, conn, sql, args), nil
	}
	var text string
	args = append([]any{pgx.QueryExecModeExec}, args...)
	check(t, tx.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+sql, args...).Scan(&text))
	var out []struct{ Plan plan }
	check(t, json.Unmarshal([]byte(text), &out))
	return out[0].Plan, text
}

// execute is the command that executes a statement, which it prepares if it is
// not.
func execute(t testing.TB, conn *pgx.Conn, sql string, args []any) string {
	t.Helper()
	sd, err := conn.Prepare(context.Background(), sql, sql)
	check(t, err)
	var out []string
	for _, a := range args {
		switch items := a.(type) {
		case []int32:
			wide := make([]int64, len(items))
			for i, n := range items {
				wide[i] = int64(n)
			}
			a = wide
		case [][]byte:
			a = make([]string, len(items)) // the text of no bytes
		}
		switch l := pgstore.Literal(a).(type) {
		case string:
			out = append(out, "'"+strings.ReplaceAll(l, "'", "''")+"'")
		default:
			out = append(out, fmt.Sprint(l))
		}
	}
	command := "EXECUTE " + sd.Name
	if len(out) > 0 {
		command += "(" + strings.Join(out, ", ") + ")"
	}
	return command
}

// A cost is what a statement reads.
type cost struct {
	pages   int
	rows    int // of the result
	indexes []string
	bad     []string // nodes that read a table from end to end, or filter much
	plan    string
}

// smallTables may be read from end to end: their size has nothing to do with
// what waits.
var smallTables = []string{"control", "pauses", "wakes", "missed", "graves", "meta", "hours"}

func measure(t testing.TB, conn *pgx.Conn, settings, sql string, args ...any) cost {
	t.Helper()
	p, text := explain(t, conn, settings, sql, args...)
	c := cost{rows: int(p.Rows), plan: text}
	p.walk(func(n *plan) {
		c.pages = max(c.pages, n.Hit+n.Read)
		if n.Index != "" {
			c.indexes = append(c.indexes, n.Index)
		}
		if n.Node == "Seq Scan" && !slices.Contains(smallTables, n.Table) {
			c.bad = append(c.bad, "sequential scan of "+n.Table)
		}
		if n.Lost*n.Loops > 5000 {
			c.bad = append(c.bad, fmt.Sprintf("%s on %s drops %.0f rows by %s", n.Node, n.Table, n.Lost*n.Loops, n.Filter))
		}
	})
	return c
}

// costs measures every statement whose cost must not depend on what waits.
func (b *backlog) costs(t *testing.T, s *pgstore.Store) map[string]cost {
	t.Helper()
	conn, schema := b.conn, b.schema
	// 64 held lanes, the one with the backlog among them.
	var ids []string
	var tokens, marks, zeros, lanes, waiting, ended []int64
	var most, counts, numbers []int32
	var none []string
	var paces [][]byte
	for i := range int64(64) {
		lane := i + 1
		ids = append(ids, query[string](t, conn, schema, "SELECT id::text FROM {}.endpoints WHERE lane = $1", lane))
		tokens, marks, zeros, lanes = append(tokens, lane<<32), append(marks, 1), append(zeros, 0), append(lanes, lane)
		most, counts, none, paces = append(most, 5), append(counts, 100), append(none, "{}"), append(paces, nil)
		waiting = append(waiting, query[int64](t, conn, schema, "SELECT coalesce(min(id), 0) FROM {}.queue WHERE lane = $1", lane))
		ended = append(ended, query[int64](t, conn, schema, "SELECT coalesce(min(id), 0) FROM {}.log WHERE lane = $1 AND id % 6 = 0", lane))
		numbers = append(numbers, 1)
	}
	var eventIDs []string
	for i := range 50 {
		if b.last == 0 {
			eventIDs = append(eventIDs, newID())
			continue
		}
		eventIDs = append(eventIDs, query[string](t, conn, schema, "SELECT id::text FROM {}.events WHERE first_id = $1", b.last/2+i))
	}
	day := int64(24 * 3600 * 1e6)
	out := map[string]cost{}
	stmt := func(label, name string, args ...any) {
		t.Helper()
		settings := pgstore.IndexSQL
		if slices.Contains(lasting, name) {
			settings = pgstore.KeepSQL
		}
		out[label] = measure(t, conn, settings, s.Statement(name), args...)
		if slices.Contains([]string{"append", "first", "endpoints", "update", "delete"}, name) {
			out[label+" in a caller's"] = measure(t, conn, "", s.Statement(name), args...)
		}
	}
	stmt("sweep", "sweep", 2000)
	stmt("claim", "claim", 64, int64(1e6))
	stmt("next", "next")
	stmt("due", "due", ids, tokens, most, zeros, counts, none, none)
	stmt("dueConfig", "dueConfig", ids, tokens)
	stmt("extend", "extend", ids, tokens, int64(1e6))
	stmt("return", "return", ids, tokens, marks, zeros, zeros, paces, none)
	stmt("lockHealth", "lockHealth", ids)
	stmt("settleLanes", "settleLanes", ids)
	stmt("settleDeliveries", "settleDeliveries", ids, waiting, numbers, tokens)
	stmt("dequeue", "dequeue", lanes, waiting)
	stmt("deliver", "deliver", ids, waiting, numbers, tokens, numbers, zeros, numbers, paces)
	stmt("names", "names", ids)
	stmt("findExpired", "findExpired", day*365, 1000)
	stmt("findExpired/some", "findExpired", int64(1), 100)
	stmt("findOld", "findOld", day*365, 1000)
	stmt("findOld/some", "findOld", int64(1), 100)
	stmt("expire", "expire", lanes, waiting, []string{"a", "b"})
	stmt("forget", "forget", lanes, ended)
	stmt("lockBodies", "lockBodies", day*365, 1000)
	stmt("lockBodies/some", "lockBodies", int64(1), 100)
	stmt("dropBodies", "dropBodies", eventIDs)
	stmt("dropEvents", "dropEvents", day*365, 1000)
	stmt("dropKeys", "dropKeys", 1000)
	stmt("buryQueue", "buryQueue", int64(1), 100)
	stmt("buryLog", "buryLog", int64(1), 100)
	stmt("again", "again", lanes, ended, true, "")
	stmt("dismiss", "dismiss", append(lanes, lanes...), append(waiting, ended...))
	stmt("findFinished", "findFinished", "acct_0", ended[0])
	stmt("resendState", "resendState", int64(1), ended[0], "op")
	stmt("attempts", "attempts", lanes, ended)
	stmt("endpoints", "endpoints", "acct_5", "", "", "", 100)
	stmt("erasedRows", "erasedRows", eventIDs)
	stmt("findErased", "findErased", "", "lead:1", 100)
	stmt("append", "append", []string{newID(), newID()}, []string{"acct_0", "acct_5"}, []string{scored, scored}, []string{"now", "now"},
		[][]byte{{1}, {1}}, []string{"", "k"}, []int64{0, 1}, []string{"", ""})
	stmt("first", "first", []string{eventIDs[0]}, []string{"acct_0"}, []string{"k"})
	sql, args := s.DeliveriesStatement(webhook.DeliveryQuery{Account: "acct_0"})
	out["deliveries"] = measure(t, conn, pgstore.IndexSQL, sql, args...)
	sql, args = s.DeliveriesStatement(webhook.DeliveryQuery{Account: "acct_0", IDs: []int64{1, 2, 3}})
	out["deliveries/ids"] = measure(t, conn, pgstore.IndexSQL, sql, args...)
	sql, args = s.DeliveriesStatement(webhook.DeliveryQuery{Account: "acct_0", Undelivered: true})
	out["deliveries/undelivered"] = measure(t, conn, pgstore.IndexSQL, sql, args...)
	sql, args = s.DeliveriesStatement(webhook.DeliveryQuery{Account: "acct_0", Type: scored})
	out["deliveries/type"] = measure(t, conn, pgstore.IndexSQL, sql, args...)
	sql, args = s.OldestStatement(webhook.DeliveryQuery{Account: "acct_0"})
	out["recover"] = measure(t, conn, pgstore.IndexSQL, sql, args...)
	return out
}

// lasting are the statements whose plans are kept by connections, maybe from when
// the tables were empty.
var lasting = []string{"sweep", "claim", "next", "due", "dueConfig", "extend", "return", "lockHealth", "settleLanes", "settleDeliveries", "deliver", "names", "dequeue"}

// TestPlansStayFlat measures in one schema that grows, since the planner goes
// by what it knows: with nothing known, after ANALYZE, with what it knew when
// there was little.
func TestPlansStayFlat(t *testing.T) {
	for name, c := range map[string]struct {
		single bool
		many   int
	}{
		"one lane has most": {false, many},
		"one lane has all":  {true, many / 10}, // as statistics say
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, schema := openSchema(t)
			b := newBacklog(t, schema, c.single)
			b.grow(t, few)
			b.vacuum(t, true)
			small := b.costs(t, s)
			b.grow(t, c.many)
			b.vacuum(t, false)
			compare(t, "with old statistics", small, b.costs(t, s), c.many)
			b.forget(t)
			b.vacuum(t, false)
			compare(t, "without statistics", small, b.costs(t, s), c.many)
			b.vacuum(t, true)
			compare(t, "with statistics", small, b.costs(t, s), c.many)
		})
	}
}

// TestKeptPlans measures with plans from when there was little, which no
// statistics have replaced.
func TestKeptPlans(t *testing.T) {
	for name, prepare := range map[string]func(*backlog){
		"nothing":                    func(*backlog) {},
		"one delivery for each lane": func(b *backlog) { b.grow(t, 170); b.vacuum(t, true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, schema := openSchema(t)
			b := newBacklog(t, schema, false)
			prepare(b)
			b.costs(t, s) // makes the plans
			b.grow(t, few)
			small := b.costs(t, s)
			b.grow(t, many/10)
			large := b.costs(t, s)
			for name := range large {
				if !slices.Contains(lasting, name) {
					delete(large, name)
				}
			}
			compare(t, "with plans from when there was "+name, small, large, many/10)
		})
	}
}

// readBy are the indexes that statements must read by, whatever the planner
// knows.
var readBy = map[string]string{
	"claim": "lanes_ready", "next": "lanes_ready", "due": "queue_due", "return": "queue_due",
	"settleDeliveries": "queue_pkey", "dequeue": "queue_pkey", "deliver": "queue_pkey", "findExpired": "queue_created",
	"findOld": "log_finished", "lockBodies": "events_bodies", "dropEvents": "events_bare", "dropKeys": "keys_until",
}

// working are statements that would cost nothing if there were nothing to do
// for them.
var working = []string{"claim", "next", "due", "extend", "return", "settleLanes", "settleDeliveries", "deliver", "names", "findExpired/some", "findOld/some",
	"lockBodies/some", "findFinished", "attempts", "endpoints", "erasedRows", "deliveries", "recover", "again", "resendState", "first"}

// compare says which statements cost more with n pending deliveries: what takes
// work out may read the same pages, and the rest no more than trees that are a
// level or two higher.
func compare(t *testing.T, how string, small, large map[string]cost, n int) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(large)) {
		a, b := small[name], large[name]
		t.Logf("%-28s %5d pages with %d pending, %5d with %d, %s", name, a.pages, few, b.pages, n, how)
		wrong := b.bad
		most := 3*a.pages + 64
		if name == "claim" || name == "due" || name == "next" {
			most = a.pages + a.pages/2 + 16
		}
		if b.pages > most {
			wrong = append(wrong, fmt.Sprintf("it reads %d pages, and %d with %d pending: it left its index", b.pages, a.pages, few))
		}
		if a.rows != b.rows || b.rows == 0 && slices.Contains(working, name) {
			wrong = append(wrong, fmt.Sprintf("it has %d rows, and %d with %d pending: that cannot be compared", b.rows, a.rows, few))
		}
		if index, ok := readBy[name]; ok && !slices.Contains(b.indexes, index) {
			wrong = append(wrong, fmt.Sprintf("it reads by %q and not by %s", b.indexes, index))
		}
		for _, what := range wrong {
			t.Errorf("%s with %d pending, %s: %s", name, n, how, what)
		}
		if len(wrong) > 0 {
			t.Log(b.plan)
		}
	}
}
