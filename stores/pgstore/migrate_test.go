package pgstore_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook/stores/pgstore"
)

// What New says about a schema that it cannot use.
func TestNewChecksVersion(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 2)
	schema := newSchema(t)
	refused := func(words string) {
		t.Helper()
		if _, err := pgstore.New(pool, &pgstore.Options{Schema: schema}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want an error with %q, got %v", words, err)
		}
	}
	refused("run Migrate")
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), strings.ReplaceAll(sql, "{}", schema))
		check(t, err)
	}
	exec("UPDATE {}.meta SET version = version + 1")
	if _, err := pgstore.New(pool, &pgstore.Options{Schema: schema}); err != nil {
		t.Errorf("a release must run on the next one's schema: %v", err)
	}
	exec("UPDATE {}.meta SET minimum = version")
	refused("later release")
	exec(fmt.Sprintf("UPDATE {}.meta SET version = %d, minimum = 1", pgstore.SchemaVersion-1))
	if pgstore.SchemaVersion > 1 {
		refused("run Migrate")
	}
	for _, bad := range []string{"Webhook", "a.b", "pg_x", `x"y`, "1x", strings.Repeat("x", 64)} {
		if _, err := pgstore.New(pool, &pgstore.Options{Schema: bad}); err == nil {
			t.Errorf("the schema name %q is accepted", bad)
		}
		if err := pgstore.Migrate(t.Context(), pool, bad); err == nil {
			t.Errorf("Migrate accepts the schema name %q", bad)
		}
	}
}

// The plain files are the whole of it, for whoever runs them by hand.
func TestMigrationsAsFiles(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	pool := newPool(t, 1)
	steps, err := pgstore.Migrations(schema)
	check(t, err)
	if len(steps) == 0 || steps[len(steps)-1].Version != pgstore.SchemaVersion {
		t.Fatalf("the last of %d steps must be %d", len(steps), pgstore.SchemaVersion)
	}
	for i, m := range steps {
		if text, err := os.ReadFile(filepath.Join("migrations", m.Name)); err != nil || m.Version != i+1 || len(text) == 0 {
			t.Errorf("step %d: %d %s, %v", i, m.Version, m.Name, err)
		}
		_, err := pool.Exec(t.Context(), m.SQL, pgx.QueryExecModeSimpleProtocol)
		check(t, err)
	}
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	endpoint(t, s)
}
