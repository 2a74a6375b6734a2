package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

func count(t *testing.T, db *sql.DB, table string) (n int) {
	t.Helper()
	if err := db.QueryRow(`SELECT count(*) FROM ` + table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// A transaction is wanted by its type: a pool or a connection, in which the
// emit would be stored by itself, does not compile. What wraps a *sql.Tx (sqlx,
// bun, GORM, ent) has it to give.
func TestInTxWantsTransaction(t *testing.T) {
	want := reflect.TypeOf(InTx).In(0)
	for _, other := range []any{&sql.DB{}, &sql.Conn{}, new(driver.Tx)} {
		if reflect.TypeOf(other).AssignableTo(want) {
			t.Errorf("InTx takes a %T", other)
		}
	}
	if !reflect.TypeOf(&sql.Tx{}).AssignableTo(want) {
		t.Errorf("InTx takes a %v, want a *sql.Tx", want)
	}
	defer func() {
		if r := recover(); r == nil {
			t.Error("InTx takes nil")
		}
	}()
	InTx(nil)
}

// The host's row and the event are stored together or not at all.
func TestInTxTogether(t *testing.T) {
	for _, most := range []int{0, 1, 4} {
		s := onPool(t, filepath.Join(t.TempDir(), "host.db"), most)
		db := s.DB()
		check[sql.Result](t)(db.Exec(`CREATE TABLE meetings (id INTEGER PRIMARY KEY)`))
		check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("ep"), 10))
		for _, commit := range []bool{false, true} {
			tx := check[*sql.Tx](t)(db.BeginTx(t.Context(), nil))
			check[sql.Result](t)(tx.Exec(`INSERT INTO meetings DEFAULT VALUES`))
			in := InTx(tx)
			if a := check[[]webhook.Appended](t)(in.Append(t.Context(), []webhook.EventRecord{event(1)})); a[0].Deliveries != 1 || a[0].Duplicate {
				t.Errorf("appended %+v", a)
			}
			if a := check[[]webhook.Appended](t)(in.Append(t.Context(), []webhook.EventRecord{event(1)})); !a[0].Duplicate {
				t.Errorf("twice in one transaction: %+v", a)
			}
			check[webhook.Endpoint](t)(in.PutEndpoint(t.Context(), endpoint("other"), 10))
			if _, err := in.PutEndpoint(t.Context(), endpoint("third"), 2); !errors.Is(err, webhook.ErrLimit) {
				t.Errorf("beyond the limit: %v", err)
			}
			check[sql.Result](t)(tx.Exec(`INSERT INTO meetings DEFAULT VALUES`)) // a refusal does not spoil it
			end, want := tx.Rollback, 0
			if commit {
				end, want = tx.Commit, 1
			}
			check[any](t)(nil, end())
			if m, e, d, p := count(t, db, "meetings"), count(t, db, "webhook_events"), count(t, db, "webhook_queue"), count(t, db, "webhook_endpoints"); m != 2*want ||
				e != want || d != want || p != 1+want {
				t.Errorf("pool of %d, commit %t: %d meetings, %d events, %d deliveries, %d endpoints", most, commit, m, e, d, p)
			}
			if claims, _, err := s.Claim(t.Context(), 10, time.Minute); err != nil || len(claims) != want {
				t.Errorf("pool of %d, commit %t: %d lanes are ready, %v", most, commit, len(claims), err)
			}
		}
	}
}

// A store on a pool of one connection waits for a transaction of the host's,
// as long as its context, and goes on afterwards.
func TestInTxPoolOfOne(t *testing.T) {
	s := onPool(t, filepath.Join(t.TempDir(), "host.db"), 1)
	tx := check[*sql.Tx](t)(s.DB().BeginTx(t.Context(), nil))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.Append(ctx, []webhook.EventRecord{event(1)}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while the only connection is taken: %v", err)
	}
	check[[]webhook.Appended](t)(InTx(tx).Append(t.Context(), []webhook.EventRecord{event(1)}))
	check[any](t)(nil, tx.Commit())
	if a := check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(1)})); !a[0].Duplicate {
		t.Errorf("after the commit: %+v", a)
	}
}

// A transaction that read before somebody else wrote cannot write; the error
// says what to do. One that has not read waits for its turn.
func TestInTxDeferred(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.db")
	s := openAt(t, path)
	db := check[*sql.DB](t)(sql.Open(driverName, path+"?_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)")) // deferred
	defer db.Close()
	tx := check[*sql.Tx](t)(db.Begin())
	check[any](t)(nil, tx.QueryRow(`SELECT count(*) FROM webhook_events`).Scan(new(int)))
	check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(1)}))
	_, err := InTx(tx).Append(t.Context(), []webhook.EventRecord{event(2)})
	wantError(t, err, "sqlitestore: Append: ", "begin with BEGIN IMMEDIATE", "database is locked")
	check[any](t)(nil, tx.Rollback())

	other := check[*sql.Tx](t)(s.DB().Begin())
	tx = check[*sql.Tx](t)(db.Begin())
	time.AfterFunc(50*time.Millisecond, func() { _ = other.Commit() })
	check[[]webhook.Appended](t)(InTx(tx).Append(t.Context(), []webhook.EventRecord{event(2)}))
	check[any](t)(nil, tx.Commit())
}

// A call that fails in the middle leaves nothing of itself in the caller's
// transaction, which goes on.
func TestInTxAllOrNothing(t *testing.T) {
	s := openNew(t)
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("ep"), 10))
	check[sql.Result](t)(s.db.Exec(`CREATE TRIGGER fault BEFORE INSERT ON webhook_queue WHEN new.type = 't1'
		BEGIN SELECT raise(FAIL, 'injected'); END`))
	tx := check[*sql.Tx](t)(s.DB().Begin())
	_, err := InTx(tx).Append(t.Context(), []webhook.EventRecord{event(0), event(1)})
	wantError(t, err, "injected")
	check[[]webhook.Appended](t)(InTx(tx).Append(t.Context(), []webhook.EventRecord{event(3)}))
	check[any](t)(nil, tx.Commit())
	if n := count(t, s.db, "webhook_events"); n != 1 {
		t.Errorf("%d events are stored, want the one of the call that succeeded", n)
	}
	_, err = s.Append(t.Context(), []webhook.EventRecord{event(6), event(4)})
	wantError(t, err, "injected")
	if n := count(t, s.db, "webhook_events"); n != 1 {
		t.Errorf("a failed Append left %d events", n)
	}
}
