package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

const emitsToCount = 50

func oneByOne() role {
	return role{Kind: "emitter", Emitter: &emitter{Journal: "emitted", Streams: []string{"one"}, Count: emitsToCount}}
}

// SIGKILL cannot tell what is on the disk from what the kernel has. So syncs are
// counted: between each try and its acknowledgement, which the emitter's journal
// syncs as well, the file's log is synced.
func TestSyncsSQLite(t *testing.T) {
	t.Parallel()
	needs(t, "strace", "apt-get install strace")
	w := testWorld(t, onSQLite(t), 0, endpoint{Account: "one", Name: "quick"})
	trace := filepath.Join(t.TempDir(), "trace")
	check(t, w.mustStart(t, oneByOne(), "strace", "-f", "-y", "-e", "trace=fsync,fdatasync", "-o", trace).finish())
	text, err := os.ReadFile(trace)
	check(t, err)
	journal, emits, syncs, since := 0, 0, 0, 0
	for line := range strings.Lines(string(text)) {
		switch {
		case strings.Contains(line, w.place.File+"-wal>"):
			syncs++
			since++
		case strings.Contains(line, "emitted>"):
			if journal++; journal%2 == 0 { // a try, an acknowledgement, a try, …
				if emits++; since == 0 {
					t.Errorf("emit %d was acknowledged without a sync", emits)
				}
			}
			since = 0
		}
	}
	if emits != emitsToCount {
		t.Errorf("the trace shows %d emits, want %d:\n%s", emits, emitsToCount, text)
	}
	t.Logf("%d emits, %d syncs", emits, syncs)
}

// PostgreSQL counts the syncs of its log itself. Nobody else uses the server.
func TestSyncsPostgres(t *testing.T) {
	t.Parallel()
	server, p := onServer(t)
	w := testWorld(t, p, 0, endpoint{Account: "one", Name: "quick"})
	conn, err := pgx.Connect(t.Context(), server.DSN())
	check(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	syncs := func() (n int) {
		var version int
		check(t, conn.QueryRow(t.Context(), "SELECT current_setting('server_version_num')::int").Scan(&version))
		sql := "SELECT wal_sync FROM pg_stat_wal"
		if version >= 180000 {
			sql = "SELECT sum(fsyncs) FROM pg_stat_io WHERE object = 'wal'"
		}
		check(t, conn.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	was := syncs()
	check(t, w.mustStart(t, oneByOne()).finish()) // its connections report when they end
	await(t, "fewer syncs than emits", func() bool { return syncs()-was >= emitsToCount })
	t.Logf("%d emits, %d syncs", emitsToCount, syncs()-was)
}
