package pgserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// What was committed before a crash is there after it, and nothing is left of
// the server in the end.
func TestCrashAndRestart(t *testing.T) {
	s, err := Start("work_mem=1MB")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	psql := func(sql string) string {
		t.Helper()
		out, err := exec.Command(filepath.Join(s.bin, "psql"), s.DSN(), "-v", "ON_ERROR_STOP=1", "-Atc", sql).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", sql, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	if got := psql("SHOW work_mem"); got != "1MB" {
		t.Errorf("work_mem is %s", got)
	}
	psql("CREATE TABLE t AS SELECT 1 AS n")
	if err := s.Crash(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(filepath.Join(s.bin, "pg_isready"), "-d", s.DSN()).CombinedOutput(); err == nil {
		t.Errorf("it still answers: %s", out)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if got := psql("SELECT n FROM t"); got != "1" {
		t.Errorf("after the crash: %q", got)
	}
	s.Stop()
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}
