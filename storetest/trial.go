package storetest

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

// A trial is one run of a case. It keeps what the case says and whether it
// failed, since a failure in real time can be the machine's: when the calls of
// the store took a good part of a unit, the times that the case looked at tell
// nothing of the store, and it is run again with longer units.
type trial struct {
	testing.TB
	mu              sync.Mutex
	said            []string
	failed, skipped bool
}

// tries is how often a case is run at most, and each time units are longer by
// the factor longer.
const tries, longer = 3, 4

// try runs the case once, on a new store, and returns how long it took beside
// the time that it let pass.
func (tc testCase) try(t testing.TB, h Harness) (r *trial, busy time.Duration) {
	r = &trial{TB: t}
	passed, advance := time.Duration(0), h.Advance
	h.Advance = func(d time.Duration) { passed += d; advance(d) }
	began := time.Now()
	done := make(chan struct{})
	go func() { // FailNow ends it
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				r.Errorf("panic: %v\n%s", p, debug.Stack())
			}
		}()
		tc.run(&check{TB: r, ctx: t.Context(), s: h.Open(r), h: h})
	}()
	<-done
	return r, time.Since(began) - passed
}

// tell passes on to the test what the case said.
func (r *trial) tell() {
	r.Helper()
	for _, s := range r.said {
		r.TB.Log(s)
	}
	switch {
	case r.failed:
		r.TB.FailNow()
	case r.skipped:
		r.TB.SkipNow()
	}
}

func (r *trial) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said = append(r.said, s)
}

func (r *trial) Fail() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed = true
}

func (r *trial) Failed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

func (r *trial) Log(args ...any)                   { r.note(fmt.Sprint(args...)) }
func (r *trial) Logf(format string, args ...any)   { r.note(fmt.Sprintf(format, args...)) }
func (r *trial) FailNow()                          { r.Fail(); runtime.Goexit() }
func (r *trial) Error(args ...any)                 { r.Log(args...); r.Fail() }
func (r *trial) Errorf(format string, args ...any) { r.Logf(format, args...); r.Fail() }
func (r *trial) Fatal(args ...any)                 { r.Log(args...); r.FailNow() }
func (r *trial) Fatalf(format string, args ...any) { r.Logf(format, args...); r.FailNow() }
func (r *trial) Skip(args ...any)                  { r.Log(args...); r.SkipNow() }
func (r *trial) Skipf(format string, args ...any)  { r.Logf(format, args...); r.SkipNow() }
func (r *trial) Skipped() bool                     { return r.skipped }
func (r *trial) SkipNow()                          { r.skipped = true; runtime.Goexit() }
