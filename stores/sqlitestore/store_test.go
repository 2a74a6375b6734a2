package sqlitestore

import (
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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
	os.Exit(m.Run())
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
	return openAt(t, filepath.Join(t.TempDir(), "webhooks.db"))
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

// The whole suite in real time.
func TestStore(t *testing.T) {
	h := harness
	h.Parallel, h.Unit = true, 250*time.Millisecond
	storetest.Run(t, h)
}

// moved is the harness with a clock that the cases move, so that also those
// run that need hours to pass. It leaves out the random lives, of which it
// would have dozens.
func moved() storetest.Harness {
	h := harness
	h.Unit, h.Fake = time.Second, true
	h.Advance = func(d time.Duration) { skew.Add(int64(d)) }
	h.Bubble = func(t *testing.T, run func(*testing.T)) {
		if !strings.Contains(t.Name(), "/Model/") {
			run(t)
		}
	}
	return h
}

func TestStoreOverHours(t *testing.T) { storetest.Run(t, moved()) }

// The suite's cases of every method, together and in transactions, on a pool of
// the host's that has a single connection: nothing may need a second one.
func TestStoreOnPoolOfOne(t *testing.T) {
	h := moved()
	h.Bubble = func(t *testing.T, run func(*testing.T)) {
		switch group := strings.Split(t.Name(), "/")[1]; group {
		case "Tx", "Durable", "Concurrent", "Unknown", "Account", "Purge", "Erase":
			run(t)
		}
	}
	h.Open = func(t testing.TB) webhook.Store { return onPool(t, filepath.Join(t.TempDir(), "host.db"), 1) }
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
