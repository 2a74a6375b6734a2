package webhook

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// Run delivers until ctx ends. It then begins nothing more, waits up to
// [Options.Grace] for what is on its way, cuts off the rest, settles and gives
// everything back, and returns nil, or an error if the store could not be
// told. It installs no signal handler, and leaves no goroutine behind but those
// that are in the host's own code (OnChange, a Transport, a Signer) and do not
// return.
//
// Run may be called again after it returned, but not while it runs
// ([ErrRunning]). Any number of processes may run on one store, unless it is
// [Exclusive].
func (d *Dispatcher) Run(ctx context.Context) (err error) {
	e := newEngine(d)
	if !d.engine.CompareAndSwap(nil, e) {
		return ErrRunning
	}
	defer func() {
		d.engine.Store(nil)
		d.client.CloseIdle()
	}()
	if x := d.exclusive; x != nil {
		unlock, refused := x.Lock(ctx)
		if refused != nil {
			return fmt.Errorf("webhook: Run: %w", refused)
		}
		defer func() { err = errors.Join(err, unlock()) }()
	}
	return e.run(ctx)
}

// settleTime is how long the store may take for the last Settle.
const settleTime = 5 * time.Second

func (e *engine) run(ctx context.Context) error {
	e.greet()
	// Work is taken until ctx ends; settling and renewing go on until all is
	// given back.
	last, end := context.WithCancel(context.WithoutCancel(ctx))
	var taking, loops sync.WaitGroup
	for _, loop := range []func(context.Context){e.claimLoop, e.dueLoop, e.watchLoop, e.purgeLoop} {
		taking.Go(func() { loop(ctx) })
	}
	for _, loop := range []func(context.Context){e.settleLoop, e.renewLoop, e.fenceLoop} {
		loops.Go(func() { loop(last) })
	}
	told := make(chan struct{})
	go func() { defer close(told); e.newsLoop(last) }()

	<-ctx.Done()
	grace := time.Now().Add(e.o.Grace)
	e.stop()
	taking.Wait() // what was being claimed and asked is known now
	e.stopAsking()
	if !until(time.Until(grace), func() bool { return e.count() == 0 }) {
		e.cutOff()
		until(settleTime, func() bool { return e.count() == 0 })
	}
	clean := until(settleTime, e.idle)
	end()
	close(e.over)
	loops.Wait()
	switch n := e.count(); {
	case clean:
	case n > 0: // the store may be well
		return errors.Join(fmt.Errorf("webhook: Run: %d requests did not end when they were cut off (a Transport, Signer, Format or Observe that does not return?); what they sent will be sent again", n),
			e.health())
	default:
		return fmt.Errorf("webhook: Run: the store could not be told what was sent last; it will be sent again: %w",
			errors.Join(e.health(), errors.New("no answer in time")))
	}
	e.senders.Wait()
	select { // the host's hook is not waited for without end
	case <-told:
	case <-time.After(settleTime):
	}
	return nil
}

// greet says what an operator should see once.
func (e *engine) greet() {
	e.o.Logger.Info("webhook: delivering", "max_in_flight", e.o.MaxInFlightTotal, "lease", e.o.Lease)
	if len(e.o.AllowPrefixes) > 0 {
		e.o.Logger.Warn("webhook: addresses that are not public may be delivered to",
			"prefixes", fmt.Sprint(e.o.AllowPrefixes), "plain_http", e.o.AllowPlainHTTP)
	}
	if e.o.Transport != nil {
		e.o.Logger.Warn("webhook: the transport is the host's own; it must guard addresses")
	}
}

// stop begins nothing more, and returns the lanes whose hands are empty.
func (e *engine) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.stopping = true
	for _, l := range e.lanes {
		e.advance(l, time.Now())
	}
}

// stopAsking takes back what will not be asked any more.
func (e *engine) stopAsking() {
	e.mu.Lock()
	lanes := slices.Collect(maps.Values(e.lanes))
	e.mu.Unlock()
	e.unask(lanes)
}

// cutOff ends all sends.
func (e *engine) cutOff() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for f := range e.flights {
		f.lane.cancel()
	}
}

// count is how many sends are in flight.
func (e *engine) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.flights)
}

// idle says whether everything is settled and given back.
func (e *engine) idle() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.flights)+len(e.outcomes)+len(e.returns)+len(e.lanes) == 0 && !e.settling
}

// until waits for a condition, at most for d, and says whether it holds.
func until(d time.Duration, ok func() bool) bool {
	for end := time.Now().Add(d); !ok(); {
		if !time.Now().Before(end) {
			return false
		}
		time.Sleep(2 * time.Millisecond)
	}
	return true
}

// failed notes how a call of the store went, and says whether it failed.
func (e *engine) failed(ctx context.Context, call string, err error) bool {
	e.mu.Lock()
	e.started = true
	if delete(e.errs, call); err != nil {
		e.errs[call] = failure{err, time.Now()}
	}
	e.mu.Unlock()
	if err != nil && ctx.Err() == nil {
		e.o.Logger.Error("webhook: the store failed; trying again", "call", call, "error", err)
	}
	return err != nil
}

// failure is a failed call of the store.
type failure struct {
	err error
	at  time.Time
}

// failureAge is how long a failure counts that was not followed by another:
// what fails is tried again sooner than that, if there is still need for it.
const failureAge = 15 * time.Second

// health is nil if no kind of call of the store is failing.
func (e *engine) health() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.started {
		return errors.New("webhook: Run is starting")
	}
	var errs []error
	for _, f := range e.errs {
		if time.Since(f.at) < failureAge {
			errs = append(errs, f.err)
		}
	}
	return errors.Join(errs...)
}

// Ready says whether this process delivers: nil while Run runs and no kind of
// call of the store is failing. For a readiness probe.
func (d *Dispatcher) Ready() error {
	e := d.engine.Load()
	if e == nil {
		return errors.New("webhook: Run is not running")
	}
	return e.health()
}

// Drain waits until no delivery waits any more: every one is delivered or
// dead. It delivers nothing itself: Run has to be running, here or elsewhere.
// It is for tests and one-off programs, and ends with an error when ctx does.
// Counting costs the store more the more endpoints there are, so while this
// process delivers it is done every few seconds.
func (d *Dispatcher) Drain(ctx context.Context) error {
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		for began := time.Now(); d.busy() && time.Since(began) < drainPatience && ctx.Err() == nil; {
			wait(ctx, nil, time.Millisecond) // what is in hand waits, and counting costs
		}
		if ctx.Err() != nil {
			return fmt.Errorf("webhook: Drain: deliveries still wait: %w", context.Cause(ctx))
		}
		asked := time.Now()
		s, err := d.store.Stats(ctx)
		if err != nil {
			return err
		}
		if s.Pending == 0 {
			return nil
		}
		wait(ctx, nil, max(pause, min(drainShare*time.Since(asked), time.Second)))
		if ctx.Err() != nil {
			return fmt.Errorf("webhook: Drain: %d deliveries still wait: %w", s.Pending, context.Cause(ctx))
		}
	}
}

const (
	// drainShare is how many times as long as counting took Drain waits until it
	// counts again, up to a second: the store is there to deliver.
	drainShare = 10
	// drainPatience is how long Drain goes by what this process has in hand. Then
	// it counts: that may be stuck, or hold nothing that still waits.
	drainPatience = 5 * time.Second
)

// busy says whether this process has anything in hand.
func (d *Dispatcher) busy() bool {
	e := d.engine.Load()
	return e != nil && !e.idle()
}
