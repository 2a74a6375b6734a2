package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/internal/pgserver"
)

func TestMain(m *testing.M) {
	play() // a process with a role ends here
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set("10") // the scenarios mostly wait
	}
	code := m.Run()
	stopShared()
	os.Exit(code)
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var stopShared = func() {}

// shared is a server that the tests use which do it no harm.
var shared = sync.OnceValues(func() (dsn string, err error) {
	dsn, stop, err := pgserver.Use()
	if err == nil {
		stopShared = stop
	}
	return dsn, err
})

// onPostgres is a place on the shared server for this test.
func onPostgres(t *testing.T) place {
	t.Helper()
	dsn, err := shared()
	check(t, err)
	schema := "crash_" + strconv.Itoa(os.Getpid()) + "_" + strconv.FormatInt(time.Now().UnixNano(), 36)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), dsn)
		check(t, err)
		_, err = conn.Exec(context.Background(), "DROP SCHEMA IF EXISTS "+schema+" CASCADE")
		check(t, errors.Join(err, conn.Close(context.Background())))
	})
	return place{DSN: dsn, Schema: schema}
}

// onServer starts a server of the test's own, to be treated badly.
func onServer(t *testing.T) (*pgserver.Server, place) {
	t.Helper()
	s, err := pgserver.Start()
	if err != nil && os.Getenv(pgserver.Env) != "" && os.Getenv("CI") == "" {
		t.Skipf("this test crashes its server, so the one that %s names does not do: %v", pgserver.Env, err)
	}
	check(t, err)
	t.Cleanup(s.Stop)
	return s, place{DSN: s.DSN(), Schema: "webhook"}
}

func onSQLite(t *testing.T) place {
	return place{File: filepath.Join(t.TempDir(), "webhooks.db")}
}

// needs ends the test if a program is missing: on CI as a failure.
func needs(t *testing.T, program, install string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("this test needs %s: %s", program, install)
		}
		t.Skipf("NOT TESTED: this test needs %s: %s", program, install)
	}
}

// testWorld is a world whose processes end with the test.
func testWorld(t *testing.T, p place, lease time.Duration, endpoints ...endpoint) *world {
	t.Helper()
	dir := t.TempDir()
	w, err := newWorld(t.Context(), dir, p, lease, endpoints)
	check(t, err)
	t.Cleanup(func() {
		w.end()
		if t.Failed() {
			t.Logf("the processes wrote:\n%s", w.words())
		}
	})
	return w
}

func (w *world) mustStart(t *testing.T, r role, under ...string) *process {
	t.Helper()
	p, err := w.start(r, under...)
	check(t, err)
	if p.first == "" {
		t.Fatalf("%s does not begin: %s", p.role.Name, w.words())
	}
	return p
}

func (w *world) dispatchers(t *testing.T, n int) []*process {
	t.Helper()
	out := make([]*process, n)
	for i := range out {
		out[i] = w.mustStart(t, role{Kind: "dispatcher"})
	}
	return out
}

// close ends processes in good order, lets everything drain, and judges.
func (w *world) close(t *testing.T, ps []*process) *verdict {
	t.Helper()
	for _, p := range ps {
		check(t, p.stop())
	}
	var journals []string
	seen := map[string]bool{}
	for _, p := range w.all("emitter") {
		if j := p.role.Emitter.Journal; !seen[j] {
			seen[j], journals = true, append(journals, j)
		}
	}
	stuck, err := w.settle(journals...)
	check(t, err)
	v, err := w.judge(stuck)
	check(t, err)
	if !v.ok() {
		t.Errorf("%d lost, %d stuck, %d duplicates with %d requests in flight", v.Lost, v.Stuck, v.Duplicates, v.InFlight)
	}
	for _, f := range v.Faults {
		t.Error(f)
	}
	t.Logf("%d events, %d emits repeated after an error, %d deliveries, %d requests, %d duplicates, %d in flight",
		v.Events, v.Retried, v.Deliveries, v.Requests, v.Duplicates, v.InFlight)
	return v
}

// await waits until something holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v: %s", patience, what)
		}
	}
}

// progress is a condition: what these processes have done together has grown by
// n since now.
func progress(n int64, ps ...*process) func() bool {
	done := func() (sum int64) {
		for _, p := range ps {
			sum += p.gauge().Done
		}
		return sum
	}
	was := done()
	return func() bool { return done() >= was+n }
}

// log is all that the store says about the account one.
func (w *world) log(t *testing.T) map[int64]webhook.DeliveryRecord {
	t.Helper()
	store, closeStore, err := w.place.store(t.Context())
	check(t, err)
	defer closeStore()
	out := map[int64]webhook.DeliveryRecord{}
	q := webhook.DeliveryQuery{Account: "one", Limit: 1000}
	for {
		ds, err := store.Deliveries(t.Context(), q)
		check(t, err)
		for _, d := range ds {
			out[d.ID] = d
		}
		if len(ds) < q.Limit {
			return out
		}
		q.Before = ds[len(ds)-1].ID
	}
}

// steady is an emitter that emits until it is stopped.
func steady(journal string, filler int) role {
	return role{Kind: "emitter", Emitter: &emitter{Journal: journal, Streams: []string{"one"}, Pause: 10 * time.Millisecond, Filler: filler}}
}
