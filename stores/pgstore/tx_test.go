package pgstore_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

const (
	account = "acct_1"
	scored  = "lead.scored"
)

// endpoint creates one.
func endpoint(t testing.TB, s webhook.Tx, with ...func(*webhook.Endpoint)) webhook.Endpoint {
	t.Helper()
	e := webhook.Endpoint{
		ID: newID(), Account: account, Name: "CRM", URL: "https://crm.example.com/", Events: []string{scored}, Enabled: true,
		Secret: "whsec_0123456789abcdef",
	}
	for _, f := range with {
		f(&e)
	}
	e, err := s.PutEndpoint(context.Background(), e, 1_000_000)
	check(t, err)
	return e
}

// event is one to be appended.
func event(with ...func(*webhook.EventRecord)) webhook.EventRecord {
	e := webhook.EventRecord{ID: newID(), Account: account, Type: scored, OccurredAt: time.Now(), Body: []byte(`{}`)}
	for _, f := range with {
		f(&e)
	}
	return e
}

func keyed(key string) func(*webhook.EventRecord) {
	return func(e *webhook.EventRecord) { e.Key, e.KeyWindow = key, time.Hour }
}

func emit(t testing.TB, s webhook.Tx, events ...webhook.EventRecord) []webhook.Appended {
	t.Helper()
	out, err := s.Append(context.Background(), events)
	check(t, err)
	return out
}

func pending(t testing.TB, s *pgstore.Store) int {
	t.Helper()
	st, err := s.Stats(context.Background())
	check(t, err)
	return st.Pending
}

// transaction is a caller's, of some library.
type transaction struct {
	webhook.Tx
	commit, rollback func() error
	works            func() error // a statement of the caller's
}

// beginners begin transactions of all kinds.
func beginners(t *testing.T, s *pgstore.Store) map[string]func(pgx.TxIsoLevel) transaction {
	pool := newPool(t, 8)
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { _ = db.Close() })
	ctx := context.Background()
	levels := map[pgx.TxIsoLevel]sql.IsolationLevel{
		pgx.ReadCommitted: sql.LevelReadCommitted, pgx.RepeatableRead: sql.LevelRepeatableRead, pgx.Serializable: sql.LevelSerializable,
	}
	return map[string]func(pgx.TxIsoLevel) transaction{
		"pgx": func(level pgx.TxIsoLevel) transaction {
			tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: level})
			check(t, err)
			t.Cleanup(func() { _ = tx.Rollback(ctx) }) // after a failure
			return transaction{
				s.InTx(tx), func() error { return tx.Commit(ctx) }, func() error { return tx.Rollback(ctx) },
				func() error { _, err := tx.Exec(ctx, "SELECT 1"); return err },
			}
		},
		"sql": func(level pgx.TxIsoLevel) transaction {
			tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: levels[level]})
			check(t, err)
			t.Cleanup(func() { _ = tx.Rollback() })
			return transaction{
				s.InSQLTx(tx), tx.Commit, tx.Rollback,
				func() error { _, err := tx.ExecContext(ctx, "SELECT 1"); return err },
			}
		},
	}
}

func asItIs(*pgxpool.Config) {}

// eachTx runs a test with transactions of all kinds, on stores whose pools with
// configures.
func eachTx(t *testing.T, with func(*pgxpool.Config), f func(t *testing.T, s *pgstore.Store, begin func(pgx.TxIsoLevel) transaction)) {
	for _, kind := range []string{"pgx", "sql"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := open(t, with)
			f(t, s, beginners(t, s)[kind])
		})
	}
}

