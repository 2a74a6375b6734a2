package sqlitestore

import (
	"bytes"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// marker stands for what is to be erased.
const marker = "Ada.Lovelace"

// After an erasure nothing of a person, or of an account, is in any column of
// any table, nor among the bytes of the file, whatever the host's pool says of
// secure_delete.
func TestEraseLeavesNothing(t *testing.T) {
	for pool, erasures := range map[string][]webhook.Erasure{
		"FAST": {{Subject: "lead:" + marker, Account: "acct"}, {Account: "acct-" + marker}},
		"OFF":  {{Subject: "lead:" + marker}},
	} {
		for _, e := range erasures {
			t.Run(fmt.Sprintf("%+v, secure_delete %s", e, pool), func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "host.db")
				db := check[*sql.DB](t)(sql.Open(driverName, strings.Replace(dsn(path, time.Second), "(FAST)", "("+pool+")", 1)))
				defer db.Close()
				s := check[*Store](t)(New(db, nil))
				lives(t, s, e)
				if found := columnsWith(t, s.db, marker); len(found) < 4 {
					t.Fatalf("before the erasure the marker is only in %v", found)
				}
				for n := 1; n > 0; {
					n = check[int](t)(s.Erase(t.Context(), e, 7))
				}
				if found := columnsWith(t, s.db, marker); len(found) != 0 {
					t.Errorf("after the erasure it is still in %v", found)
				}
				if got := pragma(t, s.writer.s.conn.QueryRowContext, "secure_delete"); got != "2" {
					t.Errorf("Erase left secure_delete at %s, want 2, which is FAST", got)
				}
				if n := count(t, s.db, "webhook_events"); n < 40 {
					t.Errorf("%d events of others are left", n)
				}
				check[sql.Result](t)(s.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`))
				for _, end := range []string{"", "-wal"} {
					if n := bytes.Count(check[[]byte](t)(os.ReadFile(path+end)), []byte(marker)); n != 0 {
						t.Errorf("the marker is in the file webhooks.db%s %d times", end, n)
					}
				}
				check[any](t)(nil, s.Close())
			})
		}
	}
}

// lives lets events of the erasure's and of others' go all ways, in turns.
func lives(t *testing.T, s *Store, e webhook.Erasure) {
	t.Helper()
	ctx := t.Context()
	for _, account := range []string{"acct", "other", e.Account} {
		ep := endpoint("ep-" + account)
		ep.Account = account
		if account == "acct-"+marker {
			ep.Name, ep.Headers, ep.ChangedBy = marker, map[string]string{"X-Who": marker}, marker
		}
		if account != "" {
			check[webhook.Endpoint](t)(s.PutEndpoint(ctx, ep, 10))
		}
	}
	for round := range 4 {
		for i := range 24 {
			ev := event(1000*round + i)
			ev.Body = bytes.Repeat([]byte("x"), []int{10, 900, 9000}[i%3])
			if i%2 == 1 {
				ev.Account, ev.Subject = "other", "lead:other"
			} else {
				ev.Subject, ev.Body = e.Subject, bytes.Repeat([]byte(marker), []int{1, 90, 900}[i%3])
				if e.Account != "" {
					ev.Account = e.Account
				}
				if e.Subject == "" {
					ev.Key += marker
				}
			}
			check[[]webhook.Appended](t)(s.Append(ctx, []webhook.EventRecord{ev}))
		}
		claims, _, err := s.Claim(ctx, 10, time.Minute)
		check[any](t)(nil, err)
		for _, c := range claims {
			b := check[[]webhook.Batch](t)(s.Due(ctx, []webhook.Want{{Hold: c.Hold, Max: 9}}))[0]
			var outcomes []webhook.Outcome
			for i, d := range b.Deliveries {
				answer := "fine"
				if d.Event.Subject == e.Subject || d.Event.Account == e.Account {
					answer = fmt.Sprintf("no %s here", marker)
				}
				o := webhook.Outcome{Hold: c.Hold, Delivery: d.ID, After: d.Attempts, State: []webhook.State{
					webhook.StatePending, webhook.StateDead, webhook.StateDelivered}[i%3],
					Attempt: &webhook.Attempt{Result: webhook.ResultFailed, Status: 500, Response: bytes.Repeat([]byte(answer), 1+i*100)}}
				switch o.State {
				case webhook.StateDelivered:
					o.Attempt.Result = webhook.ResultDelivered
				case webhook.StateDead:
					o.Reason = webhook.ReasonFailed
				}
				outcomes = append(outcomes, o)
			}
			check[webhook.Settled](t)(s.Settle(ctx, outcomes, []webhook.Return{{Hold: c.Hold, Mark: webhook.MarkAny}}))
		}
		for _, account := range []string{"acct", "other", e.Account} {
			check[int](t)(s.Recover(ctx, webhook.DeliveryQuery{Account: account, Limit: 2}))
		}
	}
}

// columnsWith returns the columns that hold the text.
func columnsWith(t *testing.T, db *sql.DB, text string) (found []string) {
	t.Helper()
	type column struct{ table, name string }
	var columns []column
	rows := check[*sql.Rows](t)(db.Query(`SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c WHERE m.type = 'table'`))
	for rows.Next() {
		var c column
		check[any](t)(nil, rows.Scan(&c.table, &c.name))
		columns = append(columns, c)
	}
	check[any](t)(nil, rows.Close())
	if len(columns) < 80 {
		t.Fatalf("only %d columns", len(columns))
	}
	for _, c := range columns {
		var n int
		check[any](t)(nil, db.QueryRow(fmt.Sprintf(`SELECT count(*) FROM %q WHERE instr(CAST(%q AS BLOB), CAST(? AS BLOB)) > 0`, c.table, c.name), text).Scan(&n))
		if n > 0 {
			found = append(found, fmt.Sprintf("%s.%s (%d)", c.table, c.name, n))
		}
	}
	return found
}
