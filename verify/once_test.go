package verify_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

func TestHandlerRunsOncePerID(t *testing.T) {
	runs, fail := 0, error(nil)
	h := mustNew(t, secret, &verify.Options{Once: &verify.MemoryOnce{}}).Handler(func(context.Context, verify.Message) error {
		runs++
		return fail
	})
	for i, step := range []struct {
		id     string
		scheme verify.Scheme
		fail   error
		status int
		runs   int
	}{
		{"evt_1", verify.Any, errors.New("not now"), 500, 1},
		{"evt_1", verify.Any, nil, 204, 2}, // the retry after the failure runs
		{"evt_1", verify.Any, nil, 204, 2}, // and is kept
		{"evt_1", verify.ReplayProtected, errors.New("unused"), 204, 2},
		{"evt_2", verify.Any, nil, 204, 3},
		// Without a signed id there is nothing to go by.
		{"evt_1", verify.BodyOnly, nil, 204, 4},
		{"evt_1", verify.BodyOnly, nil, 204, 5},
	} {
		fail = step.fail
		rec := serve(h, request(t, body, &verifytest.Options{ID: step.id, Scheme: step.scheme}))
		if rec.Code != step.status || runs != step.runs {
			t.Errorf("step %d: status %d after %d runs, want %d after %d", i, rec.Code, runs, step.status, step.runs)
		}
	}
}

// A forged request must not make the genuine one a duplicate.
func TestForgedIDsAreNotKept(t *testing.T) {
	runs := 0
	h := mustNew(t, secret, &verify.Options{Once: &verify.MemoryOnce{}}).Handler(func(context.Context, verify.Message) error {
		runs++
		return nil
	})
	forged := request(t, body, &verifytest.Options{ID: "evt_2"})
	forged.Header.Set("webhook-id", "evt_1")
	if rec := serve(h, forged); rec.Code != 401 {
		t.Errorf("forged: status %d", rec.Code)
	}
	// The id of a request verified by X-Webhook-Signature alone is not signed.
	bodyOnly := mustNew(t, secret, &verify.Options{Scheme: verify.BodyOnly})
	if m, err := bodyOnly.Message(body, request(t, body, &verifytest.Options{ID: "evt_1"}).Header); err != nil || m.ID != "" {
		t.Errorf("id %q, %v; want none", m.ID, err)
	}
	serve(h, request(t, body, &verifytest.Options{ID: "evt_1"}))
	if runs != 1 {
		t.Errorf("ran %d times, want 1", runs)
	}
}

// A genuine message to which somebody adds the header of a test is no test: what
// a receiver does not act on would be recorded as handled, and lost.
func TestTestsAreSignedAsSuch(t *testing.T) {
	for name, c := range map[string]struct {
		options verifytest.Options
		header  []string // X-Webhook-Test, on the way
		test    bool
	}{
		"a test":                    {verifytest.Options{Test: true}, []string{"true"}, true},
		"a test with an ID":         {verifytest.Options{Test: true, ID: "evt_1"}, []string{"true"}, true},
		"a test with its whole ID":  {verifytest.Options{Test: true, ID: "test_evt_1"}, []string{"true"}, true},
		"a test by the ID's scheme": {verifytest.Options{Test: true, Scheme: verify.ReplayProtected}, []string{"true"}, true},
		"a header that was added":   {verifytest.Options{ID: "evt_1"}, []string{"true"}, false},
		"in the midst of an ID":     {verifytest.Options{ID: "evt_test_1"}, []string{"true"}, false},
		"other letters":             {verifytest.Options{ID: "TEST_1"}, []string{"true"}, false},
		"a header that was taken":   {verifytest.Options{Test: true}, nil, false},
		"another value":             {verifytest.Options{Test: true}, []string{"1"}, false},
		"no signed ID":              {verifytest.Options{Test: true, Scheme: verify.BodyOnly}, []string{"true"}, true},
		"no signed ID, added":       {verifytest.Options{Scheme: verify.BodyOnly}, []string{"true"}, true},
	} {
		handled, tests := 0, 0
		v := mustNew(t, secret, &verify.Options{Once: &verify.MemoryOnce{}})
		h := v.Handler(func(_ context.Context, m verify.Message) error {
			if m.Test {
				tests++
			} else {
				handled++
			}
			return nil
		})
		r := request(t, body, &c.options)
		r.Header["X-Webhook-Test"] = c.header
		if m, err := v.Message(body, r.Header); err != nil || m.Test != c.test {
			t.Errorf("%s: Test is %v, %v; want %v", name, m.Test, err, c.test)
		}
		for range 2 {
			again := r.Clone(t.Context())
			again.Body, _ = r.GetBody()
			if rec := serve(h, again); rec.Code != 204 {
				t.Errorf("%s: status %d", name, rec.Code)
			}
		}
		once := c.options.Scheme != verify.BodyOnly
		if want := map[bool]int{true: 1, false: 2}[once]; c.test && (tests != want || handled != 0) || !c.test && (handled != want || tests != 0) {
			t.Errorf("%s: handled %d times, taken for a test %d times", name, handled, tests)
		}
	}
}

