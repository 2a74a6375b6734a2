package main

import (
	"context"
	"database/sql"
	"database/sql/driver"

	"modernc.org/sqlite"
)

// trappedDriver is SQLite with commits that can be deadly.
const trappedDriver = "sqlite-trapped"

var realSQLite = &sqlite.Driver{}

func init() { sql.Register(trappedDriver, sqliteDriver{Driver: realSQLite}) }

type sqliteDriver struct {
	driver.Driver
	boundary *boundary // nil for none
}

func (d sqliteDriver) Open(name string) (driver.Conn, error) {
	c, err := d.Driver.Open(name)
	if err != nil {
		return nil, err
	}
	return sqliteConn{c.(innerConn), d.boundary}, nil
}

// innerConn is what database/sql uses of a connection of the real driver.
type innerConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// A sqliteConn hands out statements that are watched.
type sqliteConn struct {
	innerConn
	boundary *boundary
}

func (c sqliteConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	s, err := c.innerConn.PrepareContext(ctx, query)
	if err != nil || query != "COMMIT" {
		return s, err
	}
	return commitStmt{s.(innerStmt), c.boundary}, nil
}

// ExecContext runs a script one statement at a time, as SQLite does anyhow.
func (c sqliteConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (r driver.Result, err error) {
	if c.boundary == nil {
		return c.innerConn.ExecContext(ctx, query, args)
	}
	for _, part := range c.boundary.statements(query) {
		if c.boundary.pass(part != query, false) {
			c.boundary.die()
		}
		if r, err = c.innerConn.ExecContext(ctx, part, args); err != nil {
			return nil, err
		}
	}
	return r, nil
}

type innerStmt interface {
	driver.Stmt
	driver.StmtExecContext
}

// A commitStmt dies before or after the commit of a call that has a trap.
type commitStmt struct {
	innerStmt
	boundary *boundary
}

func (s commitStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if s.boundary != nil && s.boundary.pass(false, true) {
		s.boundary.die()
	}
	t := trapIn(ctx)
	if t == nil {
		return s.innerStmt.ExecContext(ctx, args)
	}
	t.reach(beforeCommit)
	r, err := s.innerStmt.ExecContext(ctx, args)
	if err == nil {
		t.reach(afterCommit)
	}
	return r, err
}
