package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/stores/pgstore"
)

// A handbook runs the SQL of the documentation: in a schema, a database and by
// roles of its own instead of those that are named there.
type handbook struct {
	names map[string]string
	admin *pgxpool.Pool
}

var (
	sqlBlock = regexp.MustCompile("(?ms)^```sql\n(.*?)^```$")
	name     = regexp.MustCompile(`\b(webhook|webhook_owner|webhook_app|webhook_monitor|shop)\b`)
)

func newHandbook(t *testing.T) *handbook {
	t.Helper()
	schema := newSchema(t)
	h := &handbook{admin: newPool(t, 2), names: map[string]string{
		"webhook": schema, "webhook_owner": schema + "_owner", "webhook_app": schema + "_app", "webhook_monitor": schema + "_monitor",
	}}
	h.names["shop"] = pgx.Identifier{query[string](t, h.admin, "", "SELECT current_database()")}.Sanitize()
	t.Cleanup(func() {
		for _, role := range []string{"webhook_monitor", "webhook_app", "webhook_owner"} {
			_, err := h.admin.Exec(context.Background(), "DROP OWNED BY "+h.names[role]+" CASCADE; DROP ROLE "+h.names[role], pgx.QueryExecModeSimpleProtocol)
			check(t, err)
		}
	})
	return h
}

// blocks returns the SQL of a page.
func (h *handbook) blocks(t *testing.T, page string) (out []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/" + page)
	check(t, err)
	for _, m := range sqlBlock.FindAllStringSubmatch(string(text), -1) {
		out = append(out, name.ReplaceAllStringFunc(m[1], func(s string) string { return h.names[s] }))
	}
	return out
}

// by returns a pool whose connections have only the rights of a role.
func (h *handbook) by(t *testing.T, role string) *pgxpool.Pool {
	t.Helper()
	return newPool(t, 4, func(c *pgxpool.Config) {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SET ROLE "+h.names[role])
			return err
		}
	})
}

// The roles of docs/storage.md suffice, each for its own part; and every query
// of docs/operating.md works and finds what it is there to find.
func TestDocs(t *testing.T) {
	t.Parallel()
	h := newHandbook(t)
	grants := h.blocks(t, "storage.md")
	if len(grants) != 3 {
		t.Fatalf("docs/storage.md has %d blocks of SQL, want the roles, the app's grants and the monitor's", len(grants))
	}
	run := func(sql string) {
		t.Helper()
		_, err := h.admin.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol)
		check(t, err)
	}
	run(grants[0])
	check(t, pgstore.Migrate(t.Context(), h.by(t, "webhook_owner"), h.names["webhook"]))
	run(grants[1])
	run(grants[2])

	s, err := pgstore.New(h.by(t, "webhook_app"), &pgstore.Options{Schema: h.names["webhook"]})
	check(t, err)
	t.Cleanup(s.Close)
	d := trouble(t, s)
	monitor := h.by(t, "webhook_monitor")
	for _, secret := range []string{"config FROM {}.endpoints", "body FROM {}.events", "response FROM {}.log", "response FROM {}.health", "response FROM {}.attempts"} {
		if _, err := monitor.Exec(t.Context(), "SELECT "+strings.ReplaceAll(secret, "{}", h.names["webhook"])); err == nil {
			t.Errorf("the role for monitoring may read %s", secret)
		}
	}
	queries := h.blocks(t, "operating.md")
	if len(queries) < 8 {
		t.Errorf("only %d queries are found", len(queries))
	}
	for _, sql := range queries {
		rows, err := monitor.Query(t.Context(), sql)
		check(t, err)
		found, err := pgx.CollectRows(rows, pgx.RowToMap)
		if err != nil {
			t.Errorf("%v\n%s", err, sql)
		}
		if len(found) == 0 && !strings.Contains(sql, "-- None when all is well.") {
			t.Errorf("nothing is found by\n%s", sql)
		}
	}

	// The one that wakes somebody tells whether anybody delivers.
	notTaken := func() int64 {
		t.Helper()
		i := slices.IndexFunc(queries, func(sql string) bool { return strings.Contains(sql, "seconds_not_taken") })
		if i < 0 {
			t.Fatal("docs/operating.md has no seconds_not_taken")
		}
		return query[int64](t, monitor, "", queries[i])
	}
	run("UPDATE " + h.names["webhook"] + ".wakes SET at = at - interval '2 minutes'")
	if s := notTaken(); s < 120 {
		t.Errorf("nobody has delivered for two minutes, and it says %d s", s)
	}
	deliver(t, d)
	if s := notTaken(); s != 0 {
		t.Errorf("all is delivered, and it says %d s", s)
	}
}

