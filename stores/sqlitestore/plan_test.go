package sqlitestore

import (
	"database/sql"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// allowed are the statements that go through the whole of a small table:
// people's statistics, and the pauses.
var allowed = []string{"FROM webhook_lanes l JOIN webhook_health h", "FROM webhook_pauses", "FROM webhook_deleted", "SET held = 0, ready_at = min(", "FROM webhook_lanes WHERE parked = 1", "sqlite_master"}

// Every statement that the store ever prepares finds its rows by an index,
// and sorts none of them. What is not in the plan cannot grow with the tables.
func TestPlans(t *testing.T) {
	s := openNew(t)
	exercise(t, s)
	queries := map[string]bool{}
	for _, l := range []*slot{&s.writer, &s.engine, &s.log} {
		for q := range l.s.stmts {
			queries[q] = true
		}
	}
	if len(queries) < 90 {
		t.Errorf("only %d statements were prepared: the exercise misses some", len(queries))
	}
	for range 2 { // also with statistics, which are misleading after the exercise
		plans(t, s, queries)
		if _, err := s.db.Exec(`ANALYZE`); err != nil {
			t.Fatal(err)
		}
	}
}

func plans(t *testing.T, s *Store, queries map[string]bool) {
	t.Helper()
	for q := range queries {
		for _, step := range explain(t, s.db, q) {
			bad := regexp.MustCompile(`^SCAN (webhook_|[a-z]\b)`).MatchString(step) ||
				strings.Contains(step, "USE TEMP B-TREE FOR ORDER BY") && !strings.Contains(q, "json_each")
			for _, part := range allowed {
				bad = bad && !strings.Contains(q, part)
			}
			if bad {
				t.Errorf("%s\n in %s", step, q)
			}
		}
	}
}

// explain returns the steps of a statement's plan.
func explain(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	if regexp.MustCompile(`^(BEGIN|COMMIT|ROLLBACK)`).MatchString(query) {
		return nil
	}
	args := make([]any, strings.Count(query, "?"))
	for i := range args {
		args[i] = 0
	}
	if m := regexp.MustCompile(`\?\d`).FindAllString(query, -1); m != nil {
		most := "?0"
		for _, x := range m {
			most = max(most, x)
		}
		args = args[:most[1]-'0']
	}
	rows, err := db.Query(`EXPLAIN QUERY PLAN `+query, args...)
	if err != nil {
		t.Fatalf("%v in %s", err, query)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	return steps
}

func event(i int) webhook.EventRecord {
	return webhook.EventRecord{ID: fmt.Sprintf("event-%d", i), Account: "acct", Type: fmt.Sprint("t", i%3), Key: fmt.Sprint("key", i),
		KeyWindow: time.Hour, Subject: fmt.Sprint("lead:", i%5), OccurredAt: time.Now(), Body: []byte("{}")}
}

func endpoint(id string) webhook.Endpoint {
	return webhook.Endpoint{ID: id, Account: "acct", Name: id, URL: "https://a.example.com/", Events: []string{"t0", "t1", "t2"},
		Secret: "whsec_0123456789abcdef", Enabled: true}
}

func check[T any](t testing.TB) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// exercise calls everything with everything, so that all statements are made.
func exercise(t *testing.T, s *Store) {
	ctx := t.Context()
	must := check[any](t)
	put := check[webhook.Endpoint](t)
	var eps []webhook.Endpoint
	for i := range 4 {
		e := endpoint(fmt.Sprint("ep", i))
		e.FIFO = i%2 == 1
		eps = append(eps, put(s.PutEndpoint(ctx, e, 10)))
	}
	off := endpoint("off")
	off.Enabled, off.DisabledBy = false, webhook.DisabledByEngine
	put(s.PutEndpoint(ctx, off, 10))
	eps[0].Name = "renamed"
	eps[0] = put(s.PutEndpoint(ctx, eps[0], 10))
	for i := range 30 {
		must(s.Append(ctx, []webhook.EventRecord{event(i)}))
	}
	for round := range 4 {
		claims, _, err := s.Claim(ctx, 10, time.Minute)
		must(nil, err)
		var outcomes []webhook.Outcome
		var returns []webhook.Return
		for _, c := range claims {
			b := check[[]webhook.Batch](t)(s.Due(ctx, []webhook.Want{{Hold: c.Hold, Max: 4, Skip: []int64{1, 2}, Exclude: []string{"t2"}, Count: 8}}))[0]
			b = check[[]webhook.Batch](t)(s.Due(ctx, []webhook.Want{{Hold: c.Hold, Max: 4}, {Hold: c.Hold, Max: 4, Skip: []int64{1}}}))[0]
			for i, d := range b.Deliveries {
				o := webhook.Outcome{Hold: c.Hold, Delivery: d.ID, After: d.Attempts, State: webhook.StateDead, Reason: webhook.ReasonFailed,
					Attempt: &webhook.Attempt{Result: webhook.ResultFailed, Status: 410, Error: "no"}}
				switch (i + round) % 4 {
				case 0:
					o.State, o.Attempt = webhook.StateDelivered, &webhook.Attempt{Result: webhook.ResultDelivered, Status: 204}
				case 1:
					o.State = webhook.StatePending
				case 2:
					o.Attempt.Result = webhook.ResultInterrupted
				}
				if c.Endpoint == "ep3" && round == 3 {
					o.Disable, o.Version = "gone", c.Config.Version
				}
				outcomes = append(outcomes, o, o)
			}
			r := webhook.Return{Hold: c.Hold, Mark: b.Mark}
			if round%2 == 0 {
				r.Park, r.Exclude = 1, []string{"t1"}
			}
			returns = append(returns, r)
		}
		for _, c := range claims {
			must(s.Extend(ctx, []webhook.Hold{c.Hold}, time.Minute))
		}
		must(s.Settle(ctx, outcomes, returns))
		must(nil, s.SetPause(ctx, webhook.Pause{Type: "t1"}, round%2 == 0))
		must(s.Pauses(ctx))
	}
	for _, q := range queries() {
		must(s.Deliveries(ctx, q))
		for _, d := range check[[]webhook.DeliveryRecord](t)(s.Deliveries(ctx, q)) {
			_, _ = s.Resend(ctx, "acct", d.ID, "op")
		}
		q.Limit = 1
		_, _ = s.Recover(ctx, q)
		must(s.Dismiss(ctx, q))
	}
	must(s.Endpoints(ctx, webhook.EndpointQuery{Account: "acct", Type: "t1", After: "ep0", Hours: 24}))
	must(s.Endpoints(ctx, webhook.EndpointQuery{Account: "acct", ID: "ep0"}))
	must(s.Stats(ctx))
	must(nil, s.DeleteEndpoint(ctx, "acct", "ep2"))
	must(s.Purge(ctx, webhook.Ages{Pending: time.Hour}, 3))
	skew.Add(int64(200 * time.Hour))
	for _, ages := range []webhook.Ages{{Pending: time.Hour, Bodies: time.Hour}, {Log: time.Hour}} {
		for check[int](t)(s.Purge(ctx, ages, 5)) > 0 {
		}
	}
	put(s.PutEndpoint(ctx, endpoint("again"), 10))
	for i := range 10 {
		must(s.Append(ctx, []webhook.EventRecord{event(100 + i)}))
	}
	for _, e := range []webhook.Erasure{{Subject: "lead:1", Account: "acct"}, {Subject: "lead:2"}, {Account: "acct"}} {
		for check[int](t)(s.Erase(ctx, e, 3)) > 0 {
		}
	}
	must(nil, check[func() error](t)(s.Lock(ctx))())
}

// queries are the shapes of a delivery query.
func queries() []webhook.DeliveryQuery {
	var out []webhook.DeliveryQuery
	for i := range 1 << 6 {
		q := webhook.DeliveryQuery{Account: "acct", Body: i%2 == 0}
		for bit, set := range []func(){
			func() { q.Endpoint = "ep1" }, func() { q.Event = "event-3" }, func() { q.IDs = []int64{1, 2, 3} },
			func() { q.Type = "t1" }, func() { q.States = []webhook.State{webhook.StateDead, webhook.StatePending} },
			func() {
				q.Undelivered, q.Since, q.Until, q.Before = true, time.Unix(1, 0), time.Now().Add(1000*time.Hour), 1<<40
			},
		} {
			if i>>bit&1 == 1 {
				set()
			}
		}
		out = append(out, q)
	}
	return out
}

// What claiming and asking costs does not depend on how much waits in a lane
// that is blocked. A scan would take 40 times as long with 40 times as much; the
// fastest of many calls may take 8 times.
func TestFlat(t *testing.T) {
	s := openNew(t)
	ctx := t.Context()
	check[webhook.Endpoint](t)(s.PutEndpoint(ctx, endpoint("blocked"), 10))
	check[webhook.Endpoint](t)(s.PutEndpoint(ctx, endpoint("fine"), 10))
	var before []time.Duration
	stored := 0
	for _, n := range []int{1_000, 40_000} {
		fill(t, s, "blocked", n-stored)
		stored = n
		check[[]webhook.Appended](t)(s.Append(ctx, []webhook.EventRecord{{ID: fmt.Sprint(n), Account: "acct", Type: "t1", Body: []byte("{}")}}))
		took := rounds(t, s)
		t.Logf("%d waiting: claim %v, due %v, return %v, list %v", n, took[0], took[1], took[2], took[3])
		for i := range before {
			if took[i] > 8*before[i] {
				t.Errorf("step %d takes %v with %d waiting deliveries, %v with a 40th of them", i, took[i], n, before[i])
			}
		}
		before = took
	}
	began := time.Now()
	check[any](t)(nil, s.DeleteEndpoint(ctx, "acct", "blocked"))
	if took := time.Since(began); took > time.Second {
		t.Errorf("deleting an endpoint with %d waiting deliveries takes %v", stored, took)
	}
	if st := check[webhook.StoreStats](t)(s.Stats(ctx)); st.Pending != 2 || st.Endpoints != 1 {
		t.Errorf("what is left: %+v", st)
	}
	left := stored
	for n := 1; n > 0; left -= n {
		n = check[int](t)(s.Purge(ctx, webhook.Ages{}, 20_000))
	}
	if left != -2 { // with the two events of the loop
		t.Errorf("%d rows of the deleted endpoint are left", left)
	}
}

// rounds returns the least time that each step took in some rounds.
func rounds(t *testing.T, s *Store) []time.Duration {
	t.Helper()
	ctx := t.Context()
	best := []time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}
	for range 50 {
		var h webhook.Hold
		var mark int64
		for i, step := range []func(){
			func() { h = claimOf(t, s, "blocked") },
			func() {
				b := check[[]webhook.Batch](t)(s.Due(ctx, []webhook.Want{{Hold: h, Max: 8, Skip: []int64{1, 2, 3}, Count: 8}}))
				if len(b) != 1 || len(b[0].Deliveries) != 8 || b[0].Pending != 8 {
					t.Fatalf("due: %d batches", len(b))
				}
				mark = b[0].Mark
			},
			func() { check[webhook.Settled](t)(s.Settle(ctx, nil, []webhook.Return{{Hold: h, Mark: mark}})) },
			func() {
				check[[]webhook.DeliveryRecord](t)(s.Deliveries(ctx, webhook.DeliveryQuery{Account: "acct", Limit: 10}))
				check[int](t)(s.Recover(ctx, webhook.DeliveryQuery{Account: "acct", Limit: 10}))
			},
		} {
			began := time.Now()
			step()
			best[i] = min(best[i], time.Since(began))
		}
	}
	return best
}

func fill(t *testing.T, s *Store, id string, n int) {
	t.Helper()
	err := s.update(t.Context(), func(tx *txn) error {
		e, err := tx.find(id)
		if err != nil {
			return err
		}
		if _, err := tx.exec(`INSERT OR IGNORE INTO webhook_events (pk, id, account, type, subject, occurred_at, deliveries, turn, body)
			VALUES (1000000, 'filler', 'acct', 't0', '', 0, 0, 0, x'7b7d')`); err != nil {
			return err
		}
		if _, err := tx.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
			INSERT INTO webhook_deliveries (lane, event, type, due, created_at) SELECT ?, 1000000, 't0', 0, 0 FROM n`, n, e.lane); err != nil {
			return err
		}
		return tx.wake(e.lane)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func claimOf(t *testing.T, s *Store, id string) webhook.Hold {
	t.Helper()
	claims, _, err := s.Claim(t.Context(), 10, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		if c.Endpoint == id {
			return c.Hold
		}
	}
	t.Fatalf("%s is not ready", id)
	return webhook.Hold{}
}
