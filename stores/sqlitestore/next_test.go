package sqlitestore

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
)

// tableOf finds the tables that a migration creates.
var tableOf = regexp.MustCompile(`(?m)^CREATE TABLE ([a-z_]+)`)

// nextSteps are the migrations of a release after this one: all that a
// migration may do is done to every table.
func nextSteps() ([]Migration, error) {
	steps, err := Migrations()
	if err != nil {
		return nil, err
	}
	next := Migration{Version: SchemaVersion + 1, Name: "9999_next.sql"}
	var sql strings.Builder
	sql.WriteString("CREATE TABLE webhook_later (id INTEGER PRIMARY KEY, words TEXT NOT NULL UNIQUE);\n")
	for _, m := range steps {
		for _, found := range tableOf.FindAllStringSubmatch(m.SQL, -1) {
			fmt.Fprintf(&sql, "ALTER TABLE %s ADD COLUMN later TEXT;\n", found[1])
			fmt.Fprintf(&sql, "ALTER TABLE %s ADD COLUMN later_n INTEGER NOT NULL DEFAULT 7;\n", found[1])
			fmt.Fprintf(&sql, "CREATE INDEX %s_later ON %[1]s (later_n);\n", found[1])
		}
	}
	fmt.Fprintf(&sql, "UPDATE webhook_meta SET value = %d WHERE name = 'schema';\n", next.Version)
	next.SQL = sql.String()
	return append(steps, next), additive(next)
}

// bearable are the statements that leave the releases before them working.
var bearable = []*regexp.Regexp{
	regexp.MustCompile(`^CREATE TABLE `),
	regexp.MustCompile(`^CREATE INDEX `),
	regexp.MustCompile(`^ALTER TABLE [a-z_]+ ADD COLUMN [a-z_]+ [A-Z]+( NOT NULL DEFAULT \S+| DEFAULT \S+)?$`),
}

// additive says which statement of a migration an earlier release might not
// bear: what it does not know of has to stay out of its way.
func additive(m Migration) error {
	var code strings.Builder
	for line := range strings.Lines(m.SQL) {
		line, _, _ = strings.Cut(line, "--")
		code.WriteString(line + " ")
	}
	recorded := 0
	for sql := range strings.SplitSeq(code.String(), ";") {
		sql = strings.Join(strings.Fields(sql), " ")
		switch {
		case sql == "":
		case sql == fmt.Sprintf("UPDATE webhook_meta SET value = %d WHERE name = 'schema'", m.Version):
			recorded++
		case !slices.ContainsFunc(bearable, func(r *regexp.Regexp) bool { return r.MatchString(sql) }):
			return fmt.Errorf("%s: an earlier release may not bear %q; a migration adds tables, indexes that are not unique, "+
				"and columns that are nullable or have a default", m.Name, sql)
		}
	}
	if recorded != 1 {
		return fmt.Errorf("%s: it must record version %d once", m.Name, m.Version)
	}
	return nil
}

// A release runs on the schema of the next one: every migration but the first
// only adds.
func TestMigrationsAreAdditive(t *testing.T) {
	steps := check[[]Migration](t)(Migrations())
	if len(steps) != SchemaVersion {
		t.Errorf("there are %d migrations, want SchemaVersion, %d", len(steps), SchemaVersion)
	}
	for _, m := range steps[1:] {
		check[any](t)(nil, additive(m))
	}
	if tables := tableOf.FindAllString(steps[0].SQL, -1); len(tables) < 12 {
		t.Errorf("only %d tables were found", len(tables))
	}
	const record = ";\nUPDATE webhook_meta SET value = 2 WHERE name = 'schema';"
	for _, bad := range []string{
		"DROP TABLE webhook_hours",
		"DROP INDEX webhook_hours_old",
		"ALTER TABLE webhook_deliveries DROP COLUMN op",
		"ALTER TABLE webhook_deliveries RENAME COLUMN op TO operation",
		"ALTER TABLE webhook_deliveries RENAME TO webhook_queue",
		"ALTER TABLE webhook_deliveries ADD COLUMN x INTEGER NOT NULL",
		"ALTER TABLE webhook_deliveries ADD COLUMN x INTEGER DEFAULT 1 CHECK (x < 4)",
		"ALTER TABLE webhook_deliveries ADD COLUMN x INTEGER REFERENCES webhook_lanes",
		"CREATE UNIQUE INDEX x ON webhook_deliveries (event)",
		"CREATE TRIGGER x AFTER INSERT ON webhook_deliveries BEGIN SELECT 1",
		"UPDATE webhook_meta SET value = 2 WHERE name = 'minimum'",
		"UPDATE webhook_meta SET value = 3 WHERE name = 'schema'",
		"UPDATE webhook_deliveries SET attempts = 0",
		"DELETE FROM webhook_deliveries",
		"PRAGMA user_version = 2",
	} {
		if err := additive(Migration{Version: 2, SQL: bad + record}); err == nil {
			t.Errorf("%q is let through", bad)
		}
	}
	if err := additive(Migration{Version: 2, SQL: "CREATE TABLE webhook_x (n INTEGER);"}); err == nil {
		t.Error("a migration that does not record its version is let through")
	}
}

// What fails leaves nothing behind, a repeat finds nothing to do, and a schema
// that says that it needs more than this release knows is refused.
func TestMigrate(t *testing.T) {
	s := openNew(t)
	steps := check[[]Migration](t)(nextSteps())
	next := steps[SchemaVersion]
	with := func(m Migration) []Migration { return append(slices.Clone(steps[:SchemaVersion]), m) }
	broken := next
	broken.SQL += ` INSERT INTO nowhere VALUES (1);`
	wantError(t, s.migrate(t.Context(), with(broken)), next.Name, "nowhere")
	wantError(t, s.migrate(t.Context(), with(Migration{next.Version, "x.sql", `SELECT 1`})), "x.sql recorded version 1")
	if _, err := s.db.Exec(`SELECT * FROM webhook_later`); err == nil {
		t.Error("a failed migration left a table behind")
	}
	check[any](t)(nil, s.migrate(t.Context(), steps))
	check[any](t)(nil, openAt(t, s.path).migrate(t.Context(), steps))
	_, err := s.db.Exec(`UPDATE webhook_meta SET value = ? WHERE name = 'minimum'`, next.Version)
	check[any](t)(nil, err)
	_, err = Open(s.path, nil)
	wantError(t, err, "for releases that know 2; this one knows 1: use a newer release")
}

func TestMigrationFiles(t *testing.T) {
	for _, names := range [][]string{{"0002_x.sql"}, {"0001_a.sql", "0001_b.sql"}, {"x.sql"}, {"0001_a.sql", "0003_b.sql"}} {
		files := fstest.MapFS{}
		for _, name := range names {
			files[name] = &fstest.MapFile{}
		}
		if _, err := readMigrations(files, "*.sql"); err == nil {
			t.Errorf("%v are accepted", names)
		}
	}
}
