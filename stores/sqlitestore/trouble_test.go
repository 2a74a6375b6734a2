package sqlitestore

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// unknownOutcome says that the error is of unknown outcome: none of the sentinels.
func unknownOutcome(t *testing.T, err error, part string) {
	t.Helper()
	wantError(t, err, "sqlitestore: ", part)
	for _, s := range []error{webhook.ErrNotFound, webhook.ErrConflict, webhook.ErrLimit, webhook.ErrDisabled, webhook.ErrFull} {
		if errors.Is(err, s) {
			t.Errorf("%v looks like a refusal", err)
		}
	}
}

// Another process's transaction writes for long: calls wait as long as they
// may, and end when their context does; readers go on.
func TestBusy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	s := check[*Store](t)(Open(path, &Options{BusyTimeout: 300 * time.Millisecond}))
	defer s.Close()
	db := check[*sql.DB](t)(sql.Open(driverName, dsn(path, time.Second)))
	defer db.Close()
	tx := check[*sql.Tx](t)(db.Begin())
	_, err := s.Append(t.Context(), []webhook.EventRecord{event(1)})
	unknownOutcome(t, err, "another transaction has been writing to the file for 300ms: ")
	unknownOutcome(t, err, "database is locked")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err = s.Append(ctx, []webhook.EventRecord{event(1)}); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 250*time.Millisecond {
		t.Errorf("cancelled after %v: %v", time.Since(began), err)
	}
	if _, next, err := s.Claim(t.Context(), 1, time.Minute); err != nil || next != 200*time.Millisecond {
		t.Errorf("a reader beside the writer: next %v, %v", next, err)
	}
	time.AfterFunc(50*time.Millisecond, func() { _ = tx.Commit() })
	check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(1)}))
}

// A full disk (here: a bound on the pages of the file) fails the call and
// nothing else.
func TestFull(t *testing.T) {
	s := openNew(t)
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("ep"), 10))
	limit := func(pages string) {
		check[any](t)(nil, s.writer.s.conn.QueryRowContext(t.Context(), "PRAGMA max_page_count = "+pages).Scan(new(int)))
	}
	limit("60")
	big := event(0)
	big.Body = make([]byte, 1<<20)
	_, err := s.Append(t.Context(), []webhook.EventRecord{event(3), big})
	unknownOutcome(t, err, "full")
	if n := count(t, s.db, "webhook_events"); n != 0 {
		t.Errorf("%d events are stored", n)
	}
	limit("100000")
	check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(3), big}))
}

// A connection on which nothing can be written is an error once, and then
// replaced.
func TestReadOnly(t *testing.T) {
	s := openNew(t)
	check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(0)}))
	check[sql.Result](t)(s.writer.s.conn.ExecContext(t.Context(), "PRAGMA query_only = 1"))
	_, err := s.Append(t.Context(), []webhook.EventRecord{event(1)})
	unknownOutcome(t, err, "readonly")
	check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(1)}))
}

// A file whose pages are damaged gives errors, not panics.
func TestCorrupt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	s := check[*Store](t)(Open(path, nil))
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("ep"), 10))
	for i := range 50 {
		check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(i)}))
	}
	check[any](t)(nil, s.Close())
	data := check[[]byte](t)(os.ReadFile(path))
	for i := 2 * 4096; i < len(data); i++ {
		data[i] = byte(i * 7)
	}
	check[any](t)(nil, os.WriteFile(path, data, 0o600))
	s, err := Open(path, nil)
	if err != nil {
		wantError(t, err, "malformed")
		return
	}
	defer s.Close()
	_, err = s.Append(t.Context(), []webhook.EventRecord{event(100)})
	unknownOutcome(t, err, "malformed")
	_, err = s.Stats(t.Context())
	unknownOutcome(t, err, "malformed")
}

// Calls that are cancelled at any moment leave the connections usable.
func TestCancelled(t *testing.T) {
	s := openNew(t)
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("ep"), 10))
	fill(t, s, "ep", 20_000)
	var wg sync.WaitGroup
	for i := range 200 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i*20)*time.Microsecond)
		wg.Go(func() {
			defer cancel()
			for _, err := range []error{
				func() error { _, err := s.Append(ctx, []webhook.EventRecord{event(i)}); return err }(),
				func() error {
					_, err := s.Deliveries(ctx, webhook.DeliveryQuery{Account: "acct", Type: "none"})
					return err
				}(),
				func() error { _, err := s.Stats(ctx); return err }(),
			} {
				if err != nil && ctx.Err() == nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range 200 {
		check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{event(i)}))
	}
	if st := check[webhook.StoreStats](t)(s.Stats(t.Context())); st.Pending != 20_200 {
		t.Errorf("%d deliveries wait, want 20,200", st.Pending)
	}
}

// An idle Claim writes nothing.
func TestIdle(t *testing.T) {
	s := openNew(t)
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("ep"), 10))
	size := func() int64 { return check[os.FileInfo](t)(os.Stat(s.path + "-wal")).Size() }
	before := size()
	for range 100 {
		if _, next, err := s.Claim(t.Context(), 10, time.Minute); err != nil || next != 200*time.Millisecond {
			t.Fatalf("next %v, %v", next, err)
		}
		check[int](t)(s.Purge(t.Context(), webhook.Ages{Pending: time.Hour, Bodies: time.Hour, Log: time.Hour}, 100))
	}
	if after := size(); after != before {
		t.Errorf("the log of the file grew from %d to %d", before, after)
	}
}

// The clock never goes back, and never stops.
func TestClock(t *testing.T) {
	const hour, start = int64(3_600_000_000), int64(1_800_000_000_000_000)
	var wall, monotonic int64
	c := &clock{read: func() (int64, int64) { return start + wall, monotonic }}
	for _, step := range []struct {
		what                  string
		wall, monotonic, want int64
	}{
		{"at first", 0, 0, 0},
		{"a second later", 1_000_000, 1_000_000, 1_000_000},
		{"after a step of an hour back", 1_000_000 - hour, 1_000_000, 1_000_000},
		{"2 seconds after it", 3_000_000 - hour, 3_000_000, 3_000_000},
		{"after a sleep of an hour, in which the monotonic clock stood still", hour, 4_000_000, hour},
		{"a second after that", hour + 1_000_000, 5_000_000, hour + 1_000_000},
	} {
		wall, monotonic = step.wall, step.monotonic
		if got := c.micros() - start; got != step.want {
			t.Errorf("%s: %d, want %d", step.what, got, step.want)
		}
	}
}
