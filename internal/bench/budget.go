package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgxpool"
)

var budget = scenario{
	name: "budget", title: "Where the time goes", run: runBudget,
	about: `
The load of the throughput, for a fixed number of deliveries instead of some
seconds, and what each of them cost the processes. With two cores that do
nothing else a system delivers at most 2,000,000 divided by the sum of the first
three a second. When others load the machine, times grow by up to a half, the
receiver's with the others: its work is always the same, so it says how to
compare. Counts hardly change.

- budget_*x*_sender_us, budget_*x*_receiver_us, budget_*x*_server_us:
  microseconds of processor time, of the system and the kernel for it; the
  server is PostgreSQL with all its processes
- budget_*x*_allocations: of the sender's heap
- budget_sqlite_written_bytes: to the log and, by checkpoints, to the file
- budget_*x*_wal_bytes, budget_*x*_wal_records, budget_*x*_commits,
  budget_*x*_syncs, budget_*x*_rows (inserted, changed or deleted),
  budget_*x*_statements and budget_*x*_trips (to the server and back)`,
}

var budgeted = []string{"raw", "memory", "sqlite", "postgres", "river_tuned"}

func runBudget(b *bench) error {
	for _, system := range budgeted {
		if err := b.budget(system); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) budget(system string) error {
	n := b.count(60_000)
	c, err := b.started(system, 100)
	if err != nil {
		return err
	}
	defer c.kill()
	l := Load{To: 100, Callers: 8, Batch: 100, Backlog: 5000, Drain: true}
	if system == "raw" {
		l = Load{To: 100, Callers: 64}
	}
	l.Events = max(1000, n/5) // connections are made, and plans
	if _, err := b.load(c, l); err != nil {
		return err
	}
	l.Events = max(1000, n)
	before, err := b.usage(c)
	if err != nil {
		return err
	}
	if b.profile != "" {
		if err := c.call(b.ctx, "Sender.Profile", filepath.Join(b.profile, system+".cpu"), nil); err != nil {
			return err
		}
	}
	out, err := b.load(c, l)
	if err != nil {
		return err
	}
	after, err := b.usage(c)
	if err != nil {
		return err
	}
	if b.profile != "" {
		if err := c.call(b.ctx, "Sender.Profiled", nil, nil); err != nil {
			return err
		}
	}
	for _, f := range after.sub(before).each(float64(out.Events)).figures() {
		if f.value != 0 {
			b.add("budget_"+system+"_"+f.name, f.value, f.unit)
		}
	}
	return nil
}

// Usage is what processes have used since they began.
type Usage struct {
	Sender, Receiver, Server float64 // seconds of processor time
	Allocations, Written     float64 // Written: bytes to SQLite's files
	WAL, Records             float64 // bytes of it, and records in it
	Commits, Syncs, Rows     float64
	Statements, Trips        float64
}

func (u Usage) sub(v Usage) Usage {
	return Usage{
		u.Sender - v.Sender, u.Receiver - v.Receiver, u.Server - v.Server, u.Allocations - v.Allocations, u.Written - v.Written,
		u.WAL - v.WAL, u.Records - v.Records, u.Commits - v.Commits, u.Syncs - v.Syncs, u.Rows - v.Rows,
		u.Statements - v.Statements, u.Trips - v.Trips,
	}
}

// each divides it, by a number of events or of seconds.
func (u Usage) each(n float64) Usage {
	return Usage{
		u.Sender / n, u.Receiver / n, u.Server / n, u.Allocations / n, u.Written / n,
		u.WAL / n, u.Records / n, u.Commits / n, u.Syncs / n, u.Rows / n, u.Statements / n, u.Trips / n,
	}
}

type amount struct {
	name  string
	value float64
	unit  string
}

func (u Usage) figures() []amount {
	return []amount{
		{"sender_us", u.Sender * 1e6, "us"}, {"receiver_us", u.Receiver * 1e6, "us"}, {"server_us", u.Server * 1e6, "us"},
		{"allocations", u.Allocations, "allocations"}, {"written_bytes", u.Written, "B"},
		{"wal_bytes", u.WAL, "B"}, {"wal_records", u.Records, "records"},
		{"commits", u.Commits, "commits"}, {"syncs", u.Syncs, "fsyncs"}, {"rows", u.Rows, "rows"},
		{"statements", u.Statements, "statements"}, {"trips", u.Trips, "trips"},
	}
}

func (b *bench) usage(c *child) (u Usage, err error) {
	if err = c.call(b.ctx, "Sender.Usage", nil, &u); err == nil {
		err = b.receiver.call(b.ctx, "Receiver.Usage", nil, &u.Receiver)
	}
	return u, err
}

// Usage returns what this process has used, and the server.
func (s *Sender) Usage(_ Nothing, reply *Usage) (err error) {
	ctx := context.Background()
	if reply.Sender, err = processorTime(); err != nil {
		return err
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	reply.Allocations = float64(m.Mallocs)
	var pool *pgxpool.Pool
	var schema string
	switch system := s.system.(type) {
	case *library:
		if system.file != "" {
			if reply.Written, err = written(); err != nil {
				return err
			}
		}
		pool, schema = system.pool, system.schema
		reply.Statements, reply.Trips = system.traffic.count()
	case *riverQueue:
		pool, schema = system.pool, system.schema
	}
	if pool == nil {
		return nil
	}
	r, err := meter{pool: pool, schema: schema}.read(ctx)
	if err != nil {
		return err
	}
	reply.WAL, reply.Records, reply.Rows = float64(r.wal), float64(r.records), float64(r.rows)
	reply.Commits, reply.Syncs = float64(r.commits), float64(r.syncs)
	reply.Server, err = serverTime(ctx, pool)
	return err
}

// Usage returns the processor time that this process has used.
func (r *Receiver) Usage(_ Nothing, reply *float64) (err error) {
	*reply, err = processorTime()
	return err
}

// processorTime is this process's, in seconds.
func processorTime() (float64, error) {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }
	return seconds(u.Utime) + seconds(u.Stime), nil
}

// serverTime is that of a server on this machine: of its first process, of
// those that have ended, and of those that are there.
func serverTime(ctx context.Context, pool *pgxpool.Pool) (sum float64, err error) {
	var pid int
	if err := pool.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&pid); err != nil {
		return 0, err
	}
	mine, err := readStat(pid)
	if err != nil {
		return 0, err
	}
	first, err := readStat(mine.parent)
	if err != nil {
		return 0, err
	}
	sum = first.own + first.ended
	processes, err := filepath.Glob("/proc/[0-9]*")
	for _, p := range processes {
		id, _ := strconv.Atoi(filepath.Base(p))
		if s, err := readStat(id); err == nil && s.parent == mine.parent {
			sum += s.own
		}
	}
	return sum, err
}

// A stat is what /proc says about a process, in seconds.
type stat struct {
	parent     int
	own, ended float64 // ended: its children that have
}

// ticks of /proc are this many in a second, on every machine that Go runs on.
const ticks = 100

func readStat(pid int) (s stat, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return s, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:])) // from the third on
	if len(fields) < 15 {
		return s, errors.New("/proc/*/stat is not as expected")
	}
	n := func(i int) float64 { x, _ := strconv.ParseFloat(fields[i-3], 64); return x }
	return stat{parent: int(n(4)), own: (n(14) + n(15)) / ticks, ended: (n(16) + n(17)) / ticks}, nil
}
