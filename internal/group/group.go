// Package group turns many concurrent calls into few, as a database's group
// commit does: the first call runs at once, those that arrive while a run is in
// flight are run together when it ends, or, if so many gather that it pays, beside
// it. There is no timer, so a lone call waits for nobody, and no goroutine while
// nothing runs.
package group

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

var (
	// ErrNotStarted is returned, joined with the context's cause, when a call's
	// context ended before its items were part of a run. Nothing was done.
	ErrNotStarted = errors.New("group: not started")

	// ErrUnknown is returned, joined with the context's cause, when a call's
	// context ended during its run. Its items may or may not have been handled.
	ErrUnknown = errors.New("group: outcome unknown")
)

// PanicError is what a call returns when its run panicked or ended its goroutine.
// Its items may or may not have been handled.
type PanicError struct {
	Value any // what was panicked with; nil for runtime.Goexit
	Stack []byte
}

// Error names the value, not the stack.
func (e *PanicError) Error() string {
	if e.Value == nil {
		return "group: run ended its goroutine"
	}
	return fmt.Sprintf("group: run panicked: %v", e.Value)
}

// Unwrap returns the value if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// Group collects calls. New makes one.
type Group[T, R any] struct {
	// Split, if not nil, reports whether a run's error concerns only some of its
	// items and means that nothing was done. Then each call of the run is run
	// again alone. It is set before the first Do.
	Split func(error) bool

	// Beside, if not 0, is how many items must wait for a second run to begin
	// beside the first: one run then works while the other waits for the disk.
	// It is set before the first Do.
	Beside int

	// Weigh, if not nil, is how much an item weighs: the items of several calls are
	// run together as long as they weigh no more than Heavy. It is set before the
	// first Do.
	Weigh func(T) int
	Heavy int

	max int
	run func(context.Context, []T) ([]R, error)

	mu      sync.Mutex
	running int       // batches
	waiting list.List // of *call, in the order of their arrival
	items   int       // of those
}

// call is one Do. All but items and ended is guarded by the mutex.
type call[T, R any] struct {
	ctx   context.Context // for its values
	items []T
	ended chan struct{} // closed when results and err are there

	at      *list.Element // in waiting; nil once it is part of a batch
	left    bool          // nobody waits for it any more
	batch   *batch[T, R]  // the run it is part of
	results []R
	err     error
}

// batch is what one run handles.
type batch[T, R any] struct {
	calls   []*call[T, R]
	items   []T // a copy: a caller that left may use its slice again
	ctx     context.Context
	cancel  context.CancelFunc
	callers int // that still wait for it; guarded by the mutex
}

// New returns a Group that calls run, one at a time unless Beside is set, with at most most items, but
// never with only some of one call's: a call with more runs alone.
//
// run returns one result per item or an error. Its context has the values of its
// first call, and ends only when the contexts of all its calls have, so a run that
// hangs must bound itself if a call may wait for ever.
func New[T, R any](most int, run func(context.Context, []T) ([]R, error)) *Group[T, R] {
	return &Group[T, R]{max: max(1, most), run: run}
}

// Do runs the items, possibly with those of other calls, and returns their
// results. A call's items stay together and in order; calls run in the order of
// their arrival. The error is run's, or ErrNotStarted, ErrUnknown or a PanicError.
//
// What the items refer to must not be changed afterwards, even if Do returned
// because ctx ended: the run may still be reading it.
func (g *Group[T, R]) Do(ctx context.Context, items ...T) ([]R, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotStarted, context.Cause(ctx))
	}
	if len(items) == 0 {
		return nil, nil
	}
	c := &call[T, R]{ctx: ctx, items: items, ended: make(chan struct{})}
	g.mu.Lock()
	c.at = g.waiting.PushBack(c)
	g.items += len(items)
	g.start()
	g.mu.Unlock()

	select {
	case <-c.ended:
	case <-ctx.Done():
		if err := g.leave(c); err != nil {
			return nil, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
	return c.results, c.err
}

// leave withdraws a call whose context ended. It returns nil if the call ended in
// the meantime.
func (g *Group[T, R]) leave(c *call[T, R]) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	select {
	case <-c.ended:
		return nil
	default:
	}
	c.left = true
	if c.at != nil {
		g.withdraw(c)
	}
	if c.batch == nil {
		return ErrNotStarted
	}
	if c.batch.callers--; c.batch.callers == 0 {
		c.batch.cancel() // nobody waits for it: let it give up
	}
	return ErrUnknown
}

