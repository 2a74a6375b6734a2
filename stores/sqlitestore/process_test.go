package sqlitestore

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// beChild is what this program does as a process of its own.
func beChild(role, path string) int {
	s, err := Open(path, nil)
	if err == nil {
		switch role {
		case "open":
			_, err = s.Append(context.Background(), []webhook.EventRecord{{ID: fmt.Sprint(os.Getpid()), Account: "acct", Type: "t0"}})
		case "open next": // as a release after this one
			var steps []Migration
			if steps, err = nextSteps(); err == nil {
				err = s.migrate(context.Background(), steps)
			}
		case "deliver": // claims everything, and is killed
			if _, err = s.Lock(context.Background()); err == nil {
				_, _, err = s.Claim(context.Background(), 10, time.Hour)
			}
			fmt.Println("holds")
			if err == nil {
				select {}
			}
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func child(t *testing.T, role, path string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), "SQLITESTORE_CHILD="+role, "SQLITESTORE_PATH="+path, fmt.Sprint("SQLITESTORE_SKEW=", skew.Load()))
	return cmd
}

// Ten processes start at once on a file that does not exist yet, and ten of the
// next release on what they made.
func TestTenProcessesStart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	for version, role := range []string{"open", "open next"} {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				if out, err := child(t, role, path).CombinedOutput(); err != nil {
					t.Errorf("%v: %s", err, out)
				}
			})
		}
		wg.Wait()
		s := openAt(t, path)
		if n := count(t, s.db, "webhook_events"); n != 10 {
			t.Errorf("10 processes stored %d events", n)
		}
		check[any](t)(nil, s.peek(t.Context(), func(tx *txn) error {
			if got, minimum, err := tx.installed(); err != nil || got != SchemaVersion+version || minimum != 1 {
				t.Errorf("the schema is %d for %d and later, %v; want %d for 1", got, minimum, err, SchemaVersion+version)
			}
			return nil
		}))
	}
}

// A process that delivers is killed: the lock is free at once, and what it
// had in hand goes on.
func TestLockSurvivesKill(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	s := openAt(t, path)
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("ep"), 10))
	check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(0)}))

	cmd := child(t, "deliver", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "holds\n" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	_, err = s.Lock(t.Context())
	if want := fmt.Sprintf("another process (pid %d) delivers from this file", cmd.Process.Pid); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a second Lock: got %v, want %s", err, want)
	}
	if claims, _, err := s.Claim(t.Context(), 10, time.Minute); len(claims) != 0 || err != nil {
		t.Fatalf("the child holds the lane; got %v, %v", claims, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	unlock, err := s.Lock(t.Context())
	if err != nil {
		t.Fatalf("after the kill: %v", err)
	}
	if claims, _, err := s.Claim(t.Context(), 10, time.Minute); len(claims) != 1 || err != nil {
		t.Errorf("what the dead process held must be free; got %v, %v", claims, err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

// Two stores of one process exclude each other as well, by whatever name they
// know the file.
func TestLockWithinProcess(t *testing.T) {
	s := openNew(t)
	link := filepath.Join(t.TempDir(), "link.db")
	check[any](t)(nil, os.Symlink(s.path, link))
	db := check[*sql.DB](t)(sql.Open(driverName, dsn(link, time.Second)))
	defer db.Close()
	hosts := check[*Store](t)(New(db, nil))
	defer hosts.Close()
	for _, other := range []*Store{openAt(t, s.path), openAt(t, link), hosts} {
		unlock := check[func() error](t)(s.Lock(t.Context()))
		_, err := other.Lock(t.Context())
		wantError(t, err, "this process delivers from this file already")
		check[any](t)(nil, unlock())
		check[any](t)(nil, check[func() error](t)(other.Lock(t.Context()))())
	}
}