type onceResult struct {
	duplicate bool
	err       error
}

func TestMemoryOnceConcurrent(t *testing.T) {
	for _, firstFails := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var o verify.MemoryOnce
			failure := errors.New("failure")
			running, runs := 0, 0
			fn := func(context.Context) error {
				running++
				runs++
				if running > 1 {
					t.Error("two calls with the same id at a time")
				}
				first := runs == 1
				time.Sleep(time.Second)
				running--
				if first && firstFails {
					return failure
				}
				return nil
			}
			results := make(chan onceResult, 5)
			for range 5 {
				go func() {
					duplicate, err := o.Once(t.Context(), "evt_1", fn)
					results <- onceResult{duplicate, err}
				}()
			}
			// Another id does not wait.
			start := time.Now()
			if duplicate, err := o.Once(t.Context(), "evt_2", func(context.Context) error { return nil }); duplicate || err != nil || time.Since(start) > 0 {
				t.Errorf("another id: %v, %v after %v", duplicate, err, time.Since(start))
			}
			count := map[onceResult]int{}
			for range 5 {
				count[<-results]++
			}
			want := map[onceResult]int{{false, nil}: 1, {true, nil}: 4}
			if firstFails {
				want = map[onceResult]int{{false, failure}: 1, {false, nil}: 1, {true, nil}: 3}
			}
			if fmt.Sprint(count) != fmt.Sprint(want) {
				t.Errorf("first fails %v: %v, want %v", firstFails, count, want)
			}
		})
	}
}

func TestMemoryOnceWaitEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var o verify.MemoryOnce
		go o.Once(t.Context(), "evt_1", func(context.Context) error { time.Sleep(time.Hour); return nil })
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		duplicate, err := o.Once(ctx, "evt_1", func(context.Context) error { t.Error("ran"); return nil })
		if duplicate || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, %v; want the error of the context", duplicate, err)
		}
		time.Sleep(time.Hour)
	})
}

func TestMemoryOnceReleasesOnGoexit(t *testing.T) {
	var o verify.MemoryOnce
	done := make(chan struct{})
	go func() {
		defer close(done)
		o.Once(context.Background(), "evt_1", func(context.Context) error { runtime.Goexit(); return nil })
	}()
	<-done
	if duplicate, err := o.Once(t.Context(), "evt_1", func(context.Context) error { return nil }); duplicate || err != nil {
		t.Errorf("%v, %v; want a run", duplicate, err)
	}
}

func TestMemoryOnceBounds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := verify.MemoryOnce{Size: 3, Window: time.Minute}
		call := func(id string) bool {
			duplicate, err := o.Once(t.Context(), id, func(context.Context) error { return nil })
			if err != nil {
				t.Error(err)
			}
			return duplicate
		}
		check := func(id string, want bool) {
			t.Helper()
			if got := call(id); got != want {
				t.Errorf("%s: duplicate %v, want %v", id, got, want)
			}
		}
		for _, id := range []string{"1", "2", "3"} {
			check(id, false)
		}
		check("1", true)
		check("4", false) // drops 1, the oldest
		check("2", true)
		check("1", false) // drops 2
		check("4", true)
		time.Sleep(time.Minute - time.Nanosecond)
		check("4", true)
		time.Sleep(time.Nanosecond)
		check("4", false) // the window is over

		var d verify.MemoryOnce // defaults
		for i := range verify.DefaultOnceSize + 1 {
			d.Once(t.Context(), fmt.Sprint(i), func(context.Context) error { return nil })
		}
		for id, want := range map[string]bool{"0": false, "10000": true} {
			if got, _ := d.Once(t.Context(), id, func(context.Context) error { return nil }); got != want {
				t.Errorf("default size, %s: duplicate %v, want %v", id, got, want)
			}
		}
		time.Sleep(verify.DefaultOnceWindow - 1)
		if got, _ := d.Once(t.Context(), "10000", func(context.Context) error { return nil }); !got {
			t.Error("forgotten before the default window ended")
		}
	})
}

func TestMemoryOnce(t *testing.T) { verifytest.TestOnce(t, &verify.MemoryOnce{}) }