// withdraw takes a call out of those that wait. The mutex is held.
func (g *Group[T, R]) withdraw(c *call[T, R]) {
	g.waiting.Remove(c.at)
	g.items -= len(c.items)
	c.at = nil
}

// start takes the next batch, if it is time for it, and runs it. A run has a goroutine of its own, not a
// caller's: a caller can stop waiting when its context ends, needs not work for
// those behind it, and is spared a panic. The mutex is held.
func (g *Group[T, R]) start() {
	if beside := g.running == 1 && g.Beside > 0 && g.items >= g.Beside; g.running > 0 && !beside {
		return
	}
	var calls []*call[T, R]
	n, weight := 0, 0
	for e := g.waiting.Front(); e != nil; e = g.waiting.Front() {
		c := e.Value.(*call[T, R])
		n, weight = n+len(c.items), weight+g.weight(c.items)
		if len(calls) > 0 && (n > g.max || weight > g.Heavy && g.Weigh != nil) {
			break
		}
		g.withdraw(c)
		calls = append(calls, c)
	}
	if len(calls) > 0 {
		g.running++
		go g.lead(newBatch(calls))
	}
}

func (g *Group[T, R]) weight(items []T) (sum int) {
	if g.Weigh != nil {
		for _, x := range items {
			sum += g.Weigh(x)
		}
	}
	return sum
}

// newBatch makes the calls a batch. The mutex is held.
func newBatch[T, R any](calls []*call[T, R]) *batch[T, R] {
	b := &batch[T, R]{calls: calls, callers: len(calls)}
	b.ctx, b.cancel = context.WithCancel(context.WithoutCancel(calls[0].ctx))
	for _, c := range calls {
		b.items = append(b.items, c.items...)
		c.batch = b
	}
	return b
}

// lead runs a batch and passes the lead on.
func (g *Group[T, R]) lead(b *batch[T, R]) {
	defer func() { // deferred, as a run may also end the goroutine
		g.mu.Lock()
		defer g.mu.Unlock()
		end(b.calls, nil, &PanicError{})
		g.running--
		g.start()
	}()
	results, err, split := g.attempt(b)
	g.mu.Lock()
	if !split || len(b.calls) == 1 {
		end(b.calls, results, err)
		g.mu.Unlock()
		return
	}
	for _, c := range b.calls {
		c.batch = nil // nothing was done: until its own run it can be withdrawn
	}
	g.mu.Unlock()
	for i := range b.calls {
		g.alone(b.calls[i : i+1])
	}
}

// alone runs one call of a batch that was refused as a whole.
func (g *Group[T, R]) alone(calls []*call[T, R]) {
	g.mu.Lock()
	if calls[0].left {
		g.mu.Unlock()
		return
	}
	b := newBatch(calls)
	g.mu.Unlock()
	results, err, _ := g.attempt(b)
	g.mu.Lock()
	end(calls, results, err)
	g.mu.Unlock()
}

// attempt calls run; split reports that the calls are to be run alone.
func (g *Group[T, R]) attempt(b *batch[T, R]) (results []R, err error, split bool) {
	defer b.cancel()
	defer func() {
		if v := recover(); v != nil {
			results, err, split = nil, &PanicError{Value: v, Stack: debug.Stack()}, false
		}
	}()
	results, err = g.run(b.ctx, b.items)
	if err == nil && len(results) != len(b.items) {
		err = fmt.Errorf("group: run returned %d results for %d items", len(results), len(b.items))
	}
	return results, err, err != nil && g.Split != nil && g.Split(err)
}

// end hands the outcome to those of the calls that have none. The mutex is held.
func end[T, R any](calls []*call[T, R], results []R, err error) {
	for _, c := range calls {
		select {
		case <-c.ended:
			continue
		default:
		}
		if c.err = err; err == nil {
			n := len(c.items)
			c.results, results = results[:n:n], results[n:]
		}
		close(c.ended)
	}
}