func TestTxCommit(t *testing.T) {
	eachTx(t, asItIs, func(t *testing.T, s *pgstore.Store, begin func(pgx.TxIsoLevel) transaction) {
		for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
			tx := begin(level)
			e := endpoint(t, tx, func(e *webhook.Endpoint) {
				e.Headers = map[string]string{"X-Odd": `"{}\,'` + "\u2603"}
				e.Events = []string{scored, `odd"\,{}`}
			})
			ev := event(func(e *webhook.EventRecord) { e.Body, e.Subject = []byte("\x00\xff\"\\{}"), `s"\,` }, keyed("k"+string(level)))
			if a := emit(t, tx, ev, event())[0]; a.Deliveries < 1 {
				t.Errorf("%s: %+v", level, a)
			}
			e.Name = "renamed"
			e, err := tx.PutEndpoint(t.Context(), e, 1)
			check(t, err)
			before := pending(t, s)
			check(t, tx.commit())
			if n := pending(t, s); n <= before {
				t.Errorf("%s: %d pending after the commit, %d before", level, n, before)
			}
			rs, err := s.Endpoints(t.Context(), webhook.EndpointQuery{Account: account, ID: e.ID})
			check(t, err)
			if len(rs) != 1 || rs[0].Version != 2 || rs[0].Headers["X-Odd"] != e.Headers["X-Odd"] || rs[0].Events[1] != e.Events[1] {
				t.Errorf("%s: stored is %+v", level, rs)
			}
			ds, err := s.Deliveries(t.Context(), webhook.DeliveryQuery{Account: account, Event: ev.ID, Endpoint: e.ID, Body: true})
			check(t, err)
			if len(ds) != 1 || string(ds[0].Body) != string(ev.Body) {
				t.Errorf("%s: logged are %+v", level, ds)
			}
			tx = begin(level)
			check(t, tx.DeleteEndpoint(t.Context(), account, e.ID))
			check(t, tx.commit())
		}
	})
}

// tables whose rows a rolled back transaction must not leave.
var tables = []string{"accounts", "endpoints", "lanes", "wakes", "graves", "health", "missed", "events", "keys", "queue", "log"}

func TestTxRollbackLeavesNoTrace(t *testing.T) {
	for _, kind := range []string{"pgx", "sql"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s, schema := openSchema(t)
			begin := beginners(t, s)[kind]
			pool := newPool(t, 1)
			kept := endpoint(t, s)
			off := endpoint(t, s, func(e *webhook.Endpoint) { e.Enabled, e.DisabledBy = false, webhook.DisabledByEngine })
			picture := func() (out string) {
				for _, table := range tables {
					out += fmt.Sprintln(table, query[string](t, pool, schema, "SELECT coalesce(string_agg(x::text, ';' ORDER BY x::text), '') FROM {}."+table+" x"))
				}
				return out
			}
			before := picture()
			tx := begin(pgx.ReadCommitted)
			endpoint(t, tx)
			ev := event(keyed("k"))
			emit(t, tx, ev)
			check(t, tx.DeleteEndpoint(t.Context(), account, kept.ID))
			off.Name = "renamed"
			_, err := tx.PutEndpoint(t.Context(), off, 10)
			check(t, err)
			check(t, tx.rollback())
			if after := picture(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			if a := emit(t, s, ev)[0]; a.Duplicate || a.Deliveries != 1 {
				t.Errorf("the event that was rolled back: %+v", a)
			}
		})
	}
}

func TestTxDuplicateDoesNotPoison(t *testing.T) {
	eachTx(t, asItIs, func(t *testing.T, s *pgstore.Store, begin func(pgx.TxIsoLevel) transaction) {
		endpoint(t, s)
		first := event(keyed("k"))
		emit(t, s, first)
		for _, level := range []pgx.TxIsoLevel{pgx.ReadCommitted, pgx.RepeatableRead, pgx.Serializable} {
			tx := begin(level)
			out := emit(t, tx, first, event(keyed("k")), event())
			if !out[0].Duplicate || !out[1].Duplicate || out[1].ID != first.ID || out[2].Duplicate {
				t.Errorf("%s: %+v", level, out)
			}
			check(t, tx.works())
			check(t, tx.commit())
		}
		// One that is committed while the transaction waits for it.
		other, tx := begin(pgx.ReadCommitted), begin(pgx.ReadCommitted)
		theirs := event(keyed("late"))
		emit(t, other, theirs)
		committed := make(chan error, 1)
		time.AfterFunc(300*time.Millisecond, func() { committed <- other.commit() })
		out := emit(t, tx, event(keyed("late")), theirs)
		if !out[0].Duplicate || out[0].ID != theirs.ID || !out[1].Duplicate {
			t.Errorf("after waiting for the first one: %+v", out)
		}
		check(t, <-committed)
		check(t, tx.works())
		check(t, tx.commit())
		// A refusal leaves the transaction usable, too.
		tx = begin(pgx.ReadCommitted)
		if _, err := tx.PutEndpoint(t.Context(), webhook.Endpoint{ID: newID(), Account: account, Name: "x"}, 1); !errors.Is(err, webhook.ErrLimit) {
			t.Errorf("beyond the limit: %v", err)
		}
		if err := tx.DeleteEndpoint(t.Context(), account, newID()); !errors.Is(err, webhook.ErrNotFound) {
			t.Errorf("deleting nothing: %v", err)
		}
		check(t, tx.works())
		check(t, tx.commit())
	})
}

