package pgstore_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/autoreach/webhook/verify/sqlonce"
	"github.com/autoreach/webhook/verify/verifytest"
)

// A receiver's database, PostgreSQL: what a message changes and its id are
// committed together.
func TestOnce(t *testing.T) {
	db, err := sql.Open("pgx", server)
	check(t, err)
	defer func() { _ = db.Close() }()
	schema := newSchema(t)
	_, err = db.Exec("CREATE SCHEMA " + schema)
	check(t, err)
	once, err := sqlonce.New(db, &sqlonce.Options{Table: schema + ".seen"})
	check(t, err)
	check(t, once.CreateTable(t.Context()))
	check(t, once.CreateTable(t.Context()))
	verifytest.TestOnce(t, once)

	_, err = db.Exec("CREATE TABLE " + schema + ".leads (id text PRIMARY KEY)")
	check(t, err)
	failure := errors.New("no")
	for i, want := range []error{failure, nil, nil} {
		_, err := once.Once(t.Context(), "evt_lead", func(ctx context.Context) error {
			if _, err := sqlonce.Tx(ctx).ExecContext(ctx, "INSERT INTO "+schema+".leads VALUES ('lead_1')"); err != nil {
				return err
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("call %d: %v, want %v", i+1, err, want)
		}
	}
	var n int
	check(t, db.QueryRow("SELECT count(*) FROM "+schema+".leads").Scan(&n))
	if n != 1 {
		t.Errorf("the lead is there %d times, want once", n)
	}
}
