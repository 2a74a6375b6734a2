// Package refused does what the stores must not let through. Each line with
// the comment is an error of the compiler's, and no other line is.
package refused

import (
	"database/sql"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jmoiron/sqlx"
	"github.com/uptrace/bun"
	"gorm.io/gorm"

	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/stores/sqlitestore"
)

func postgres(s *pgstore.Store, pool *pgxpool.Pool, pooled *pgxpool.Conn, conn *pgx.Conn, db *sql.DB, sqlConn *sql.Conn, tx *sql.Tx) {
	s.InTx(pool)       // refused
	s.InTx(pooled)     // refused
	s.InTx(conn)       // refused
	s.InTx(db)         // refused
	s.InTx(tx)         // refused: it is InSQLTx's
	s.InSQLTx(pool)    // refused
	s.InSQLTx(conn)    // refused
	s.InSQLTx(db)      // refused
	s.InSQLTx(sqlConn) // refused
	s.InSQLTx(tx)
}

func wrappers(s *pgstore.Store, x *sqlx.DB, xc *sqlx.Conn, xt *sqlx.Tx, b *bun.DB, bc bun.Conn, bi bun.IDB, g *gorm.DB, gp gorm.ConnPool, e *entsql.Driver, et *entsql.Tx) {
	s.InSQLTx(x)  // refused
	s.InSQLTx(xc) // refused
	s.InSQLTx(xt)
	s.InSQLTx(b)  // refused
	s.InSQLTx(bc) // refused
	s.InSQLTx(bi) // refused
	s.InSQLTx(g)  // refused
	s.InSQLTx(gp) // refused: it has to be asked whether it is a transaction
	s.InSQLTx(e)  // refused
	s.InSQLTx(et)
}

func sqlite(db *sql.DB, conn *sql.Conn, tx *sql.Tx, x *sqlx.DB, xt *sqlx.Tx, b *bun.DB, g *gorm.DB, e *entsql.Driver) {
	sqlitestore.InTx(db)   // refused
	sqlitestore.InTx(conn) // refused
	sqlitestore.InTx(tx)
	sqlitestore.InTx(x) // refused
	sqlitestore.InTx(xt.Tx)
	sqlitestore.InTx(b) // refused
	sqlitestore.InTx(g) // refused
	sqlitestore.InTx(e) // refused
}
