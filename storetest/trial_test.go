package storetest

import (
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// A case that fails on a busy machine is run again with longer units; one that
// fails for the store's own sake is not, or fails then too.
func TestBusyMachine(t *testing.T) {
	for name, c := range map[string]struct {
		busy   time.Duration // what a run takes beside the time that it lets pass
		enough time.Duration // the unit from which on the case passes
		runs   int
		failed bool
	}{
		"in time":      {0, 0, 1, false},
		"too busy":     {50 * time.Millisecond, 400 * time.Millisecond, 2, false},
		"far too busy": {500 * time.Millisecond, 1600 * time.Millisecond, 3, false},
		"broken":       {10 * time.Millisecond, time.Hour, 1, true},
		"broken, slow": {time.Second, time.Hour, 3, true},
	} {
		t.Run(name, func(t *testing.T) {
			runs := 0
			tc := testCase{"Busy/Machine", "it must", func(ck *check) {
				runs++
				time.Sleep(c.busy)
				ck.advance(5)
				if ck.h.Unit < c.enough {
					ck.Fatalf("late")
				}
			}}
			r := record(t, tc, Harness{Open: func(testing.TB) webhook.Store { return webhook.NewMemoryStore(nil) }})
			if runs != c.runs || r.failed != c.failed {
				t.Errorf("%d runs, failed %v, want %d, %v", runs, r.failed, c.runs, c.failed)
			}
		})
	}
}
