package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook/internal/pgserver"
)

// Bad things happen to a PostgreSQL server under load. Each time emitters get
// errors, the same processes go on by themselves when it is over, and nothing
// that was acknowledged is lost.
func TestServerTrouble(t *testing.T) {
	t.Parallel()
	server, p := onServer(t)
	for _, trouble := range []struct {
		name   string
		filler int
		makes  func(t *testing.T, s *pgserver.Server, w *world)
	}{
		{"crashes", 200, crashes},
		{"connections are cut", 200, cuts},
		{"turns read-only", 200, turnsReadOnly},
		{"has no space left", 200_000, fills},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			p := p
			p.Schema = "trouble_" + strings.ReplaceAll(strings.ReplaceAll(trouble.name, " ", "_"), "-", "_")
			w := testWorld(t, p, time.Second,
				endpoint{Account: "one", Name: "quick"},
				endpoint{Account: "one", Name: "fifo", FIFO: true})
			ds := w.dispatchers(t, 2)
			e := w.mustStart(t, steady("emitted", trouble.filler))
			await(t, "nothing is delivered at first", progress(20, ds...))
			trouble.makes(t, server, w)
			await(t, "nothing is emitted afterwards", progress(20, e))
			for _, d := range ds {
				await(t, "a dispatcher does not go on", progress(10, d))
			}
			if v := w.close(t, append(ds, e)); v.Retried == 0 {
				t.Error("no emit failed")
			}
		})
	}
}

func crashes(t *testing.T, s *pgserver.Server, _ *world) {
	for range 2 {
		time.Sleep(time.Second)
		check(t, s.Crash())
		time.Sleep(500 * time.Millisecond)
		check(t, s.Restart())
	}
}

// admin connects in a way that works while the server is read-only.
func admin(t *testing.T, s *pgserver.Server) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN()+" options='-c default_transaction_read_only=off'")
	check(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func run(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	_, err := conn.Exec(t.Context(), sql)
	check(t, err)
}

func cuts(t *testing.T, s *pgserver.Server, _ *world) {
	conn := admin(t, s)
	for range 60 {
		run(t, conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '"+application+"' ORDER BY random() LIMIT 2")
		time.Sleep(50 * time.Millisecond)
	}
}

func turnsReadOnly(t *testing.T, s *pgserver.Server, _ *world) {
	conn := admin(t, s)
	for _, on := range []string{"on", "off"} {
		run(t, conn, "ALTER SYSTEM SET default_transaction_read_only = "+on)
		run(t, conn, "SELECT pg_reload_conf()")
		if on == "on" {
			time.Sleep(2 * time.Second) // longer than the lease
		}
	}
}

// fills makes the server unable to let a file grow beyond 16 MiB, the size of
// a segment of its log, as if the disk were full: no privilege is needed for
// that. (With no space for the log itself PostgreSQL ends, as in a crash.)
func fills(t *testing.T, s *pgserver.Server, _ *world) {
	needs(t, "prlimit", "apt-get install util-linux")
	conn := admin(t, s)
	var postmaster int
	check(t, conn.QueryRow(t.Context(), `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)::int`).Scan(&postmaster))
	full := func() int {
		b, err := os.ReadFile(s.Log())
		check(t, err)
		return strings.Count(string(b), "could not extend file")
	}
	limitFiles(t, 16<<20, postmaster)
	run(t, conn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '"+application+"'") // the next ones have the limit
	was := full()
	await(t, "the server does not run out of space", func() bool { return full() >= was+10 })
	time.Sleep(time.Second)
	rows, err := conn.Query(t.Context(), "SELECT pid FROM pg_stat_activity")
	check(t, err)
	pids, err := pgx.CollectRows(rows, pgx.RowTo[int])
	check(t, err)
	limitFiles(t, -1, append(pids, postmaster)...)
}

// limitFiles bounds the size of the files that processes can write; -1 lifts the
// bound. It acts as their user.
func limitFiles(t *testing.T, size int, pids ...int) {
	t.Helper()
	limit := "--fsize=unlimited:"
	if size >= 0 {
		limit = fmt.Sprintf("--fsize=%d:", size)
	}
	for _, pid := range pids {
		info, err := os.Stat(fmt.Sprint("/proc/", pid))
		if err != nil {
			continue // it has ended
		}
		owner := info.Sys().(*syscall.Stat_t)
		cmd := exec.Command("prlimit", "--pid", fmt.Sprint(pid), limit)
		if os.Getuid() == 0 {
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
		}
		if out, err := cmd.CombinedOutput(); err != nil && syscall.Kill(pid, 0) == nil {
			t.Fatalf("prlimit: %v\n%s", err, out)
		}
	}
}
