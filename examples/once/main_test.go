package main

import (
	"bytes"
	"context"
	"database/sql"
	"os"
	"strings"
	"testing"

	"github.com/autoreach/webhook/internal/pgserver"
)

func TestOnce(t *testing.T) {
	address, stop, err := pgserver.Use()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	t.Setenv("DATABASE_URL", address)
	t.Setenv("TMPDIR", t.TempDir())
	for name, times := range map[string]string{"memory": "2", "sqlite": "1", "postgres": "1"} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := run(t.Context(), &out, name); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			if n := strings.Count(out.String(), "handling evt_1"); n != 2 {
				t.Errorf("it was handled %d times, want the one that failed and one more:\n%s", n, &out)
			}
			if !strings.Contains(out.String(), "lead_1 was counted "+times+" time(s), kept in "+name) {
				t.Errorf("it does not count %s:\n%s", times, &out)
			}
		})
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("%v is left behind, %v", left, err)
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var schemas int
	if err := db.QueryRowContext(context.Background(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'webhook_once_%'").Scan(&schemas); err != nil || schemas > 0 {
		t.Errorf("%d schemas are left, %v", schemas, err)
	}
}

func TestUnknownStore(t *testing.T) {
	t.Setenv("DATABASE_URL", "")
	for name, want := range map[string]string{"mysql": "memory, sqlite or postgres", "postgres": "DATABASE_URL"} {
		if err := run(t.Context(), &bytes.Buffer{}, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("--store %s: %v", name, err)
		}
	}
}
