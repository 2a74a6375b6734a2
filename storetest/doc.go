// Package storetest proves that a [webhook.Store] keeps its contract, and
// measures what it costs. It needs the standard library's testing only.
//
// # Proving a store
//
// One function runs the suite, through a small harness that says how to open
// the store and how time passes:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Harness{
//			Open: func(t testing.TB) webhook.Store {
//				s, err := mystore.Open(t.TempDir())
//				if err != nil {
//					t.Fatal(err)
//				}
//				t.Cleanup(func() { s.Close() })
//				return s
//			},
//			Reopen: func(t testing.TB, s webhook.Store) webhook.Store { … },
//		})
//	}
//
// Each promise of the contract is a case of its own with a stable name, such
// as Settle/StaleRetryDropped, so that `go test -run TestStore/Settle` runs a
// part of them. A case that fails prints what is required and why it matters.
// Begin with PutEndpoint, Append, Claim, Due and Settle, in this order: the
// cases behind them build on those methods.
//
// # Time
//
// The cases measure in units of [Harness.Unit]. A store on a database runs in
// real time, with units of 100 ms; a longer one forgives a slower machine. A
// store that reads its process's clock can run in a bubble of fake time, where
// the whole suite takes seconds:
//
//	storetest.Run(t, storetest.Harness{
//		Open:   open,
//		Bubble: synctest.Test,
//		Unit:   time.Second,
//		Fake:   true,
//	})
//
// # What the suite cannot see
//
// It looks at a store from outside. That a claim among millions of waiting
// deliveries stays cheap, that locks are taken in one order, or that a commit
// has reached the disk needs tests of the store's own: query plans, stress,
// and power cuts. [Benchmark] shows the first in figures.
package storetest
