package verify

import (
	"container/list"
	"context"
	"strings"
	"sync"
	"time"
)

// Once runs a function once for each message id. Handler uses it to skip
// deliveries that were handled before; see Options.Once. Implementations are
// safe for concurrent use.
type Once interface {
	// Once runs fn unless an earlier call with this id has succeeded, and then
	// returns duplicate true and a nil error without running it. The id is kept
	// only if fn returned nil, so that the retry after a failure runs. Calls
	// with the same id run fn one at a time: a second call waits for the first
	// and is a duplicate if that succeeded, or runs fn if it failed. err is fn's
	// error, or that of ctx when it ends while waiting, or one of the
	// implementation's own, after which the message counts as not handled.
	//
	// An implementation on a database runs fn inside of the transaction that
	// records the id, handing the transaction to fn in its context, so that
	// both happen or neither. It gives each id its own room: ids are at most
	// 256 bytes of visible ASCII.
	Once(ctx context.Context, id string, fn func(ctx context.Context) error) (duplicate bool, err error)
}

// Defaults of MemoryOnce.
const (
	DefaultOnceSize   = 10_000
	DefaultOnceWindow = 24 * time.Hour
)

// MemoryOnce is a Once in the memory of one process. The zero value is ready for
// use; do not copy it or change its fields after the first call. It forgets
// everything when the process ends and knows nothing of other processes: where
// that matters, keep the ids in your database, with package sqlonce.
type MemoryOnce struct {
	// Size is how many handled ids are kept. When it is reached the oldest is
	// forgotten, and a repetition of it runs again. An id takes about 200
	// bytes. Zero or less means 10,000.
	Size int
	// Window is how long a handled id is kept. It should cover the time over
	// which the sender retries, and be at least twice Options.Tolerance, the
	// time over which a captured request can be replayed. Zero or less means 24
	// hours.
	Window time.Duration

	mu      sync.Mutex
	running map[string]chan struct{} // closed when the call ends
	kept    map[string]struct{}
	order   list.List // of keptID, oldest first
}

type keptID struct {
	id string
	at time.Time
}

// Once implements the interface Once.
func (o *MemoryOnce) Once(ctx context.Context, id string, fn func(ctx context.Context) error) (duplicate bool, err error) {
	for {
		done, kept := o.begin(id)
		if kept {
			return true, nil
		}
		if done == nil {
			return false, o.run(ctx, id, fn)
		}
		select {
		case <-done:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// begin claims the id for the caller, unless it is kept or another call runs,
// whose channel it returns.
func (o *MemoryOnce) begin(id string) (done chan struct{}, kept bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forget(time.Now())
	if _, ok := o.kept[id]; ok {
		return nil, true
	}
	if done, ok := o.running[id]; ok {
		return done, false
	}
	if o.running == nil {
		o.running, o.kept = make(map[string]chan struct{}), make(map[string]struct{})
	}
	o.running[id] = make(chan struct{})
	return nil, false
}

// run calls fn and releases the id, also when fn panics or ends its goroutine.
func (o *MemoryOnce) run(ctx context.Context, id string, fn func(ctx context.Context) error) (err error) {
	succeeded := false
	defer func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		close(o.running[id])
		delete(o.running, id)
		if succeeded {
			id = strings.Clone(id) // it may be part of a larger string
			o.kept[id] = struct{}{}
			o.order.PushBack(keptID{id, time.Now()})
		}
		o.forget(time.Now())
	}()
	err = fn(ctx)
	succeeded = err == nil
	return err
}

// forget drops what is over the size or the window.
func (o *MemoryOnce) forget(now time.Time) {
	size, window := o.Size, o.Window
	if size <= 0 {
		size = DefaultOnceSize
	}
	if window <= 0 {
		window = DefaultOnceWindow
	}
	for e := o.order.Front(); e != nil; e = o.order.Front() {
		k := e.Value.(keptID)
		if o.order.Len() <= size && now.Sub(k.at) < window {
			return
		}
		o.order.Remove(e)
		delete(o.kept, k.id)
	}
}
