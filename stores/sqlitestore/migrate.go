package sqlitestore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrations are the SQL files that make the schema, in the order of their
// names. Open and New apply what is missing; a host whose own tool applies
// them sets [Options.SchemaByHost]. Each one must run in a transaction.
//
// A file's number is the version of the schema that it leads to, and each one
// records its number in webhook_meta. Migrations only add: a release goes on
// working on the schema of the next one, so that old and new processes may run
// at the same time. A schema says, in the row minimum of webhook_meta, which
// version a release must know to work on it.
var Migrations fs.FS = sub(migrations, "migrations")

func sub(f fs.FS, dir string) fs.FS {
	s, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // the name is not valid
	}
	return s
}

// A migration is one of the files.
type migration struct {
	version int64
	sql     string
}

func loadMigrations(files fs.FS) ([]migration, error) {
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	out := make([]migration, len(names))
	for i, name := range names {
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if err != nil || version != int64(i+1) {
			return nil, fmt.Errorf("migration %s is not number %d", name, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		out[i] = migration{version, string(text)}
	}
	return out, nil
}

// schemaVersion reads the version of the schema, 0 if there is none, and the
// least one that a release must know.
func (t *txn) schemaVersion() (version, minimum int64, err error) {
	found, err := t.get(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'webhook_meta'`, nil, new(int64))
	if err != nil || !found {
		return 0, 0, err
	}
	if _, err = t.get(`SELECT value FROM webhook_meta WHERE name = 'schema'`, nil, &version); err == nil {
		_, err = t.get(`SELECT value FROM webhook_meta WHERE name = 'minimum'`, nil, &minimum)
	}
	return version, minimum, err
}

// migrate brings the schema to the version that this release knows. Whoever
// comes first does it; the others wait, and find it done.
func (s *Store) migrate(ctx context.Context, list []migration) error {
	known := int64(len(list))
	var version int64
	check := func(t *txn) (err error) {
		var minimum int64
		if version, minimum, err = t.schemaVersion(); err == nil && minimum > known {
			err = fmt.Errorf("the file has schema %d, for releases that know %d; this one knows %d: use a newer release of the library",
				version, minimum, known)
		}
		return err
	}
	if err := s.peek(ctx, check); err != nil {
		return err
	}
	if version >= known {
		return nil
	}
	if s.options.SchemaByHost {
		return fmt.Errorf("the file has schema %d, this release needs %d: apply the files of sqlitestore.Migrations, or leave Options.SchemaByHost unset",
			version, known)
	}
	return s.update(ctx, func(t *txn) error {
		if err := check(t); err != nil {
			return err
		}
		for _, m := range list[min(version, known):] {
			if err := t.script(m.sql); err != nil {
				return fmt.Errorf("migration %d: %w", m.version, err)
			}
			if got, _, err := t.schemaVersion(); err != nil || got != m.version {
				return errors.Join(fmt.Errorf("migration %d recorded version %d", m.version, got), err)
			}
		}
		return nil
	})
}
