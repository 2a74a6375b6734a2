package main

import (
	"os"
	"testing"
	"time"
)

// Bad things happen to an SQLite file under load.

func fileWorld(t *testing.T, filler int) (w *world, d, e *process) {
	p := onSQLite(t)
	p.BusyTimeout = time.Second
	w = testWorld(t, p, time.Second,
		endpoint{Account: "one", Name: "quick"},
		endpoint{Account: "one", Name: "fifo", FIFO: true})
	d = w.dispatchers(t, 1)[0]
	e = w.mustStart(t, steady("emitted", filler))
	await(t, "nothing is delivered at first", progress(20, d))
	return w, d, e
}

func (w *world) resumes(t *testing.T, d, e *process) {
	t.Helper()
	await(t, "nothing is emitted afterwards", progress(20, e))
	await(t, "nothing is delivered afterwards", progress(20, d))
	if v := w.close(t, []*process{d, e}); v.Retried == 0 {
		t.Error("no emit failed")
	}
}

// Another process keeps the file locked for ten seconds.
func TestFileBusy(t *testing.T) {
	t.Parallel()
	w, d, e := fileWorld(t, 200)
	blocker := w.mustStart(t, role{Kind: "blocker"})
	time.Sleep(10 * time.Second)
	blocker.kill()
	w.resumes(t, d, e)
}

// The file cannot grow, as if the disk were full.
func TestFileFull(t *testing.T) {
	t.Parallel()
	needs(t, "prlimit", "apt-get install util-linux")
	w, d, e := fileWorld(t, 4000)
	size := func() int64 {
		info, err := os.Stat(w.place.File + "-wal")
		check(t, err)
		return info.Size()
	}
	await(t, "the log does not grow", func() bool { return size() > 1<<20 })
	limitFiles(t, 1<<20, d.cmd.Process.Pid, e.cmd.Process.Pid)
	failed := func() int { return w.countErrors(t, "emitted") }
	await(t, "the emits do not fail", func() bool { return failed() >= 5 })
	time.Sleep(2 * time.Second) // longer than the lease
	limitFiles(t, -1, d.cmd.Process.Pid, e.cmd.Process.Pid)
	w.resumes(t, d, e)
}

func (w *world) countErrors(t *testing.T, name string) (n int) {
	t.Helper()
	_, by, err := readTried(w.dir + "/" + name)
	check(t, err)
	for _, k := range by {
		n += k.errors
	}
	return n
}
