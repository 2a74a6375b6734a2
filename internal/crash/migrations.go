package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// A migrating is a series of processes that are killed while they bring a store
// into being.
type migrating struct {
	*world
	c     *campaign
	whole int // how many tables there are in the end
}

// migrations kills before each statement of the migration, and at random
// moments. Each time there must be nothing or all of it, and the next process
// must go on.
func (c *campaign) migrations(ctx context.Context) (err error) {
	m := &migrating{c: c, world: &world{dir: filepath.Join(c.dir, "migrations"), ctx: ctx}}
	if err := os.Mkdir(m.dir, 0o700); err != nil {
		return err
	}
	defer m.end()
	if m.whole, err = m.migrated(c.places("whole")); err != nil {
		return err
	}
	halves := []bool{false}
	if c.store == "postgres" {
		halves = []bool{false, true}
	}
	for _, half := range halves {
		for n := 1; ; n++ {
			if killed, err := m.try(migrator{Boundary: n, Half: half}, patience); err != nil {
				return err
			} else if !killed { // there are no more statements
				break
			}
		}
	}
	for range max(5, c.kills/40) {
		if _, err := m.try(migrator{}, time.Duration(c.rng.Int64N(int64(30*time.Millisecond)))); err != nil {
			return err
		}
	}
	return nil
}

// try kills one process, and says whether it was still alive.
func (m *migrating) try(r migrator, lives time.Duration) (killed bool, err error) {
	p := m.c.places(fmt.Sprint("migration", len(m.processes)))
	m.place = p
	victim, err := m.start(role{Kind: "migrator", Migrator: &r})
	if err != nil {
		return false, err
	}
	victim.endedWithin(lives)
	if victim.kill(); victim.failed != nil {
		return false, fmt.Errorf("%w\n%s", victim.failed, m.words())
	}
	if n, err := tables(m.ctx, p); err != nil || n != 0 && n != m.whole {
		return false, errors.Join(fmt.Errorf("after a process with %+v there were %d of %d tables", r, n, m.whole), err)
	}
	if n, err := m.migrated(p); err != nil || n != m.whole {
		return false, errors.Join(fmt.Errorf("the process after one with %+v made %d of %d tables", r, n, m.whole), err)
	}
	if victim.killed {
		m.c.deaths[insideMigration]++
	}
	return victim.killed, nil
}

// migrated has a process bring the store up to date and use it, and returns how
// many tables there are.
func (m *migrating) migrated(p place) (int, error) {
	m.place = p
	next, err := m.start(role{Kind: "migrator", Migrator: &migrator{}})
	if err != nil {
		return 0, err
	}
	if err := next.finish(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, m.words())
	}
	return tables(m.ctx, p)
}

// tables counts the tables and indexes of a store.
func tables(ctx context.Context, p place) (n int, err error) {
	if p.exclusive() {
		db, err := sql.Open(trappedDriver, p.dsn())
		if err != nil {
			return 0, err
		}
		defer func() { _ = db.Close() }()
		err = db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&n)
		return n, err
	}
	conn, err := pgx.Connect(ctx, p.DSN)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close(ctx) }()
	err = conn.QueryRow(ctx, "SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1", p.Schema).Scan(&n)
	return n, err
}