// A caller's open transaction that emitted to every lane, changed and deleted
// endpoints and created one holds up nobody, however long it stays open: it
// does until the end, and whoever had to wait for one of its locks would fail.
func TestTxOpenDelaysNobody(t *testing.T) {
	impatient := func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["lock_timeout"] = "100ms" }
	eachTx(t, impatient, func(t *testing.T, s *pgstore.Store, begin func(pgx.TxIsoLevel) transaction) {
		ctx := t.Context()
		a, b, c := endpoint(t, s), endpoint(t, s), endpoint(t, s)
		emit(t, s, event())
		tx := begin(pgx.ReadCommitted)
		emit(t, tx, event(), event(keyed("held")))
		b.Enabled, b.DisabledBy = false, webhook.DisabledByCustomer
		_, err := tx.PutEndpoint(ctx, b, 10)
		check(t, err)
		check(t, tx.DeleteEndpoint(ctx, account, c.ID))
		endpoint(t, tx, func(e *webhook.Endpoint) { e.Account = "acct_other" })

		updated := a
		for round := range 3 {
			emit(t, s, event(), event(keyed(fmt.Sprint(round))))
			updated, err = s.PutEndpoint(ctx, updated, 10)
			check(t, err)
			claims, _, err := s.Claim(ctx, 10, time.Minute)
			check(t, err)
			if len(claims) != 3 {
				t.Errorf("round %d: %d of 3 lanes were claimed", round, len(claims))
			}
			for _, x := range claims {
				bs, err := s.Due(ctx, []webhook.Want{{Hold: x.Hold, Max: 100}})
				check(t, err)
				if len(bs) != 1 {
					t.Fatalf("round %d: the lane is not held", round)
				}
				if lost, err := s.Extend(ctx, []webhook.Hold{x.Hold}, time.Minute); err != nil || len(lost) > 0 {
					t.Errorf("round %d: Extend: %v, %v", round, lost, err)
				}
				var outcomes []webhook.Outcome
				for _, d := range bs[0].Deliveries {
					outcomes = append(outcomes, webhook.Outcome{
						Hold: x.Hold, Delivery: d.ID, State: webhook.StateDead, Reason: webhook.ReasonFailed, Disable: "410", Version: 99,
						Attempt: &webhook.Attempt{Result: webhook.ResultFailed, Status: 410, Error: "gone"},
					})
				}
				if len(outcomes) > 0 {
					outcomes[0].Version = x.Config.Version // to be disabled, perhaps while it is edited
				}
				if x.Endpoint == a.ID {
					outcomes[0].Version = 99
				}
				out, err := s.Settle(ctx, outcomes, []webhook.Return{{Hold: x.Hold, Mark: webhook.MarkAny}})
				check(t, err)
				if len(out.Refused) > 0 {
					t.Errorf("round %d: a return was refused", round)
				}
			}
			_, err = s.Recover(ctx, webhook.DeliveryQuery{Account: account})
			check(t, err)
			_, err = s.Purge(ctx, webhook.Ages{Pending: time.Hour, Bodies: time.Hour, Log: time.Hour}, 100)
			check(t, err)
		}
		endpoint(t, s) // in its account
		// The same key is what waits, for a bounded time, and is refused.
		if _, err := s.Append(ctx, []webhook.EventRecord{event(keyed("held"))}); !errors.Is(err, webhook.ErrFull) {
			t.Errorf("an emit with the key of an open transaction: %v", err)
		}
		check(t, tx.commit())
		if a := emit(t, s, event(keyed("held")))[0]; !a.Duplicate {
			t.Errorf("an emit with the key of a transaction that has committed: %+v", a)
		}
		rs, err := s.Endpoints(ctx, webhook.EndpointQuery{Account: account})
		check(t, err)
		if len(rs) != 3 {
			t.Errorf("%d endpoints are left, want 3", len(rs))
		}
	})
}
