package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook/internal/pgserver"
)

// The program as it is run: it starts itself again, so the test's binary will
// not do.
func TestOutbox(t *testing.T) {
	address, stop, err := pgserver.Use()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	program := filepath.Join(t.TempDir(), "outbox.exe")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	start := func(address string) (string, error) {
		cmd := exec.CommandContext(t.Context(), program)
		cmd.Env = append(os.Environ(), "DATABASE_URL="+address)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}

	out, err := start(address)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"CRM Sync was last changed by ben@example.com", "meetings: 0, deliveries that wait: 0", "meetings: 1, deliveries that wait: 1",
		"received meeting.booked once",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var left int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'outbox%'").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d schemas are left, %v", left, err)
	}

	out, err = start("")
	if err == nil || !strings.Contains(out, "DATABASE_URL is not set") {
		t.Errorf("without a database: %v\n%s", err, out)
	}
}