// deliver runs the dispatcher until nothing waits.
func deliver(t *testing.T, d *webhook.Dispatcher) {
	t.Helper()
	running, stop := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(running) }()
	err := d.Drain(t.Context())
	stop()
	check(t, errors.Join(err, <-ran))
}

// trouble leaves something of each kind in a store: delivered, dead, disabled,
// paused, and waiting since nobody delivers.
func trouble(t *testing.T, s *pgstore.Store) *webhook.Dispatcher {
	t.Helper()
	ctx := t.Context()
	d, err := webhook.New(s, &webhook.Options{Transport: answers{}, Retry: webhook.Schedule{}})
	check(t, err)
	for _, status := range []string{"204", "500", "410"} {
		_, err := d.CreateEndpoint(ctx, webhook.Endpoint{
			Account: account, Name: status, URL: "https://crm.example.com/" + status, Events: []string{scored},
		})
		check(t, err)
	}
	send := func() {
		_, err := d.Emit(ctx, webhook.Event{Account: account, Type: scored, Data: events.LeadScoredData{Lead: events.Lead{ID: "lead_42"}}})
		check(t, err)
	}
	send()
	deliver(t, d)
	send()
	check(t, d.Pause(ctx, webhook.Pause{Host: "slow.example.com"}))
	return d
}

// BenchmarkSizing has the figures of docs/storage.md: what 1,000 deliveries
// cost when they come one after the other, 50 a second, and when 64 callers emit
// as fast as they can; and what a process costs that has nothing to do. Each event goes to
// one of 100 endpoints, which answer at once.
func BenchmarkSizing(b *testing.B) {
	b.Run("OneByOne", func(b *testing.B) { benchSizing(b, 1, 500) })
	b.Run("Busy", func(b *testing.B) { benchSizing(b, 64, 20_000) })
	b.Run("Idle", benchIdle)
}

// answers is a receiver that costs nothing. It answers 204, or what the path
// says.
type answers struct{}

func (answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		return nil, err
	}
	status, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	if err != nil {
		status = http.StatusNoContent
	}
	return &http.Response{StatusCode: status, ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// statements counts what is sent to the server.
type statements struct{ n atomic.Int64 }

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.n.Add(1)
	return ctx
}
func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}
func (s *statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { s.n.Add(1) }
func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// counters are the server's counters. fsyncs are those of the log of a server
// older than 18, which counts them elsewhere.
type counters struct{ wal, commits, fsyncs, statements int64 }

func (n *statements) counters(b *testing.B, pool *pgxpool.Pool) (c counters) {
	time.Sleep(1100 * time.Millisecond) // until the backends have reported
	c.wal = query[int64](b, pool, "", "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn")
	c.commits = query[int64](b, pool, "", "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()")
	_ = pool.QueryRow(context.Background(), "SELECT wal_sync FROM pg_stat_wal").Scan(&c.fsyncs)
	c.statements = n.n.Load()
	return c
}

// sized is a dispatcher with 100 endpoints.
func sized(b *testing.B) (d *webhook.Dispatcher, n *statements, pool *pgxpool.Pool, schema string) {
	n = &statements{}
	s, schema := openSchema(b, func(c *pgxpool.Config) { c.ConnConfig.Tracer, c.MaxConns = n, 20 })
	d, err := webhook.New(s, &webhook.Options{Transport: answers{}, EndpointLimit: func(string) int { return 100 }})
	check(b, err)
	for i := range 100 {
		_, err := d.CreateEndpoint(b.Context(), webhook.Endpoint{
			Account: fmt.Sprint("acct_", i), Name: "CRM", URL: "https://crm.example.com/hooks", Events: []string{events.LeadScored}, Secret: webhook.GenerateSecret(),
		})
		check(b, err)
	}
	return d, n, newPool(b, 1), schema
}

func start(b *testing.B, d *webhook.Dispatcher) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	return func() { cancel(); check(b, <-ran) }
}

