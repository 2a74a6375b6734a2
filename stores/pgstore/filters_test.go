package pgstore_test

import (
	"slices"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

// The log of one webhook, as a page of it asks for it, costs the same with
// little and with a million deliveries in it: also what failed, when that was
// little and long ago, and whatever the planner knows.
func TestLogOfOneEndpoint(t *testing.T) {
	t.Parallel()
	s, schema := openSchema(t)
	b := newBacklog(t, schema, true)
	id := query[string](t, b.conn, schema, "SELECT id::text FROM {}.endpoints WHERE lane = 1")
	queries := map[string]webhook.DeliveryQuery{
		"all":         {},
		"older":       {Before: few / 2},
		"waiting":     {States: []webhook.State{webhook.StatePending}},
		"delivered":   {States: []webhook.State{webhook.StateDelivered}},
		"failed":      {States: []webhook.State{webhook.StateDead}},
		"undelivered": {Undelivered: true},
		"one":         {IDs: []int64{17}},
	}
	logged := 0
	fill := func(n int) {
		b.exec(t, `INSERT INTO {}.log (lane, id, created_at, finished_at, event_id, token, took, n, status, seq, attempts, state, resend, moot, undelivered, gone)
			SELECT 1, i, now(), now(), lpad(to_hex(i), 32, '0')::uuid, 1, 1, 1, 204, 0, 1, CASE WHEN i <= 50 THEN 3 ELSE 2 END, false, false, i <= 50, false
			FROM generate_series($1::int, $2::int) i`, logged+1, n)
		logged = n
	}
	costs := func() map[string]cost {
		out := map[string]cost{}
		for name, q := range queries {
			q.Account, q.Endpoint, q.Limit = "acct_0", id, 26
			sql, args := s.DeliveriesStatement(q)
			out[name] = measure(t, b.conn, pgstore.IndexSQL, sql, args...)
		}
		return out
	}
	fill(few)
	b.vacuum(t, true)
	small := costs()
	fill(many)
	b.vacuum(t, false)
	for _, how := range []string{"with old statistics", "without statistics", "with statistics"} {
		for name, c := range costs() {
			t.Logf("%-12s %4d pages with %d, %4d with %d, %s", name, small[name].pages, few, c.pages, many, how)
			if c.pages > 3*small[name].pages+64 || len(c.bad) > 0 || c.rows != small[name].rows {
				t.Errorf("%s: %d pages and %d rows, %d and %d with %d, %s: %q\n%s", name, c.pages, c.rows, small[name].pages, small[name].rows, few, how, c.bad, c.plan)
			}
			if want := map[string]string{"failed": "log_dead", "undelivered": "log_undelivered"}[name]; want != "" && !slices.Contains(c.indexes, want) {
				t.Errorf("%s reads by %q, want %s, %s", name, c.indexes, want, how)
			}
		}
		switch how {
		case "with old statistics":
			b.forget(t)
			b.vacuum(t, false)
		case "without statistics":
			b.vacuum(t, true)
		}
	}
	if n := small["failed"].rows; n != 26 {
		t.Errorf("%d failed ones were found, want a page of 26", n)
	}
}
