package sqlitestore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"path/filepath"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/autoreach/webhook"
)

// plainDriver hides what newer drivers can do: all of it, or only of statements.
type plainDriver struct{ statementsOnly bool }

func (d plainDriver) Open(name string) (driver.Conn, error) {
	c, err := new(sqlite.Driver).Open(name)
	if err != nil {
		return nil, err
	}
	if d.statementsOnly {
		return halfConn{c}, nil
	}
	return plainConn{c}, nil
}

type plainConn struct{ driver.Conn }

type halfConn struct{ driver.Conn }

func (c halfConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.Conn.(driver.ConnPrepareContext).PrepareContext(ctx, query)
	return plainStmt{s}, err
}

func (c halfConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.(driver.ExecerContext).ExecContext(ctx, query, args)
}

type plainStmt struct{ driver.Stmt }

func init() {
	sql.Register("sqlite-plain", plainDriver{})
	sql.Register("sqlite-half", plainDriver{statementsOnly: true})
}

// The store works with drivers that have only what database/sql demands.
func TestOldDrivers(t *testing.T) {
	for _, name := range []string{"sqlite-plain", "sqlite-half"} {
		db := check[*sql.DB](t)(sql.Open(name, dsn(filepath.Join(t.TempDir(), "host.db"), time.Second)))
		s := check[*Store](t)(New(db, nil))
		lives(t, s, webhook.Erasure{Account: "erased"})
		log := check[[]webhook.DeliveryRecord](t)(s.Deliveries(t.Context(), webhook.DeliveryQuery{Account: "other", Limit: 1000, Body: true}))
		attempts := 0
		for _, d := range log {
			attempts += len(d.Attempts)
			if len(d.Body) == 0 {
				t.Errorf("%s: delivery %d has no body", name, d.ID)
			}
		}
		if len(log) < 40 || attempts < 20 {
			t.Errorf("%s: %d deliveries and %d attempts are logged", name, len(log), attempts)
		}
		check[any](t)(nil, s.Close())
		check[any](t)(nil, db.Close())
	}
}
