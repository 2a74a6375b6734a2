package main

import (
	"context"
	"sync/atomic"
	"syscall"
	"time"
)

// A Point is a moment in a call of the store at which a process dies.
type Point struct {
	Call   string // append, claim, settle or extend
	Moment string // one of the moments
	Nth    int64  // the how manieth time
	Stop   bool   // SIGSTOP instead of SIGKILL
}

// The moments of a call. A commit that has come back is done, and nobody in the
// process knows it yet.
const (
	entering     = "entering"
	beforeCommit = "before commit"
	afterCommit  = "after commit"
	leaving      = "leaving"
)

// name is what the point is called in the summary.
func (p Point) name() string {
	switch {
	case p.Call == "append":
		return p.Moment
	case p.Call == "claim":
		return "after claim"
	case p.Call == "settle" && p.Moment == entering:
		return "answer received"
	}
	return "inside " + p.Call
}

// A trap ends its process at a point.
type trap struct {
	Point
	gauge *gauge
	seen  atomic.Int64
}

// reach is called at each moment of a call.
func (t *trap) reach(moment string) {
	if moment != t.Moment || t.seen.Add(1) != t.Nth {
		return
	}
	t.gauge.add(reading{Reached: 1})
	if t.Stop {
		_ = syscall.Kill(syscall.Getpid(), syscall.SIGSTOP)
		time.Sleep(50 * time.Millisecond) // this thread may be the last one that hears of it
		return
	}
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
	select {} // until it has
}

type trapKey struct{}

// trapIn returns the trap of the call that a context belongs to, for what
// watches commits below the store.
func trapIn(ctx context.Context) *trap {
	t, _ := ctx.Value(trapKey{}).(*trap)
	return t
}
