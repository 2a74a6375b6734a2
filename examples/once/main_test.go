package main

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/autoreach/webhook/internal/pgserver"
	"github.com/autoreach/webhook/verify/sqlonce"
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

// A process that is over before its 256th call, such as a function in a cloud,
// forgets old ids too: the first call of each does.
func TestOnceForgetsAtOnce(t *testing.T) {
	file := "file:" + filepath.Join(t.TempDir(), "receiver.db")
	left := func() (n int) {
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRow("SELECT count(*) FROM webhook_once").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	process := func(ids ...string) {
		db, err := sql.Open("sqlite", file)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		once, err := sqlonce.New(db, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := once.CreateTable(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range ids {
			if _, err := once.Once(t.Context(), id, func(ctx context.Context) error {
				// All that is there was recorded just over the window ago.
				_, err := sqlonce.Tx(ctx).ExecContext(ctx, "UPDATE webhook_once SET at = at - $1", int64(sqlonce.DefaultWindow.Seconds())+1)
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	process("evt_1", "evt_2")
	if n := left(); n != 2 {
		t.Errorf("%d ids are kept, want 2", n)
	}
	for i := range 3 {
		process(fmt.Sprint("evt_of_", i))
		if n := left(); n != 1 {
			t.Errorf("process %d leaves %d ids, want its own", i, n)
		}
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
