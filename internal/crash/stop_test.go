package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// A dispatcher stands still with outcomes in hand until another one has taken
// over and finished everything. What it says when it goes on is recorded and
// overwrites nothing.
func TestStoppedWithOutcomes(t *testing.T) {
	t.Parallel()
	w := testWorld(t, onPostgres(t), time.Second,
		endpoint{Account: "one", Name: "quick"},
		endpoint{Account: "one", Name: "flaky", Flaky: 100}) // the one that is stopped has failures in hand
	few := 6 // fewer than open a breaker
	check(t, w.mustStart(t, role{Kind: "emitter", Emitter: &emitter{Journal: "emitted", Streams: []string{"one"}, Count: few}}).finish())
	stopped := w.mustStart(t, role{Kind: "dispatcher", Trap: &Point{Call: "settle", Moment: entering, Nth: 1, Stop: true}})
	await(t, "the first dispatcher settles nothing", func() bool { return stopped.gauge().Reached == 1 })
	other := w.mustStart(t, role{Kind: "dispatcher"})
	stuck, err := w.drain()
	check(t, err)
	if stuck != 0 {
		t.Fatalf("%d deliveries are stuck behind a process that stands still", stuck)
	}
	before := w.log(t)
	stopped.signal(syscall.SIGCONT)
	await(t, "what the stopped one had in hand is not recorded", func() bool { return countAttempts(w.log(t), webhook.ResultSuperseded) > 0 })
	check(t, stopped.stop())
	after := w.log(t)
	for id, d := range after {
		was := before[id]
		if d.State != webhook.StateDelivered || d.State != was.State || !d.FinishedAt.Equal(was.FinishedAt) || d.Undelivered {
			t.Errorf("delivery %d was %+v and is %+v", id, was, d)
		}
	}
	oneEach(t, after)
	w.close(t, []*process{other})
}

// A dispatcher stands still in the middle of a transaction, like one whose
// machine has vanished. It does not hold up the others.
func TestStoppedInTransaction(t *testing.T) {
	t.Parallel()
	w := testWorld(t, onPostgres(t), time.Second, endpoint{Account: "one", Name: "quick"})
	check(t, w.mustStart(t, role{Kind: "emitter", Emitter: &emitter{Journal: "emitted", Streams: []string{"one"}, Count: 20}}).finish())
	stopped := w.mustStart(t, role{Kind: "dispatcher", Trap: &Point{Call: "settle", Moment: beforeCommit, Nth: 1, Stop: true}})
	await(t, "the first dispatcher settles nothing", func() bool { return stopped.gauge().Reached == 1 })
	other := w.mustStart(t, role{Kind: "dispatcher"})
	began := time.Now()
	stuck, err := w.drain()
	check(t, err)
	t.Logf("drained after %v", time.Since(began))
	if stuck != 0 {
		t.Errorf("%d deliveries are stuck behind a process that stands still", stuck)
	}
	stopped.signal(syscall.SIGCONT)
	w.close(t, []*process{stopped, other})
	oneEach(t, w.log(t))
}

// Dispatchers are stopped for longer than their lease, again and again, under
// load. Each delivery has one attempt that delivered it.
func TestStoppedUnderLoad(t *testing.T) {
	t.Parallel()
	w := testWorld(t, onPostgres(t), time.Second,
		endpoint{Account: "one", Name: "quick"},
		endpoint{Account: "one", Name: "slow", Takes: 20 * time.Millisecond},
		endpoint{Account: "one", Name: "flaky", Flaky: 30})
	ds := w.dispatchers(t, 2)
	e := w.mustStart(t, steady("emitted", 100))
	for i := range 4 {
		one, other := ds[i%2], ds[1-i%2]
		await(t, "nothing is in flight", func() bool { g := one.gauge(); return g.Begun > g.Done })
		one.signal(syscall.SIGSTOP)
		resumed := progress(20, other)
		time.Sleep(1500 * time.Millisecond)
		await(t, "the other one does not take over", resumed)
		resumed = progress(1, one)
		one.signal(syscall.SIGCONT)
		await(t, "the one that was stopped does not go on", resumed)
	}
	w.close(t, append(ds, e))
	oneEach(t, w.log(t))
}

func countAttempts(log map[int64]webhook.DeliveryRecord, result webhook.Result) (n int) {
	for _, d := range log {
		for _, a := range d.Attempts {
			if a.Result == result {
				n++
			}
		}
	}
	return n
}

// oneEach holds that each delivery was delivered by exactly one attempt.
func oneEach(t *testing.T, log map[int64]webhook.DeliveryRecord) {
	t.Helper()
	if len(log) == 0 {
		t.Error("the log is empty")
	}
	for id, d := range log {
		if n := countAttempts(map[int64]webhook.DeliveryRecord{id: d}, webhook.ResultDelivered); n != 1 || d.State != webhook.StateDelivered {
			t.Errorf("delivery %d has %d attempts that delivered it: %+v", id, n, d)
		}
	}
	t.Logf("%d attempts are superseded, %d interrupted", countAttempts(log, webhook.ResultSuperseded), countAttempts(log, webhook.ResultInterrupted))
}
