package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A Load is events that a sender is to emit, to the endpoints From to To-1 in
// turn, one event to one endpoint.
type Load struct {
	From, To int
	For      time.Duration // how long to emit; 0 until Events are emitted
	Events   int           // at most; 0 for any number
	Callers  int           // goroutines that emit
	Batch    int           // events of one call; 0 for 1
	Size     int           // of a payload, in bytes; 0 for payloadSize
	Backlog  int           // emit no more while so many are not delivered; 0 for any number
	Rate     float64       // events a second, each emitted at its time whatever the system does; 0 for as fast as it goes
	Drain    bool          // wait until all is delivered
}

// Loaded is what became of a Load.
type Loaded struct {
	Events int
	Began  int64 // nanoseconds, as in Arrival
	Ended  int64 // of emitting
	Took   time.Duration
}

// perSecond is the rate of the whole load.
func (l Loaded) perSecond() float64 { return float64(l.Events) / l.Took.Seconds() }

// A system is something that delivers webhooks.
type system interface {
	register(ctx context.Context, urls []string) error // urls[i] is that of endpoint i
	start(ctx context.Context) error                   // begins delivering, until ctx ends
	emit(ctx context.Context, size int, es []emission) error
	delivered() int64                // since the start
	drain(ctx context.Context) error // waits until all is delivered, and noted as that
}

// An emission is one event to one endpoint.
type emission struct {
	endpoint int
	sent     int64 // when it was due
}

// run puts the load on a system.
func (l Load) run(ctx context.Context, s system) (out Loaded, err error) {
	l.Batch = max(1, l.Batch)
	if l.Size == 0 {
		l.Size = payloadSize
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	next := l.closed(ctx, s)
	if l.Rate > 0 {
		next = l.open(ctx)
	}
	began := time.Now()
	var callers sync.WaitGroup
	var events atomic.Int64
	for range l.Callers {
		callers.Go(func() {
			for es := next(); es != nil; es = next() {
				if err := s.emit(ctx, l.Size, es); err != nil {
					fail(err)
					return
				}
				events.Add(int64(len(es)))
			}
		})
	}
	callers.Wait()
	out = Loaded{Events: int(events.Load()), Began: began.UnixNano(), Ended: time.Now().UnixNano()}
	if err = context.Cause(ctx); err == nil && l.Drain {
		err = s.drain(ctx)
	}
	out.Took = time.Since(began)
	return out, err
}

// closed returns a function that returns what to emit next: each caller goes
// on when its last emit is done.
func (l Load) closed(ctx context.Context, s system) func() []emission {
	began, before := time.Now(), s.delivered()
	var taken atomic.Int64
	return func() []emission {
		n := int(taken.Add(int64(l.Batch)))
		for l.Backlog > 0 && int64(n)-(s.delivered()-before) > int64(l.Backlog) && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		if l.Events > 0 && n > l.Events || l.For > 0 && time.Since(began) > l.For || ctx.Err() != nil {
			return nil
		}
		es := make([]emission, l.Batch)
		for i := range es {
			es[i] = emission{l.endpoint(n - l.Batch + i), time.Now().UnixNano()}
		}
		return es
	}
}

// open returns a function that waits until the next event is due. Events that
// are late because all callers are busy, or others came before them, keep the
// time that they were due at; one whose timer is late, by up to a millisecond on
// Linux, is due then.
func (l Load) open(ctx context.Context) func() []emission {
	due := make(chan []emission, 1<<20)
	go func() {
		defer close(due)
		began := time.Now()
		for n := 0; (l.Events == 0 || n < l.Events) && ctx.Err() == nil; n++ {
			after := time.Duration(float64(n) / l.Rate * float64(time.Second))
			if l.For > 0 && after > l.For {
				return
			}
			at := began.Add(after)
			if early := time.Until(at); early > 0 {
				time.Sleep(early)
				at = time.Now()
			}
			due <- []emission{{l.endpoint(n), at.UnixNano()}}
		}
	}()
	return func() []emission { return <-due }
}

func (l Load) endpoint(n int) int { return l.From + n%(l.To-l.From) }
