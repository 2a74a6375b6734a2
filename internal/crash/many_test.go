package main

import (
	"fmt"
	"testing"
	"time"
)

// Four dispatchers share one store, and one of them is killed every few seconds.
// The receiver sees that limits and order hold across all of them, and gets
// every event.
func TestManyProcesses(t *testing.T) {
	t.Parallel()
	var endpoints []endpoint
	for i := range 3 {
		endpoints = append(endpoints,
			endpoint{Account: "one", Name: fmt.Sprint("capped", i), MaxInFlight: 3, Takes: 30 * time.Millisecond},
			endpoint{Account: "one", Name: fmt.Sprint("fifo", i), FIFO: true, Takes: 3 * time.Millisecond})
	}
	w := testWorld(t, onPostgres(t), time.Second, endpoints...)
	ds := w.dispatchers(t, 4)
	emitters := []*process{w.mustStart(t, steady("emitted-0", 100)), w.mustStart(t, steady("emitted-1", 100))}
	for range 5 {
		victim := 0
		await(t, "nothing is in flight", func() bool {
			victim = (victim + 1) % len(ds)
			g := ds[victim].gauge()
			return g.Begun > g.Done
		})
		ds[victim].kill()
		ds[victim] = w.mustStart(t, role{Kind: "dispatcher"})
		time.Sleep(2 * time.Second)
	}
	w.close(t, append(ds, emitters...))
}

// All dispatchers are replaced by SIGTERM, one after the other, with hundreds of
// requests in flight. Each settles or gives back all that it has: no delivery
// arrives twice.
func TestRollingRestart(t *testing.T) {
	t.Parallel()
	var endpoints []endpoint
	for i := range 100 {
		endpoints = append(endpoints, endpoint{Account: "one", Name: fmt.Sprint(i), MaxInFlight: 8, Takes: 500 * time.Millisecond})
	}
	// No lease ends by itself: a duplicate would be the restart's.
	w := testWorld(t, onPostgres(t), time.Minute, endpoints...)
	check(t, w.mustStart(t, role{Kind: "emitter", Emitter: &emitter{Journal: "emitted", Streams: []string{"one"}, Count: 30}}).finish())
	ds := w.dispatchers(t, 4)
	inFlight := func() (n int64) {
		for _, d := range ds {
			g := d.gauge()
			n += g.Begun - g.Done
		}
		return n
	}
	await(t, "there are not 200 requests in flight", func() bool { return inFlight() >= 200 })
	for i := range ds {
		t.Logf("%d requests in flight", inFlight())
		next := w.mustStart(t, role{Kind: "dispatcher"})
		check(t, ds[i].stop())
		if g := ds[i].gauge(); g.Begun != g.Done {
			t.Errorf("%s began %d requests and settled %d", ds[i].role.Name, g.Begun, g.Done)
		}
		ds[i] = next
	}
	if v := w.close(t, ds); v.Duplicates != 0 {
		t.Errorf("%d duplicates", v.Duplicates)
	}
}
