package sqlitestore

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// SchemaVersion is the version of the schema that this release needs. It also
// runs on later ones, as long as they say so.
const SchemaVersion = 1

// Migration is one step of the schema.
type Migration struct {
	Version int    // of the schema that it leads to
	Name    string // such as 0001_init.sql
	SQL     string // plain SQL, to be run in a transaction
}

// Migrations returns all steps in order. Open and New run those that are
// missing; a host that runs them with a tool of its own, each exactly once,
// sets [Options.SchemaByHost].
//
// A step only adds, and records its version in webhook_meta: a release goes on
// working on the schema of the next one, so that old and new processes may run
// at the same time. The row minimum of webhook_meta says which SchemaVersion a
// release must have at least to work on it.
func Migrations() ([]Migration, error) { return readMigrations(migrationFiles, "migrations/*.sql") }

// readMigrations reads the files, whose names begin with their versions.
func readMigrations(files fs.FS, pattern string) ([]Migration, error) {
	names, err := fs.Glob(files, pattern)
	if err != nil {
		return nil, err
	}
	out := make([]Migration, len(names))
	for i, name := range names { // in the order of their names
		base := path.Base(name)
		number, _, _ := strings.Cut(base, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %s is not number %d", base, i+1)
		}
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		out[i] = Migration{version, base, string(text)}
	}
	return out, nil
}

// installed returns the version of the schema, 0 if there is none, and the
// oldest SchemaVersion that still works on it.
func (t *txn) installed() (version, minimum int, err error) {
	found, err := t.get(`SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'webhook_meta'`, nil, new(int))
	if err != nil || !found {
		return 0, 0, err
	}
	if _, err = t.get(`SELECT value FROM webhook_meta WHERE name = 'schema'`, nil, &version); err == nil {
		_, err = t.get(`SELECT value FROM webhook_meta WHERE name = 'minimum'`, nil, &minimum)
	}
	return version, minimum, err
}

// migrate brings the schema to the version of the last step, which is the one
// that this release knows. Whoever comes first does it; the others wait, and
// find it done.
func (s *Store) migrate(ctx context.Context, steps []Migration) error {
	known := len(steps)
	var version int
	check := func(t *txn) (err error) {
		var minimum int
		if version, minimum, err = t.installed(); err == nil && minimum > known {
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
		return fmt.Errorf("the file has schema %d, this release needs %d: run the SQL of sqlitestore.Migrations, or leave Options.SchemaByHost unset",
			version, known)
	}
	return s.update(ctx, func(t *txn) error {
		if err := check(t); err != nil {
			return err
		}
		for _, m := range steps[min(version, known):] {
			if err := t.script(m.SQL); err != nil {
				return fmt.Errorf("%s: %w", m.Name, err)
			}
			if got, _, err := t.installed(); err != nil || got != m.Version {
				return errors.Join(fmt.Errorf("%s recorded version %d", m.Name, got), err)
			}
		}
		return nil
	})
}
