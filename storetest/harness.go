package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// Harness says how to open the store under test, and how time passes for it.
type Harness struct {
	// Open returns an empty store, which t.Cleanup closes. Stores that were
	// opened by different cases share nothing. Required.
	Open func(t testing.TB) webhook.Store

	// Reopen closes a store that Open returned, as hard as can be arranged,
	// and opens the same data again. Nil for a store that does not outlive
	// its process; the cases of group Durable are then skipped.
	Reopen func(t testing.TB, s webhook.Store) webhook.Store

	// InTx runs something in a transaction of the caller's, and commits it if
	// run returns true, or else rolls it back. Nil for a store without
	// transactions; the cases of group Tx are then skipped.
	InTx func(t testing.TB, s webhook.Store, run func(tx webhook.Tx) bool)

	// Advance lets the store's clock advance by d. Nil means time.Sleep, which
	// is right in real time and in a bubble of testing/synctest.
	Advance func(d time.Duration)

	// Unit is what the cases measure time in: leases and delays last a few
	// units. Default 100 ms. A case must get through a call of the store in a
	// small part of it; one that fails in real time and did not is run again
	// with units four times as long, and once more.
	Unit time.Duration

	// Fake says that Advance takes no real time, however far it goes. The
	// cases that need hours are skipped without it.
	Fake bool

	// Bubble runs the body of a case; synctest.Test fits. Nil calls it.
	Bubble func(t *testing.T, run func(t *testing.T))

	// Parallel runs the cases in parallel: worth it in real time, if Open
	// can give each of them a store of its own.
	Parallel bool
}

// A testCase is one promise.
type testCase struct {
	name string // group and promise
	why  string // what is required, and why it matters; printed on failure
	run  func(c *check)
}

// cases are all promises, in an order in which a new store can be made to
// keep them.
func cases() []testCase {
	return slices.Concat(
		endpointCases, listCases, appendCases, duplicateCases,
		claimCases, dueCases, fifoCases, extendCases,
		settleCases, raceCases, healthCases, changeCases,
		returnCases, parkCases, stopCases,
		deliveriesCases, resendCases, recoverCases, dismissCases,
		purgeCases, eraseCases, operatorCases, accountCases,
		unknownCases, modelCases, concurrentCases, durableCases, txCases,
	)
}

// Run runs all cases, each as a subtest with a store of its own.
func Run(t *testing.T, h Harness) {
	t.Helper()
	bubble := h.Bubble
	if bubble == nil {
		bubble = func(t *testing.T, run func(t *testing.T)) { run(t) }
	}
	for _, tc := range cases() {
		t.Run(tc.name, func(t *testing.T) {
			if h.Parallel {
				t.Parallel()
			}
			bubble(t, func(t *testing.T) { tc.on(t, h) })
		})
	}
}

// on runs the case on a new store, and once or twice again if the machine was
// too busy for it.
func (tc testCase) on(t testing.TB, h Harness) {
	if h.Advance == nil {
		h.Advance = time.Sleep
	}
	if h.Unit <= 0 {
		h.Unit = 100 * time.Millisecond
	}
	r, busy := tc.try(t, h)
	for n := 1; r.failed && !h.Fake && n < tries && busy > h.Unit/4; n++ {
		t.Logf("%s: again with longer units, since its calls took %v while units are %v", tc.name, busy, h.Unit)
		h.Unit *= longer
		r, busy = tc.try(t, h)
	}
	if r.failed {
		r.Logf("%s: %s", tc.name, tc.why)
	}
	r.tell()
}
