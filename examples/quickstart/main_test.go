package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/internal/pgserver"
)

func TestMain(m *testing.M) {
	address, stop, err := pgserver.Use()
	if err == nil {
		err = os.Setenv("DATABASE_URL", address)
	}
	cache, cacheErr := os.MkdirTemp("", "quickstart")
	if err = errors.Join(err, cacheErr, os.Setenv("XDG_CACHE_HOME", cache)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	_ = os.RemoveAll(cache)
	os.Exit(code)
}

func keeperOf(t *testing.T, name string) *keeper {
	t.Helper()
	k, err := newKeeper(name)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestQuickstart(t *testing.T) {
	for _, store := range []string{"sqlite", "memory", "postgres"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			k := keeperOf(t, store)
			var out bytes.Buffer
			if err := errors.Join(run(t.Context(), &out, newReceiver(), k), k.remove()); err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			for _, e := range events.All() {
				if n := strings.Count(out.String(), e.Name); n < 4 { // registered, emitted, verified, checked
					t.Errorf("%s is named %d times, want at least 4", e.Name, n)
				}
			}
			if left := leftBehind(t, k); left != "" {
				t.Errorf("%s is left behind", left)
			}
		})
	}
}

// leftBehind names what is left of a run, by the words that it shows.
func leftBehind(t *testing.T, k *keeper) string {
	t.Helper()
	if dir := filepath.Dir(k.place); filepath.IsAbs(dir) {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			return dir
		}
	}
	conn, err := pgx.Connect(t.Context(), os.Getenv("DATABASE_URL"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	var schemas []string
	err = conn.QueryRow(t.Context(), "SELECT coalesce(array_agg(nspname::text), '{}') FROM pg_namespace WHERE nspname LIKE 'webhook_quickstart_%'").Scan(&schemas)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range schemas {
		if strings.Contains(k.place, s) {
			return s
		}
	}
	return ""
}

// A run that is interrupted cleans up, says so, and does not break the next.
func TestInterrupted(t *testing.T) {
	for _, store := range []string{"sqlite", "memory", "postgres"} {
		t.Run(store, func(t *testing.T) {
			t.Parallel()
			k := keeperOf(t, store)
			recv := newReceiver()
			ctx, interrupt := context.WithCancel(t.Context())
			next := recv.server.Handler
			recv.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == path(silent) { // in the midst of the deliveries
					interrupt()
				}
				next.ServeHTTP(w, r)
			})
			if err := run(ctx, io.Discard, recv, k); !errors.Is(err, context.Canceled) {
				t.Errorf("interrupted: %v", err)
			}
			if err := k.remove(); err != nil {
				t.Error(err)
			}
			if left := leftBehind(t, k); left != "" {
				t.Errorf("%s is left behind", left)
			}
		})
	}
}

// A store that lost what was emitted must not pass.
func TestForgetfulStore(t *testing.T) {
	t.Parallel()
	k := keeperOf(t, "memory")
	k.open = func(context.Context) (webhook.Store, func() error, error) {
		return webhook.NewMemoryStore(nil), func() error { return nil }, nil
	}
	err := run(t.Context(), io.Discard, newReceiver(), k)
	if err == nil || !strings.Contains(err.Error(), "outlived") {
		t.Errorf("nothing outlived the first dispatcher, and it says %v", err)
	}
}

func TestUnknownStore(t *testing.T) {
	if _, err := newKeeper("mysql"); err == nil || !strings.Contains(err.Error(), "sqlite, memory or postgres") {
		t.Errorf("--store mysql: %v", err)
	}
	if _, err := inPostgres(""); err == nil || !strings.Contains(err.Error(), "DATABASE_URL") {
		t.Errorf("--store postgres without an address: %v", err)
	}
}

// It must name what did not happen, and nothing else.
func TestQuickstartFails(t *testing.T) {
	t.Parallel()
	recv := newReceiver()
	next := recv.server.Handler
	recv.server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("webhook-id") == "", // a forgery is accepted
			r.URL.Path == path(flaky),  // works at once
			r.URL.Path == path(silent): // answers
			w.WriteHeader(http.StatusNoContent)
			return
		case r.URL.Path == path("Lead Scored"): // does not exist
			w.WriteHeader(http.StatusNotFound)
			return
		case r.URL.Path == path("Meeting Booked"): // the body is lost on the way
			r = r.WithContext(r.Context()) // the server goes on with its own
			r.Body, r.ContentLength = http.NoBody, 0
		case r.URL.Path == path(deleted): // the mark of a test is lost on the way
			r.Header.Del("X-Webhook-Test")
		}
		next.ServeHTTP(w, r)
	})
	var out bytes.Buffer
	err := run(t.Context(), &out, recv, keeperOf(t, "memory"))
	if err == nil {
		t.Fatalf("nothing is missing\n%s", &out)
	}
	for part, want := range map[string]bool{
		"lead.scored arrived": true, "meeting.booked arrived": true, flaky + " failed twice": true, flaky + " recovered": true,
		silent + " was tried": true, silent + " has the error status": true, "the test send arrived": true, "the forged request": true,
		"lead.created": false, "reply.received": false, "message.sent": false, "ai_response.sent": false,
		"enrichment.completed": false, deleted: false,
	} {
		if strings.Contains(err.Error(), part) != want {
			t.Errorf("%q named as missing: %v, want %v\n%v", part, !want, want, err)
		}
	}
}
