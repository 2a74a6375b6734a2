package pgstore_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook/stores/pgstore"
)

// tableOf finds the tables that a migration creates.
var tableOf = regexp.MustCompile(`(?m)^CREATE TABLE ([a-z0-9_".]+)`)

// nextSteps are the migrations of a release after this one: all that a
// migration may do is done to every table.
func nextSteps(t testing.TB, schema string) []pgstore.Migration {
	t.Helper()
	steps, err := pgstore.Migrations(schema)
	check(t, err)
	var tables []string
	for _, m := range steps {
		for _, found := range tableOf.FindAllStringSubmatch(m.SQL, -1) {
			tables = append(tables, found[1])
		}
	}
	if len(tables) < 10 {
		t.Fatalf("only %d tables were found", len(tables))
	}
	next := pgstore.Migration{Version: pgstore.SchemaVersion + 1, Name: "9999_next.sql"}
	var sql strings.Builder
	fmt.Fprintf(&sql, "CREATE TABLE \"%s\".later (id bigint PRIMARY KEY, words text NOT NULL UNIQUE);\n", schema)
	fmt.Fprintf(&sql, "CREATE SEQUENCE \"%s\".later_id;\n", schema)
	for i, table := range tables {
		fmt.Fprintf(&sql, "ALTER TABLE %s ADD COLUMN later text;\n", table)
		fmt.Fprintf(&sql, "ALTER TABLE %s ADD COLUMN later_n bigint NOT NULL DEFAULT 7;\n", table)
		fmt.Fprintf(&sql, "CREATE INDEX later_%d ON %s (later_n);\n", i, table)
	}
	fmt.Fprintf(&sql, "UPDATE \"%s\".meta SET version = %d;\n", schema, next.Version)
	next.SQL = sql.String()
	check(t, additive(next))
	return append(steps, next)
}

// allowed are the statements that leave the releases before them working.
var allowed = []*regexp.Regexp{
	regexp.MustCompile(`^CREATE (TABLE|SEQUENCE) `),
	regexp.MustCompile(`^CREATE INDEX `),
	regexp.MustCompile(`^ALTER TABLE \S+ ADD COLUMN [a-z_0-9]+ [a-z\[\]]+( DEFAULT \S+| NOT NULL DEFAULT \S+)?$`),
	regexp.MustCompile(`^ALTER TABLE \S+ SET \(`),
}

// additive says which statement of a migration an earlier release might not
// bear: what it does not know of has to stay out of its way.
func additive(m pgstore.Migration) error {
	var code strings.Builder
	for line := range strings.Lines(m.SQL) {
		line, _, _ = strings.Cut(line, "--")
		code.WriteString(line + " ")
	}
	bumps := 0
	for sql := range strings.SplitSeq(code.String(), ";") {
		sql = strings.Join(strings.Fields(sql), " ")
		switch {
		case sql == "":
			continue
		case strings.HasPrefix(sql, "UPDATE ") && strings.HasSuffix(sql, fmt.Sprintf(".meta SET version = %d", m.Version)):
			bumps++
			continue
		}
		if !slices.ContainsFunc(allowed, func(r *regexp.Regexp) bool { return r.MatchString(sql) }) {
			return fmt.Errorf("%s: an earlier release may not bear %q; a migration adds tables, sequences, indexes that are not unique, "+
				"and columns that are nullable or have a default", m.Name, sql)
		}
	}
	if bumps != 1 {
		return fmt.Errorf("%s: it must set meta.version to %d once", m.Name, m.Version)
	}
	return nil
}

// A release runs on the schema of the next one: every migration but the first
// only adds.
func TestMigrationsAreAdditive(t *testing.T) {
	steps, err := pgstore.Migrations("")
	check(t, err)
	for _, m := range steps[1:] {
		check(t, additive(m))
	}
	for _, bad := range []string{
		"DROP TABLE webhook.missed",
		"ALTER TABLE webhook.queue DROP COLUMN op",
		"ALTER TABLE webhook.queue RENAME COLUMN op TO operation",
		"ALTER TABLE webhook.queue RENAME TO waiting",
		"ALTER TABLE webhook.queue ALTER COLUMN op SET NOT NULL",
		"ALTER TABLE webhook.queue ALTER COLUMN op TYPE bytea",
		"ALTER TABLE webhook.queue ADD COLUMN x int NOT NULL",
		"ALTER TABLE webhook.queue ADD COLUMN x int DEFAULT 1, DROP COLUMN op",
		"ALTER TABLE webhook.queue ADD COLUMN x int UNIQUE",
		"ALTER TABLE webhook.queue ADD COLUMN x bigint REFERENCES webhook.lanes",
		"ALTER TABLE webhook.queue ADD CONSTRAINT x CHECK (attempts < 4)",
		"CREATE UNIQUE INDEX x ON webhook.queue (event_id)",
		"CREATE TRIGGER x AFTER INSERT ON webhook.queue EXECUTE FUNCTION f()",
		"UPDATE webhook.meta SET minimum = 2",
		"UPDATE webhook.meta SET version = 3",
		"UPDATE webhook.queue SET attempts = 0",
		"DELETE FROM webhook.queue",
	} {
		if err := additive(pgstore.Migration{Version: 2, SQL: bad + ";\nUPDATE webhook.meta SET version = 2;"}); err == nil {
			t.Errorf("%q is let through", bad)
		}
	}
	if err := additive(pgstore.Migration{Version: 2, SQL: "CREATE TABLE webhook.x (n int);"}); err == nil {
		t.Error("a migration that does not set the version is let through")
	}
}

// Ten processes start at once, on an empty database and on one of the release
// before.
func TestMigrateTenAtOnce(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	next := nextSteps(t, schema)
	for _, steps := range [][]pgstore.Migration{next[:len(next)-1], next} {
		var wg sync.WaitGroup
		for range 10 {
			conn, err := pgx.Connect(t.Context(), server)
			check(t, err)
			wg.Go(func() {
				if err := pgstore.MigrateBy(t.Context(), conn, schema, steps); err != nil {
					t.Error(err)
				}
				_ = conn.Close(t.Context())
			})
		}
		wg.Wait()
		pool := newPool(t, 2)
		if v := query[int](t, pool, schema, "SELECT version FROM {}.meta"); v != steps[len(steps)-1].Version {
			t.Errorf("the schema has version %d, want %d", v, steps[len(steps)-1].Version)
		}
		s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
		check(t, err)
		endpoint(t, s)
	}
}

// An idle Claim says that the store is to be looked at again after the polling
// interval, 100 ms by default.
func TestPollInterval(t *testing.T) {
	schema, pool := newSchema(t), newPool(t, 2)
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	for poll, want := range map[time.Duration]time.Duration{0: 100 * time.Millisecond, 37 * time.Millisecond: 37 * time.Millisecond} {
		s, err := pgstore.New(pool, &pgstore.Options{Schema: schema, PollInterval: poll})
		check(t, err)
		_, next, err := s.Claim(t.Context(), 10, time.Second)
		if err != nil || next != want {
			t.Errorf("next is %v with an interval of %v, %v", next, poll, err)
		}
		s.Close()
	}
}
