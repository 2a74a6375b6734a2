package sqlitestore

import (
	"context"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("got the error %v, want %q in it", err, part)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	check[any](t)(nil, os.WriteFile(file, []byte(strings.Repeat("this is no database ", 100)), 0o600))
	for path, words := range map[string]string{
		"":                               "the path is empty",
		":memory:":                       "use webhook.NewMemoryStore",
		"file:x.db?mode=memory":          "not a URI",
		"a\x00b":                         "NUL",
		dir:                              "directory",
		filepath.Join(dir, "no", "x.db"): "the directory " + filepath.Join(dir, "no") + " does not exist; create it first",
		filepath.Join(file, "x.db"):      "not a directory",
		file:                             "not a database",
	} {
		_, err := Open(path, nil)
		wantError(t, err, "sqlitestore: Open: ", words)
	}
	_, err := Open(file, &Options{PollInterval: 1})
	wantError(t, err, "Options.PollInterval")
	_, err = Open(file, &Options{BusyTimeout: -1})
	wantError(t, err, "Options.BusyTimeout")
}

// An idle Claim says that the store is to be looked at again after the polling
// interval, 200 ms by default.
func TestPollInterval(t *testing.T) {
	for poll, want := range map[time.Duration]time.Duration{0: 200 * time.Millisecond, 37 * time.Millisecond: 37 * time.Millisecond} {
		s := check[*Store](t)(Open(filepath.Join(t.TempDir(), "webhooks.db"), &Options{PollInterval: poll}))
		_, next, err := s.Claim(t.Context(), 10, time.Second)
		if err != nil || next != want {
			t.Errorf("next is %v with an interval of %v, %v", next, poll, err)
		}
		check[any](t)(nil, s.Close())
	}
}

// The file, and what SQLite puts beside it, is its owner's only; and odd
// names are names.
func TestOpenFile(t *testing.T) {
	for _, name := range []string{"webhooks.db", "a b?c#d%41é.db"} {
		path := filepath.Join(t.TempDir(), name)
		s := openAt(t, path)
		check[func() error](t)(s.Lock(t.Context()))
		for _, end := range []string{"", "-wal", "-shm", ".run"} {
			info, err := os.Stat(path + end)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode() != 0o600 {
				t.Errorf("%s has mode %v", path+end, info.Mode())
			}
		}
	}
}

// Every connection that the store writes or emits with is set up as promised.
func TestSettings(t *testing.T) {
	s := openNew(t)
	for _, run := range []func(context.Context, func(*txn) error) error{s.update, s.peek, s.view} {
		check[any](t)(nil, run(t.Context(), func(*txn) error { return nil }))
	}
	for name, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "secure_delete": "2"} {
		for _, l := range []*slot{&s.writer, &s.engine, &s.log} {
			if got := pragma(t, l.s.conn.QueryRowContext, name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		if got := pragma(t, s.db.QueryRowContext, name); got != want {
			t.Errorf("of a transaction: %s is %s, want %s", name, got, want)
		}
	}
	if got := pragma(t, s.db.QueryRowContext, "integrity_check"); got != "ok" {
		t.Error(got)
	}
}

func pragma(t *testing.T, query func(context.Context, string, ...any) *sql.Row, name string) (value string) {
	t.Helper()
	if err := query(t.Context(), "PRAGMA "+name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// A pool whose connections would break a promise is refused, in words.
func TestNewInspects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.db")
	const good = "?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)"
	for _, x := range []struct{ dsn, words string }{
		{":memory:", "NewMemoryStore"},
		{path + ".delete?_pragma=busy_timeout(1000)", "journal_mode=delete"},
		{path + "?_pragma=busy_timeout(1000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)", "synchronous=1"},
		{path + "?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)", "busy_timeout=0"},
		{path + ".16?_pragma=encoding('UTF-16')&" + good[1:], "UTF-8"},
		{path + good, ""},
	} {
		db := check[*sql.DB](t)(sql.Open(driverName, x.dsn))
		s, err := New(db, nil)
		switch {
		case x.words != "":
			wantError(t, err, "sqlitestore: New: ", x.words)
		case err != nil:
			t.Errorf("%s: %v", x.dsn, err)
		default:
			check[any](t)(nil, s.Close())
		}
		check[any](t)(nil, db.Close())
	}
	_, err := New(nil, nil)
	wantError(t, err, "the pool is nil")
}

func TestClosed(t *testing.T) {
	s := openNew(t)
	check[any](t)(nil, s.Close())
	_, err := s.Stats(t.Context())
	wantError(t, err, "the store is closed")
	_, err = s.Append(t.Context(), []webhook.EventRecord{event(1)})
	wantError(t, err, "the store is closed")
}

func TestSchemaByHost(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host.db")
	_, err := Open(path, &Options{SchemaByHost: true})
	wantError(t, err, "schema 0", "sqlitestore.Migrations")
	db := check[*sql.DB](t)(sql.Open(driverName, dsn(path, time.Second)))
	defer db.Close()
	for _, m := range check[[]Migration](t)(Migrations()) {
		check[sql.Result](t)(db.Exec(m.SQL))
	}
	s := check[*Store](t)(Open(path, &Options{SchemaByHost: true}))
	check[webhook.StoreStats](t)(s.Stats(t.Context()))
	check[any](t)(nil, s.Close())
}

// What is not UTF-8, and NUL bytes, come back as they were.
func TestOddStrings(t *testing.T) {
	s := openNew(t)
	odd := "a\x00b\xff\xfe'\"; --"
	e := webhook.Endpoint{ID: odd, Account: odd, Name: odd, URL: odd, Events: []string{odd}, Secret: webhook.Secret(odd), Enabled: true,
		Headers: map[string]string{odd: odd, "X": "1"}, OldSecret: webhook.Secret(odd)}
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), e, 1))
	got := check[[]webhook.EndpointRecord](t)(s.Endpoints(t.Context(), webhook.EndpointQuery{Account: odd, ID: odd, Type: odd}))[0]
	if got.Name != odd || got.URL != odd || got.Events[0] != odd || got.Secret.Reveal() != odd || got.OldSecret.Reveal() != odd ||
		got.Headers[odd] != odd || got.Headers["X"] != "1" {
		t.Errorf("got %+v", got.Endpoint)
	}
	ev := webhook.EventRecord{ID: odd, Account: odd, Type: odd, Key: odd, KeyWindow: time.Hour, Subject: odd, Body: []byte{}}
	check[[]webhook.Appended](t)(s.Append(t.Context(), []webhook.EventRecord{ev}))
	h := claimOf(t, s, odd)
	b := check[[]webhook.Batch](t)(s.Due(t.Context(), []webhook.Want{{Hold: h, Max: 1, Exclude: []string{"\xfe"}}}))[0]
	if d := b.Deliveries; len(d) != 1 || d[0].Event == nil || d[0].Event.ID != odd || d[0].Event.Type != odd || len(d[0].Event.Body) != 0 {
		t.Errorf("due: %+v", d)
	}
	if b := check[[]webhook.Batch](t)(s.Due(t.Context(), []webhook.Want{{Hold: h, Max: 1, Exclude: []string{odd}}}))[0]; len(b.Deliveries) != 0 {
		t.Error("excluded, but due")
	}
	if n, err := s.Erase(t.Context(), webhook.Erasure{Subject: odd}, 10); n != 1 || err != nil {
		t.Errorf("erased %d, %v", n, err)
	}
}
