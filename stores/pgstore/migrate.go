package pgstore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// SchemaVersion is the version of the schema that this release needs. It also
// runs on later ones, as long as they say so.
const SchemaVersion = 1

// Migration is one step of the schema.
type Migration struct {
	Version int
	Name    string // such as 0001_init.sql
	SQL     string // plain SQL, to be run in a transaction
}

// Migrations returns all steps in order, for a host that runs migrations with
// a tool of its own. A step must be run exactly once and by the role that is
// to own the tables. An empty schema means webhook.
func Migrations(schema string) ([]Migration, error) {
	if schema == "" {
		schema = defaultSchema
	}
	if err := checkSchema(schema); err != nil {
		return nil, err
	}
	files, err := migrationFiles.ReadDir("migrations")
	if err != nil {
		return nil, err
	}
	var out []Migration
	for _, f := range files {
		text, err := migrationFiles.ReadFile("migrations/" + f.Name())
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(f.Name(), "_")
		version, err := strconv.Atoi(number)
		if err != nil {
			return nil, fmt.Errorf("pgstore: %s has no number", f.Name())
		}
		out = append(out, Migration{version, f.Name(), inSchema(string(text), schema)})
	}
	return out, nil
}

// Beginner begins a transaction: a *pgxpool.Pool, a *pgxpool.Conn or a
// *pgx.Conn.
type Beginner interface {
	BeginTx(ctx context.Context, opts pgx.TxOptions) (pgx.Tx, error)
}

// Migrate brings the schema to this release's version, and creates it if it is
// not there. Any number of processes may call it at once: one works, the
// others wait for it and find everything done. It takes one transaction; a
// failure leaves the schema as it was.
//
// On a schema that is up to date it needs no more rights than the store
// itself. To create or change one, the role must own it, and be allowed to
// create a schema if there is none. An empty schema means webhook.
func Migrate(ctx context.Context, db Beginner, schema string) error {
	if schema == "" {
		schema = defaultSchema
	}
	steps, err := Migrations(schema)
	if err != nil {
		return err
	}
	return migrate(ctx, db, schema, steps)
}

// migrate runs those of the steps that the schema has not had.
func migrate(ctx context.Context, db Beginner, schema string, steps []Migration) error {
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		// A lock of the transaction: there is none of the session behind
		// pgbouncer. The number is this library's and the schema's.
		h := fnv.New64a()
		_, _ = h.Write([]byte("github.com/autoreach/webhook " + schema))
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", int64(h.Sum64())); err != nil {
			return err
		}
		version, _, err := installed(ctx, tx, schema)
		if err != nil {
			return err
		}
		for _, m := range steps {
			if m.Version <= version {
				continue
			}
			// Several statements: the simple protocol.
			if _, err := tx.Exec(ctx, m.SQL, pgx.QueryExecModeSimpleProtocol); err != nil {
				return fmt.Errorf("%s: %w", m.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("pgstore: migrating the schema %s: %w", schema, err)
	}
	return nil
}

type rowQueryer interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// installed returns the schema's version, 0 if there is none, and the oldest
// SchemaVersion that still works on it.
func installed(ctx context.Context, db rowQueryer, schema string) (version, minimum int, err error) {
	var there bool
	table := pgx.Identifier{schema, "meta"}.Sanitize()
	if err := db.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", table).Scan(&there); err != nil || !there {
		return 0, 0, err
	}
	err = db.QueryRow(ctx, "SELECT version, minimum FROM "+table).Scan(&version, &minimum)
	return version, minimum, err
}

// checkVersion says in words what is wrong with the schema.
func checkVersion(ctx context.Context, db rowQueryer, schema string) error {
	version, minimum, err := installed(ctx, db, schema)
	var pgErr *pgconn.PgError
	switch {
	case errors.As(err, &pgErr) && pgErr.Code == "42501":
		return fmt.Errorf("pgstore: this role may not use the schema %s; grant it USAGE on the schema and SELECT, INSERT, UPDATE, DELETE on its tables: %w", schema, err)
	case err != nil:
		return fmt.Errorf("pgstore: looking at the schema %s: %w", schema, err)
	case version == 0:
		return fmt.Errorf("pgstore: the database has no schema %s with this library's tables; run Migrate, with a role that may create it", schema)
	case version < SchemaVersion:
		return fmt.Errorf("pgstore: the schema %s has version %d, this release needs %d; run Migrate, with the role that owns it", schema, version, SchemaVersion)
	case minimum > SchemaVersion:
		return fmt.Errorf("pgstore: the schema %s has version %d and needs a later release of this library than this one", schema, version)
	}
	return nil
}
