package storetest

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook"
)

// fakeTime is a harness whose stores read the clock of a bubble.
func fakeTime(open func() webhook.Store) Harness {
	return Harness{
		Open: func(testing.TB) webhook.Store { return open() }, Unit: time.Second, Fake: true, Bubble: synctest.Test,
		Reopen: func(_ testing.TB, s webhook.Store) webhook.Store { return s },
	}
}

// record runs one case against a store.
func record(t *testing.T, tc testCase, h Harness) (r *trial) {
	synctest.Test(t, func(t *testing.T) {
		r = &trial{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			tc.on(r, h)
		}()
		<-done
	})
	return r
}

func namedCase(t *testing.T, name string) testCase {
	for _, tc := range cases() {
		if tc.name == name {
			return tc
		}
	}
	t.Fatalf("there is no case %s", name)
	return testCase{}
}

// A store that breaks one rule fails by the case that holds this rule; and the
// failure explains itself.
func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(m.name, func(t *testing.T) {
			tc := namedCase(t, m.caught)
			r := record(t, tc, fakeTime(func() webhook.Store {
				h := &hooked{Store: webhook.NewMemoryStore(nil), tokens: map[string]int64{}, accounts: map[string]string{}}
				m.mutate(h)
				return h
			}))
			if !r.failed {
				t.Fatalf("%s does not notice a store that %s", m.caught, m.name)
			}
			if last := r.said[len(r.said)-1]; !strings.Contains(last, tc.why) {
				t.Errorf("the failure does not explain the case; it ends with %q", last)
			}
			if r := record(t, tc, fakeTime(func() webhook.Store {
				return &hooked{Store: webhook.NewMemoryStore(nil), tokens: map[string]int64{}, accounts: map[string]string{}}
			})); r.failed {
				t.Errorf("%s fails without the mutation:\n%s", m.caught, strings.Join(r.said, "\n"))
			}
		})
	}
}

// Names are unique, tell their group, and come with an explanation.
func TestCaseNames(t *testing.T) {
	seen := map[string]bool{}
	for _, tc := range cases() {
		if seen[tc.name] || strings.Count(tc.name, "/") != 1 || tc.why == "" || tc.run == nil {
			t.Errorf("case %q: not unique, without a group or an explanation", tc.name)
		}
		seen[tc.name] = true
	}
}

// The cases for stores that outlive their process, or have transactions, hold
// for a store that does both without effort.
func TestReopenAndTx(t *testing.T) {
	h := fakeTime(func() webhook.Store { return webhook.NewMemoryStore(nil) })
	h.InTx = func(_ testing.TB, s webhook.Store, run func(tx webhook.Tx) bool) {
		if run(discard{}) { // learn the verdict first
			run(s)
		}
	}
	for _, tc := range append(durableCases, txCases...) {
		t.Run(tc.name, func(t *testing.T) {
			if r := record(t, tc, h); r.failed {
				t.Error(strings.Join(r.said, "\n"))
			}
		})
	}
}

// discard is a transaction that comes to nothing.
type discard struct{ webhook.Tx }

func (discard) PutEndpoint(_ context.Context, e webhook.Endpoint, _ int) (webhook.Endpoint, error) {
	return e, nil
}
func (discard) DeleteEndpoint(context.Context, string, string) error { return nil }
func (discard) Append(_ context.Context, events []eventRecord) ([]webhook.Appended, error) {
	return make([]webhook.Appended, len(events)), nil
}
