package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/autoreach/webhook/verify/sqlonce"
	"github.com/autoreach/webhook/verify/verifytest"
)

// A receiver's database, SQLite: what a message changes and its id are
// committed together.
func TestOnce(t *testing.T) {
	db, err := sql.Open(driverName, dsn(filepath.Join(t.TempDir(), "receiver.db"), 5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	once, err := sqlonce.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := once.CreateTable(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	verifytest.TestOnce(t, once)

	if _, err := db.Exec("CREATE TABLE leads (id TEXT PRIMARY KEY)"); err != nil {
		t.Fatal(err)
	}
	failure := errors.New("no")
	for i, want := range []error{failure, nil, nil} {
		_, err := once.Once(t.Context(), "evt_lead", func(ctx context.Context) error {
			if _, err := sqlonce.Tx(ctx).ExecContext(ctx, "INSERT INTO leads VALUES ('lead_1')"); err != nil {
				return err
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("call %d: %v, want %v", i+1, err, want)
		}
	}
	var n int
	if err := db.QueryRow("SELECT count(*) FROM leads").Scan(&n); err != nil || n != 1 {
		t.Errorf("the lead is there %d times, %v; want once", n, err)
	}
	// What is past the window goes: sooner or later, and with the first call of a
	// process, which may be a short one.
	fresh, err := sqlonce.New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct {
		once  *sqlonce.Once
		calls int
	}{{once, 256}, {fresh, 1}} {
		if _, err := db.Exec("UPDATE webhook_once SET at = 0"); err != nil {
			t.Fatal(err)
		}
		for range c.calls {
			if _, err := c.once.Once(t.Context(), fmt.Sprint("evt_other_", i), func(context.Context) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.QueryRow("SELECT count(*) FROM webhook_once").Scan(&n); err != nil || n != 1 {
			t.Errorf("%d ids are left after %d calls, %v; want the new one", n, c.calls, err)
		}
	}
}
