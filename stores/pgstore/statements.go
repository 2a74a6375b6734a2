package pgstore

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// parsed are the statements of the files in sql by name, for a schema called
// webhook. A statement begins with a line "-- name: x" and has no comments in
// here.
var parsed = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	files, err := sqlFiles.ReadDir("sql")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		text, err := sqlFiles.ReadFile("sql/" + f.Name())
		if err != nil {
			panic(err)
		}
		name := ""
		for line := range strings.Lines(string(text)) {
			if n, ok := strings.CutPrefix(line, "-- name: "); ok {
				name = strings.TrimSpace(n)
				if out[name] != "" {
					panic("two statements are called " + name)
				}
			} else if code, _, _ := strings.Cut(line, "--"); name != "" && strings.TrimSpace(code) != "" {
				out[name] += strings.TrimRight(code, " \n") + "\n"
			}
		}
	}
	return out
})

var schemaName = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// checkSchema refuses what would need more care than quotes.
func checkSchema(name string) error {
	if !schemaName.MatchString(name) || strings.HasPrefix(name, "pg_") {
		return fmt.Errorf("pgstore: the schema %q is not a name such as webhook: lower-case letters, digits and _, at most 63, not pg_", name)
	}
	return nil
}

var schemaWord = regexp.MustCompile(`\bwebhook\b`)

// inSchema puts the schema's name into statements.
func inSchema(sql, schema string) string {
	return schemaWord.ReplaceAllLiteralString(sql, pgx.Identifier{schema}.Sanitize())
}

// statements are the store's, ready to be sent.
type statements map[string]string

func newStatements(schema string) statements {
	out := statements{}
	for name, sql := range parsed() {
		out[name] = strings.TrimSuffix(strings.TrimSpace(inSchema(sql, schema)), ";")
	}
	return out
}

// get returns a statement that must exist.
func (s statements) get(name string) string {
	sql, ok := s[name]
	if !ok {
		panic("pgstore: no statement is called " + name)
	}
	return sql
}
