package handles

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

// A postgresStore is a store, with the caller's tables in the same schema.
type postgresStore struct {
	*pgstore.Store
	pool   *pgxpool.Pool
	schema string
}

var schemas int

func openPostgres(t *testing.T) (postgresStore, *sql.DB) {
	t.Helper()
	schemas++
	schema := fmt.Sprintf("handles_%d_%d", os.Getpid(), schemas)
	pool, err := pgxpool.New(t.Context(), server)
	check(t, err)
	t.Cleanup(pool.Close)
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	t.Cleanup(func() {
		_, err := pool.Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE")
		check(t, err)
	})
	_, err = pool.Exec(t.Context(), "CREATE TABLE "+schema+".meetings (words text)")
	check(t, err)
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	t.Cleanup(s.Close)
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() { _ = db.Close() })
	return postgresStore{s, pool, schema}, db
}

func TestPostgres(t *testing.T) {
	s, db := openPostgres(t)
	pool, schema := s.pool, s.schema
	insert := "INSERT INTO " + schema + ".meetings VALUES ($1)"
	each(t, s.Store, db, "SELECT count(*) FROM "+schema+".meetings WHERE words = $1", map[string]library{
		"pgx": func(t *testing.T) handle {
			tx, err := pool.Begin(t.Context())
			check(t, err)
			return handle{s.InTx(tx), func(words string) error { _, err := tx.Exec(t.Context(), insert, words); return err },
				func() error { return tx.Commit(t.Context()) }, func() error { return tx.Rollback(t.Context()) }}
		},
		"pgxpool": func(t *testing.T) handle {
			conn, err := pool.Acquire(t.Context())
			check(t, err)
			t.Cleanup(conn.Release)
			tx, err := conn.BeginTx(t.Context(), pgx.TxOptions{})
			check(t, err)
			return handle{s.InTx(tx), func(words string) error { _, err := tx.Exec(t.Context(), insert, words); return err },
				func() error { return tx.Commit(t.Context()) }, func() error { return tx.Rollback(t.Context()) }}
		},
		"sql": func(t *testing.T) handle {
			tx, err := db.BeginTx(t.Context(), nil)
			check(t, err)
			return handle{s.InSQLTx(tx), func(words string) error { _, err := tx.Exec(insert, words); return err }, tx.Commit, tx.Rollback}
		},
		"sqlx": func(t *testing.T) handle {
			tx, err := sqlx.NewDb(db, "pgx").BeginTxx(t.Context(), nil)
			check(t, err)
			return handle{s.InSQLTx(tx), func(words string) error { _, err := tx.Exec(insert, words); return err }, tx.Commit, tx.Rollback}
		},
		"bun": func(t *testing.T) handle {
			tx, err := bun.NewDB(db, pgdialect.New()).BeginTx(t.Context(), nil)
			check(t, err)
			return handle{s.InSQLTx(tx.Tx), func(words string) error {
				_, err := tx.NewRaw("INSERT INTO "+schema+".meetings VALUES (?)", words).Exec(t.Context())
				return err
			}, tx.Commit, tx.Rollback}
		},
		"gorm":          beginGORM(s.Store, db, schema, &gorm.Config{}),
		"gorm prepared": beginGORM(s.Store, db, schema, &gorm.Config{PrepareStmt: true}),
		"ent": func(t *testing.T) handle {
			tx, err := entsql.OpenDB(dialect.Postgres, db).BeginTx(t.Context(), nil)
			check(t, err)
			return handle{s.InSQLTx(tx.(*entsql.Tx)), func(words string) error {
				return tx.Exec(t.Context(), insert, []any{words}, nil)
			}, tx.Commit, tx.Rollback}
		},
	})
}

// What rewrites statements does not get far: nothing is lost in silence.
func TestRewritingHandle(t *testing.T) {
	s, db := openPostgres(t)
	tx, err := bun.NewDB(db, pgdialect.New()).BeginTx(t.Context(), nil)
	check(t, err)
	defer func() { _ = tx.Rollback() }()
	d, err := webhook.New(s.Store, nil)
	check(t, err)
	if _, err := d.EmitTx(t.Context(), s.InSQLTx(tx), event("acct_1", "first")); err == nil {
		t.Error("an emit through bun's own Tx succeeded; the documentation says that it has to be its Tx.Tx")
	}
}

func beginGORM(s *pgstore.Store, db *sql.DB, schema string, config *gorm.Config) library {
	return func(t *testing.T) handle {
		g, err := gorm.Open(postgres.New(postgres.Config{Conn: db}), config)
		check(t, err)
		if _, ok := g.Statement.ConnPool.(pgstore.SQLTx); ok {
			t.Error("GORM's handle is a transaction before Begin")
		}
		tx := g.WithContext(t.Context()).Begin()
		check(t, tx.Error)
		return handle{s.InSQLTx(tx.Statement.ConnPool.(pgstore.SQLTx)), func(words string) error {
			return tx.Exec("INSERT INTO "+schema+".meetings VALUES (?)", words).Error
		}, func() error { return tx.Commit().Error }, func() error { return tx.Rollback().Error }}
	}
}
