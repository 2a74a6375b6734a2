package sqlitestore

import (
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// small are the statements that go through the whole of a small table:
// people's statistics, and the pauses.
var small = []string{
	"FROM webhook_lanes l JOIN webhook_health h", "FROM webhook_pauses", "FROM webhook_deleted",
	"FROM webhook_queue ORDER BY id LIMIT", "FROM webhook_delivered ORDER BY id LIMIT", // these look at the first ones only
	"SET held = 0, ready_at = min(", "FROM webhook_lanes WHERE parked = 1", "sqlite_master",
}

// by are the indexes that the engine lives by, with a part of the statements
// that must use them.
var by = []struct{ statement, index string }{
	{"WHERE l.ready_at < 4611686018427387904 AND l.ready_at <= ?", "SEARCH l USING INDEX webhook_lanes_ready (ready_at<?)"},
	{"SELECT ready_at FROM webhook_lanes", "SEARCH webhook_lanes USING COVERING INDEX webhook_lanes_ready (ready_at<?)"},
	{"AND p.id > ? ORDER BY p.id", "SEARCH p USING INDEX webhook_endpoints_account (account=? AND id>?)"},
	{"FROM webhook_queue d LEFT JOIN webhook_events e ON e.pk = d.event WHERE d.lane = ?", "SEARCH d USING INDEX webhook_queue_lane (lane=?)"},
	{"SELECT id FROM webhook_queue WHERE lane = ? ORDER BY id LIMIT 1", "USING COVERING INDEX webhook_queue_lane (lane=?)"},
	{"SELECT created_at, type FROM webhook_queue WHERE lane = ?", "USING INDEX webhook_queue_lane (lane=?)"},
	{"d.state = 0 AND d.resend = 0 AND d.due <= ?", "SEARCH d USING INDEX webhook_deliveries_due (lane=? AND resend=? AND due<?)"},
	{"d.state = 0 AND d.resend = 1 AND d.due <= ?", "SEARCH d USING INDEX webhook_deliveries_due (lane=? AND resend=? AND due<?)"},
	{"SELECT due, type FROM webhook_deliveries WHERE state = 0 AND lane = ? AND resend = 0 ORDER BY due", "USING COVERING INDEX webhook_deliveries_due (lane=? AND resend=?)"},
	{"state = 0 AND resend = 0 ORDER BY id LIMIT 1", "USING COVERING INDEX webhook_deliveries_log (lane=? AND state=?)"},
}

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
	for q := range queries {
		if regexp.MustCompile(`LIMIT \?\d*($|[^\d+])`).MatchString(q) {
			t.Errorf("SQLite parses a statement again at each run whose LIMIT is a parameter and no more; write ?+0 in %s", q)
		}
	}
	for range 2 { // also with statistics, which are misleading after the exercise
		for _, fault := range faults(t, s, queries) {
			t.Error(fault)
		}
		check[sql.Result](t)(s.db.Exec(`ANALYZE`))
	}
	for _, index := range []string{"webhook_lanes_ready", "webhook_deliveries_due", "webhook_deliveries_log", "webhook_events_subject",
		"webhook_queue_lane", "webhook_delivered_lane"} {
		var again string
		check[any](t)(nil, s.db.QueryRow(`SELECT sql FROM sqlite_master WHERE name = ?`, index).Scan(&again))
		check[sql.Result](t)(s.db.Exec(`DROP INDEX ` + index))
		if len(faults(t, s, queries)) == 0 {
			t.Errorf("nobody misses the index %s", index)
		}
		check[sql.Result](t)(s.db.Exec(again))
	}
}

// faults says what is wrong with the plans.
func faults(t *testing.T, s *Store, queries map[string]bool) (out []string) {
	t.Helper()
	used := make([]bool, len(by))
	for q := range queries {
		steps := explain(t, s.db, q)
		isSmall := slices.ContainsFunc(small, func(part string) bool { return strings.Contains(q, part) })
		for _, step := range steps {
			scans := regexp.MustCompile(`^SCAN (webhook_|[a-z]\b)`).MatchString(step)
			sorts := strings.Contains(step, "USE TEMP B-TREE FOR ORDER BY") && !strings.Contains(q, "json_each")
			if (scans || sorts) && !isSmall {
				out = append(out, step+"\n in "+q)
			}
		}
		for i, x := range by {
			if !strings.Contains(q, x.statement) {
				continue
			}
			used[i] = true
			if plan := strings.Join(steps, "\n"); !strings.Contains(plan, x.index) {
				out = append(out, fmt.Sprintf("want %s, got\n%s\n in %s", x.index, plan, q))
			}
		}
	}
	if i := slices.Index(used, false); i >= 0 {
		out = append(out, "no statement has "+by[i].statement)
	}
	return out
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
	must(s.Endpoints(ctx, webhook.EndpointQuery{Account: "acct", ID: "ep0", Limit: 1, Hours: 24})) // a page about one webhook
	for _, state := range []webhook.State{webhook.StatePending, webhook.StateDelivered, webhook.StateDead} {
		must(s.Deliveries(ctx, webhook.DeliveryQuery{Account: "acct", Endpoint: "ep0", States: []webhook.State{state}, Before: 1 << 40, Limit: 26}))
	}
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