func benchSizing(b *testing.B, callers, deliveries int) {
	data := events.LeadScoredData{
		Lead: events.Lead{ID: "lead_42", Name: events.Ptr("Renée Okonedo-Vale"), Bio: events.Ptr(strings.Repeat("Sails, repairs instruments. ", 12))},
	}
	for b.Loop() {
		b.StopTimer()
		d, n, pool, schema := sized(b)
		stop := start(b, d)
		for d.Ready() != nil {
			time.Sleep(time.Millisecond)
		}
		before, bytes := n.counters(b, pool), kept(b, pool, schema)
		var next atomic.Int64
		var wg sync.WaitGroup
		b.StartTimer()
		for range callers {
			wg.Go(func() {
				for i := next.Add(1); i <= int64(deliveries); i = next.Add(1) {
					_, err := d.Emit(b.Context(), webhook.Event{Account: fmt.Sprint("acct_", i%100), Type: events.LeadScored, Data: data})
					check(b, err)
					if callers == 1 {
						time.Sleep(20 * time.Millisecond)
					}
				}
			})
		}
		wg.Wait()
		check(b, d.Drain(b.Context()))
		b.StopTimer()
		connections := query[int64](b, pool, "", "SELECT count(*) - 1 FROM pg_stat_activity WHERE backend_type = 'client backend'")
		after := n.counters(b, pool)
		stop()
		per := func(x int64, unit string) { b.ReportMetric(float64(x)*1000/float64(deliveries), unit+"/1000") }
		per(after.wal-before.wal, "WAL-B")
		per(after.commits-before.commits, "commits")
		per(after.fsyncs-before.fsyncs, "fsyncs")
		per(after.statements-before.statements, "statements")
		per(kept(b, pool, schema)-bytes, "kept-B")
		per(query[int64](b, pool, schema, "SELECT (SELECT count(*) FROM {}.events) + (SELECT count(*) FROM {}.log) + (SELECT count(*) FROM {}.attempts)"), "rows")
		b.ReportMetric(float64(query[int64](b, pool, schema, "SELECT avg(length(body))::bigint FROM {}.events")), "payload-B")
		b.ReportMetric(float64(connections), "connections")
		b.ReportMetric(float64(deliveries)/b.Elapsed().Seconds(), "deliveries/s")
		b.StartTimer()
	}
}

// kept is the size of the tables that grow with what was delivered.
func kept(b *testing.B, pool *pgxpool.Pool, schema string) int64 {
	return query[int64](b, pool, schema, "SELECT (pg_total_relation_size('{}.events') + pg_total_relation_size('{}.log') + pg_total_relation_size('{}.attempts'))::bigint")
}

func benchIdle(b *testing.B) {
	d, n, pool, _ := sized(b)
	defer start(b, d)()
	before, began := n.counters(b, pool), time.Now()
	for b.Loop() {
		time.Sleep(5 * time.Second)
	}
	after, s := n.counters(b, pool), time.Since(began).Seconds()
	b.ReportMetric(float64(after.commits-before.commits)/s, "commits/s")
	b.ReportMetric(float64(after.statements-before.statements)/s, "statements/s")
}
