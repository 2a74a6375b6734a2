package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"testing"

	"github.com/autoreach/webhook"
)

func TestMain(m *testing.M) {
	// Real time is mostly waited for.
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) {
		_ = f.Value.Set("16")
	}
	code := m.Run()
	stopServer()
	os.Exit(code)
}

// stores are those that production has.
var stores = []struct {
	name string
	on   func(*testing.T) func() webhook.Store
}{
	{"sqlite", onSQLite},
	{"postgres", onPostgres},
}

// realSeeds is how many seeds a plain go test plays on each store in real time.
const realSeeds = 2

// TestStores plays small plans in real time on the stores: once with one call at
// a time and the whole ledger, and once with calls that overlap.
func TestStores(t *testing.T) {
	for _, s := range stores {
		for i := range uint64(count(realSeeds)) {
			for _, overlap := range []bool{false, true} {
				seed := *from + i
				t.Run(fmt.Sprintf("%s/seed=%d,overlap=%v", s.name, seed, overlap), func(t *testing.T) {
					t.Parallel()
					r := Run(NewSmallPlan(seed, overlap), s.on(t))
					t.Logf("%+v", r.Counts)
					if r.Failed() {
						t.Error(r)
					}
				})
			}
		}
	}
}

// TestStoreMutants: what is not guarded is found in real time too. Every Settle
// comes once more, late.
func TestStoreMutants(t *testing.T) {
	for _, c := range []struct {
		name    string
		overlap bool
		finds   string
	}{
		{"stale tokens settle", false, "history"},
		{"leases end early", false, "claim"},
		{"history is forgotten", true, "history"},
		{"outcomes are applied twice", true, "history"},
	} {
		m := mutants[slices.IndexFunc(mutants, func(m mutant) bool { return m.name == c.name })]
		for _, s := range stores {
			t.Run(s.name+"/"+c.name, func(t *testing.T) {
				t.Parallel()
				all := map[string]bool{}
				for seed := uint64(3); seed < 8 && !all[c.finds]; seed++ {
					p := NewSmallPlan(seed, c.overlap)
					p.Faults = Faults{Copy: 1}
					store := breaks(m.set)(s.on(t)())
					for name := range Run(p, func() webhook.Store { return store }).Broken {
						all[name] = true
					}
				}
				if !all[c.finds] {
					t.Errorf("nothing of %q was found broken, but %v", c.finds, all)
				}
			})
		}
	}
}
