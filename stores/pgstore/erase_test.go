package pgstore_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

// holding returns the columns of a schema that hold a text somewhere, in any
// row of any table, with how many rows.
func holding(t *testing.T, schema, text string) (out []string) {
	t.Helper()
	pool := newPool(t, 1)
	rows, err := pool.Query(t.Context(), `SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = $1`, schema)
	check(t, err)
	type column struct{ Table, Name, Type string }
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[column])
	check(t, err)
	if len(columns) < 100 {
		t.Fatalf("only %d columns were found", len(columns))
	}
	for _, c := range columns {
		value := c.Name + "::text"
		if c.Type == "bytea" {
			value = "encode(" + c.Name + ", 'escape')"
		}
		n := query[int](t, pool, schema, fmt.Sprintf("SELECT count(*) FROM {}.%s WHERE strpos(%s, $1) > 0", c.Table, value), text)
		if n > 0 {
			out = append(out, fmt.Sprintf("%s.%s in %d rows", c.Table, c.Name, n))
		}
	}
	return out
}

// Nothing is left in any column of any table of a data subject that was erased
// everywhere, nor of an account; and nothing else is gone.
func TestEraseLeavesNothing(t *testing.T) {
	t.Parallel()
	const person, acme, other = "person-7f3a", "acct_acme-51c9", "acct_other-20be"
	s, schema := openSchema(t)
	ctx := t.Context()
	for _, account := range []string{acme, other} {
		for i := range 3 {
			endpoint(t, s, func(e *webhook.Endpoint) {
				e.Account, e.Name, e.FIFO = account, "of "+account, i == 1
				if i == 2 {
					e.Enabled, e.DisabledBy, e.DisabledReason = false, webhook.DisabledByEngine, "said "+account
				}
			})
		}
		for i := range 12 {
			emit(t, s, event(func(e *webhook.EventRecord) {
				e.Account, e.Body = account, []byte("about "+account)
				if i%2 == 1 {
					e.Subject, e.Body = person, []byte(`{"about": "`+person+" of "+account+`"}`)
				}
			}, func(e *webhook.EventRecord) {
				if i%3 == 0 {
					e.Key, e.KeyWindow = fmt.Sprint(account, i), time.Hour
				}
			}))
		}
	}
	// Every delivery is tried; what the receivers say repeats what they got.
	for _, state := range []webhook.State{webhook.StatePending, webhook.StateDead, webhook.StateDelivered} {
		answer(t, s, state)
	}
	for _, a := range []string{acme, other} {
		_, err := s.Recover(ctx, webhook.DeliveryQuery{Account: a, Limit: 3})
		check(t, err)
	}
	for text, columns := range map[string][]string{
		person: {"events.subject", "events.body", "log.response", "attempts.response", "health.response"},
		acme:   {"accounts.account", "endpoints.account", "endpoints.config", "endpoints.disabled_reason", "events.account", "keys.account", "keys.key"},
	} {
		held := strings.Join(holding(t, schema, text), ", ")
		for _, c := range columns {
			if !strings.Contains(held, c) {
				t.Fatalf("%s is not in %s but in %s: the test looks at too little", text, c, held)
			}
		}
	}

	erase := func(e webhook.Erasure, want int) {
		t.Helper()
		total := 0
		for {
			n, err := s.Erase(ctx, e, 2)
			check(t, err)
			if n > 2 {
				t.Errorf("%d erased at once, want at most 2", n)
			}
			if total += n; n == 0 {
				break
			}
		}
		if total != want {
			t.Errorf("erased were %d of %+v, want %d", total, e, want)
		}
	}
	erase(webhook.Erasure{Subject: person}, 12)
	if left := holding(t, schema, person); len(left) > 0 {
		t.Errorf("what is left of the data subject: %q", left)
	}
	for _, account := range []string{acme, other} {
		rs, err := s.Deliveries(ctx, webhook.DeliveryQuery{Account: account, Body: true})
		check(t, err)
		for _, r := range rs {
			if string(r.Body) != "about "+account {
				t.Errorf("another event has the body %q", r.Body)
			}
		}
		if len(rs) < 18 {
			t.Errorf("%d deliveries of other events are left, want 18 or more", len(rs))
		}
	}
	before := holding(t, schema, other)
	erase(webhook.Erasure{Account: acme}, 6+3)
	if left := holding(t, schema, acme); len(left) > 0 {
		t.Errorf("what is left of the account: %q", left)
	}
	after := holding(t, schema, other)
	slices.Sort(before)
	slices.Sort(after)
	if !slices.Equal(before, after) {
		t.Errorf("of the other account there was\n%q and is\n%q", before, after)
	}
}

// answer sends what is due, in half of the lanes' deliveries with an outcome
// of that state, and says in the response what was sent.
func answer(t *testing.T, s *pgstore.Store, state webhook.State) {
	t.Helper()
	ctx := t.Context()
	claims, _, err := s.Claim(ctx, 100, time.Minute)
	check(t, err)
	for _, c := range claims {
		bs, err := s.Due(ctx, []webhook.Want{{Hold: c.Hold, Max: 4}})
		check(t, err)
		var outcomes []webhook.Outcome
		for _, d := range bs[0].Deliveries {
			a := &webhook.Attempt{Result: webhook.ResultFailed, Status: 500, Class: "status", Error: "500", Response: []byte("got " + string(d.Event.Body))}
			o := webhook.Outcome{Hold: c.Hold, Delivery: d.ID, After: d.Attempts, State: state, Attempt: a}
			switch state {
			case webhook.StateDelivered:
				a.Result, a.Status, a.Error, a.Class = webhook.ResultDelivered, 200, "", ""
			case webhook.StateDead:
				o.Reason = webhook.ReasonFailed
			}
			outcomes = append(outcomes, o)
		}
		if len(outcomes) == 0 {
			t.Fatalf("%s has nothing to send", strings.TrimPrefix(c.Config.Name, "of "))
		}
		_, err = s.Settle(ctx, outcomes, []webhook.Return{{Hold: c.Hold, Mark: webhook.MarkAny}})
		check(t, err)
	}
}
