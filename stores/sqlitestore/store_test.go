package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/storetest"
)

// skew is how far the tests have moved the store's clock.
var skew atomic.Int64

func TestMain(m *testing.M) {
	now.read = func() (int64, int64) {
		ahead := skew.Load() / 1000
		wall, monotonic := readClock()
		return wall + ahead, monotonic + ahead
	}
	if child := os.Getenv("SQLITESTORE_CHILD"); child != "" {
		ahead, _ := strconv.ParseInt(os.Getenv("SQLITESTORE_SKEW"), 10, 64)
		skew.Store(ahead)
		os.Exit(beChild(child, os.Getenv("SQLITESTORE_PATH")))
	}
	// What runs in parallel mostly sleeps.
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set("8")
	}
	os.Exit(m.Run())
}

// blank and blankNext are empty files with the schema of this release and of
// one after it. Most tests begin with a copy, which is faster than to migrate.
var (
	blank     = sync.OnceValues(func() ([]byte, error) { return migrated(Migrations) })
	blankNext = sync.OnceValues(func() ([]byte, error) { return migrated(nextSteps) })
)

func migrated(steps func() ([]Migration, error)) ([]byte, error) {
	list, err := steps()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "sqlitestore")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "webhooks.db")
	s, err := Open(path, nil)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(s.migrate(context.Background(), list), s.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// newFile returns the path of a copy.
func newFile(t testing.TB, of func() ([]byte, error)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhooks.db")
	check[any](t)(nil, os.WriteFile(path, check[[]byte](t)(of()), 0o600))
	return path
}

func openAt(t testing.TB, path string) *Store {
	t.Helper()
	s, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func openNew(t testing.TB) *Store {
	t.Helper()
	return openAt(t, newFile(t, blank))
}

// pull opens what a machine would find that lost its power now: the files as
// they are, without anybody having closed them.
func pull(t testing.TB, s *Store) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "webhooks.db")
	for _, end := range []string{"", "-wal"} {
		copyFile(t, s.path+end, path+end)
	}
	return openAt(t, path)
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}

// inTx runs something in a transaction of the pool's.
func inTx(t testing.TB, db *sql.DB, run func(tx webhook.Tx) bool) {
	t.Helper()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if run(InTx(tx)) {
		err = tx.Commit()
	} else {
		err = tx.Rollback()
	}
	if err != nil {
		t.Fatal(err)
	}
}

var harness = storetest.Harness{
	Open:   func(t testing.TB) webhook.Store { return openNew(t) },
	Reopen: func(t testing.TB, s webhook.Store) webhook.Store { return pull(t, s.(*Store)) },
	InTx: func(t testing.TB, s webhook.Store, run func(tx webhook.Tx) bool) {
		inTx(t, s.(*Store).DB(), run)
	},
}

// TestStore runs the suite. Its clock is moved instead of waited for, and in
// long units, so that it is fast and forgives a busy machine. The cases of many
// goroutines are left to TestStoreInRealTime, the random lives, which would be
// dozens, to TestStoreRandomLives.
func TestStore(t *testing.T) { suite(t, moved(), except, "Concurrent", "Model") }

// Time passes by itself, and with it leases, delays and pauses.
func TestStoreInRealTime(t *testing.T) {
	t.Parallel()
	h := harness
	h.Parallel, h.Unit = true, time.Second
	suite(t, h, only, "Due", "Extend", "Return", "Concurrent")
}

func TestStoreRandomLives(t *testing.T) {
	h := moved()
	h.Fake = false // a few lives
	suite(t, h, only, "Model")
}

// The suite's cases of every method, together and in transactions, on a pool of
// the host's that has a single connection: nothing may need a second one.
func TestStoreOnPoolOfOne(t *testing.T) {
	h := moved()
	h.Open = func(t testing.TB) webhook.Store { return onPool(t, newFile(t, blank), 1) }
	suite(t, h, only, "Tx", "Durable", "Concurrent", "Unknown", "Accounts", "Purge", "Erase")
}

// A release works on the schema of the next one.
func TestStoreOnNextSchema(t *testing.T) {
	h := moved()
	h.Open = func(t testing.TB) webhook.Store { return openAt(t, newFile(t, blankNext)) }
	suite(t, h, only, "Append", "Health", "Resend", "Pauses", "Tx", "Durable", "Unknown", "Accounts", "Purge", "Erase")
}

// moved is the harness with a clock that the cases move.
func moved() storetest.Harness {
	h := harness
	h.Unit, h.Fake = 10*time.Second, true
	h.Advance = func(d time.Duration) { skew.Add(int64(d)) }
	return h
}

const (
	only   = true
	except = false
)

// suite runs the cases of the listed groups, or of all others.
func suite(t *testing.T, h storetest.Harness, listed bool, groups ...string) {
	t.Helper()
	var seen sync.Map
	t.Cleanup(func() {
		for _, group := range groups {
			if _, ok := seen.Load(group); !ok && !t.Failed() && flag.Lookup("test.run").Value.String() == "" {
				t.Errorf("the suite has no group %s", group)
			}
		}
	})
	h.Bubble = func(t *testing.T, run func(*testing.T)) {
		group := strings.Split(t.Name(), "/")[1]
		seen.Store(group, true)
		if slices.Contains(groups, group) != listed {
			t.Skip("not in a group of this test")
		}
		run(t)
	}
	storetest.Run(t, h)
}

// onPool makes a store on a pool of the host's.
func onPool(t testing.TB, path string, most int) *Store {
	t.Helper()
	db, err := sql.Open(driverName, dsn(path, 5*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(most)
	s, err := New(db, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Ping(); err != nil {
			t.Errorf("closing the store closed the host's pool: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
