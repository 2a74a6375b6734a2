package sim

import (
	"flag"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook"
)

var (
	seeds = flag.Int("seeds", 0, "how many `seeds` are run")
	from  = flag.Uint64("from", 1, "the first `seed`")
)

// count is how many seeds are run: as many as usual, if nobody says.
func count(usual int) int {
	if *seeds > 0 {
		return *seeds
	}
	return usual
}

// run plays a plan in a bubble of its own. A goroutine that is left behind, or
// waits for ever, is a broken promise like any other.
func run(t *testing.T, p *Plan, decorate func(webhook.Store) webhook.Store) (r *Report) {
	t.Helper()
	defer func() {
		if x := recover(); x != nil {
			stacks := make([]byte, 64<<10)
			stacks = stacks[:runtime.Stack(stacks, true)]
			r = Stuck(p, fmt.Sprintf("%v\n%s", x, stacks))
		}
	}()
	synctest.Test(t, func(*testing.T) {
		var store webhook.Store = webhook.NewMemoryStore(&webhook.MemoryOptions{MaxPending: p.MaxPending})
		if decorate != nil {
			store = decorate(store)
		}
		r = Run(p, func() webhook.Store { return store })
	})
	return r
}

// TestSeeds runs the seeds, as many at a time as there are processors.
func TestSeeds(t *testing.T) {
	var next, failed, done atomic.Int64
	var mu sync.Mutex
	var sum Counts
	began := time.Now()
	t.Run("all", func(t *testing.T) {
		for i := range runtime.GOMAXPROCS(0) {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				for n := next.Add(1) - 1; n < int64(count(defaultSeeds)); n = next.Add(1) - 1 {
					r := run(t, NewPlan(*from+uint64(n)), nil)
					mu.Lock()
					sum.Add(r.Counts)
					if r.Failed() {
						failed.Add(1)
						fmt.Println(r)
						t.Fail()
					}
					if n := done.Add(1); n%100 == 0 {
						fmt.Printf("%d of %d seeds, %d failed, %v\n", n, count(defaultSeeds), failed.Load(), time.Since(began).Round(time.Second))
					}
					mu.Unlock()
				}
			})
		}
	})
	fmt.Printf("%+v\n", sum)
	fmt.Printf("sim seeds=%d failed=%d\n", done.Load(), failed.Load())
}
