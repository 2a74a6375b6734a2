package handles

import (
	"database/sql"
	"path/filepath"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jmoiron/sqlx"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/autoreach/webhook/stores/sqlitestore"
)

func TestSQLite(t *testing.T) {
	s, err := sqlitestore.Open(filepath.Join(t.TempDir(), "crm.db"), nil)
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	db := s.DB()
	_, err = db.ExecContext(t.Context(), "CREATE TABLE meetings (words text)")
	check(t, err)

	const insert = "INSERT INTO meetings VALUES (?)"
	each(t, s, db, "SELECT count(*) FROM meetings WHERE words = ?", map[string]library{
		"sql": func(t *testing.T) handle {
			tx, err := db.BeginTx(t.Context(), nil)
			check(t, err)
			return handle{sqlitestore.InTx(tx), func(words string) error { _, err := tx.Exec(insert, words); return err }, tx.Commit, tx.Rollback}
		},
		"sqlx": func(t *testing.T) handle {
			tx, err := sqlx.NewDb(db, "sqlite").BeginTxx(t.Context(), nil)
			check(t, err)
			return handle{sqlitestore.InTx(tx.Tx), func(words string) error { _, err := tx.Exec(insert, words); return err }, tx.Commit, tx.Rollback}
		},
		"bun": func(t *testing.T) handle {
			tx, err := bun.NewDB(db, sqlitedialect.New()).BeginTx(t.Context(), nil)
			check(t, err)
			return handle{sqlitestore.InTx(tx.Tx), func(words string) error {
				_, err := tx.NewRaw(insert, words).Exec(t.Context())
				return err
			}, tx.Commit, tx.Rollback}
		},
		"gorm": func(t *testing.T) handle {
			// Any dialect will do for plain SQL: GORM's for SQLite needs cgo.
			g, err := gorm.Open(postgres.New(postgres.Config{Conn: db}), &gorm.Config{DisableAutomaticPing: true})
			check(t, err)
			tx := g.WithContext(t.Context()).Begin()
			check(t, tx.Error)
			return handle{sqlitestore.InTx(tx.Statement.ConnPool.(*sql.Tx)), func(words string) error { return tx.Exec(insert, words).Error },
				func() error { return tx.Commit().Error }, func() error { return tx.Rollback().Error }}
		},
		"ent": func(t *testing.T) handle {
			tx, err := entsql.OpenDB(dialect.SQLite, db).BeginTx(t.Context(), nil)
			check(t, err)
			return handle{sqlitestore.InTx(tx.(*entsql.Tx).Tx.(*sql.Tx)), func(words string) error {
				return tx.Exec(t.Context(), insert, []any{words}, nil)
			}, tx.Commit, tx.Rollback}
		},
	})
}
