package verifytest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoreach/webhook/verify"
)

// TestOnce proves that an implementation of [verify.Once] keeps what the
// interface promises. It has to be empty.
func TestOnce(t *testing.T, once verify.Once) {
	t.Helper()
	ran := 0
	run := func(context.Context) error { ran++; return nil }
	want := func(t *testing.T, what string, duplicate bool, err error, wantDuplicate bool, wantRan int) {
		t.Helper()
		if err != nil || duplicate != wantDuplicate || ran != wantRan {
			t.Errorf("%s: duplicate %t, ran %d times, error %v; want %t, %d, none", what, duplicate, ran, err, wantDuplicate, wantRan)
		}
	}
	t.Run("Duplicate", func(t *testing.T) {
		duplicate, err := once.Once(t.Context(), "evt_1", run)
		want(t, "the first call", duplicate, err, false, 1)
		duplicate, err = once.Once(t.Context(), "evt_1", run)
		want(t, "the second call", duplicate, err, true, 1)
		duplicate, err = once.Once(t.Context(), "EVT_1' --", run)
		want(t, "another id", duplicate, err, false, 2)
	})
	t.Run("Failure", func(t *testing.T) {
		ran = 0
		failure := errors.New("no")
		if duplicate, err := once.Once(t.Context(), "evt_2", func(context.Context) error { return failure }); duplicate || !errors.Is(err, failure) {
			t.Errorf("a function that fails: %t, %v; want its error", duplicate, err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a panic of the function must not be swallowed")
				}
			}()
			_, _ = once.Once(t.Context(), "evt_2", func(context.Context) error { panic("no") })
		}()
		duplicate, err := once.Once(t.Context(), "evt_2", run)
		want(t, "after a failure and a panic", duplicate, err, false, 1)
	})
	t.Run("Concurrent", func(t *testing.T) {
		var running, overlapped, done, duplicates atomic.Int32
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				duplicate, err := once.Once(context.Background(), "evt_3", func(context.Context) error {
					if running.Add(1) > 1 {
						overlapped.Add(1)
					}
					time.Sleep(20 * time.Millisecond)
					running.Add(-1)
					if done.Add(1) == 1 {
						return errors.New("the first fails")
					}
					return nil
				})
				if duplicate && err == nil {
					duplicates.Add(1)
				}
			})
		}
		wg.Wait()
		if overlapped.Load() > 0 || done.Load() != 2 || duplicates.Load() != 6 {
			t.Errorf("of 8 calls at once, of which the first fails: %d overlapped, %d ran, %d were duplicates; want 0, 2, 6",
				overlapped.Load(), done.Load(), duplicates.Load())
		}
	})
	t.Run("Waiting", func(t *testing.T) {
		began, end := make(chan struct{}), make(chan struct{})
		first := make(chan error, 1)
		go func() {
			_, err := once.Once(context.Background(), "evt_4", func(context.Context) error { close(began); <-end; return nil })
			first <- err
		}()
		<-began
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if duplicate, err := once.Once(ctx, "evt_4", func(context.Context) error { t.Error("ran"); return nil }); duplicate || err == nil {
			t.Errorf("a call that may not wait for long: %t, %v; want an error", duplicate, err)
		}
		close(end)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
}
