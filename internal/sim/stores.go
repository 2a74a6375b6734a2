package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

// exclusive is a link to a store from which one process at a time delivers.
type exclusive struct {
	*link
	lock webhook.Exclusive
}

var errWaiting = errors.New("sim: the process has ended before it could deliver")

// Lock implements [webhook.Exclusive]. It waits, as a host does that runs a
// second process to take over. A process that dies leaves the lock.
func (x *exclusive) Lock(ctx context.Context) (func() error, error) {
	for {
		if err := x.p.pass(); err != nil {
			return nil, err
		}
		if unlock := x.try(ctx); unlock != nil {
			context.AfterFunc(x.p.dying, func() { _ = unlock() })
			return unlock, nil
		}
		if !x.sleep(ctx, 20*time.Millisecond) {
			return nil, errWaiting
		}
	}
}

// try takes the lock, if nobody has it. What another process had in hand is
// free then.
func (x *exclusive) try(ctx context.Context) func() error {
	w := x.w
	defer w.inTurn()()
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := time.Now()
	unlock, err := x.lock.Lock(ctx)
	if time.Since(asked) > w.slow() {
		w.troubles = append(w.troubles, trouble{x.p, span{asked, time.Now()}})
	}
	if err != nil {
		return nil
	}
	w.note(x.p, nil, 0, "delivers from now on")
	for _, l := range w.laneList {
		if c := l.lastClaim(); c != nil && c.returned.IsZero() {
			c.returned = time.Now()
		}
	}
	return unlock
}

// slow is how long a call or a timer may be late before that explains what a
// process repeats, as a fault does.
func (w *world) slow() time.Duration { return w.plan.Lease / 20 }

// slowed is for how long of some time calls and timers were late, in real time:
// so much later may be what the engine does within a time. The lock is held.
func (w *world) slowed(from, to time.Time) (sum time.Duration) {
	if w.plan.Lag == 0 {
		return 0
	}
	slices.SortFunc(w.troubles, func(a, b trouble) int { return a.from.Compare(b.from) })
	for _, t := range w.troubles {
		if t.from.After(from) {
			from = t.from
		}
		if t.to.After(to) {
			t.to = to
		}
		if t.to.After(from) {
			sum += t.to.Sub(from)
			from = t.to
		}
	}
	return sum
}

// answered notes how a call went that arrived at the store. Outcomes that are
// not known are the link's to make: the store itself must not fail.
func (w *world) answered(p *process, method string, asked time.Time, err error) {
	if time.Since(asked) > w.slow() {
		w.trouble(p, asked)
	}
	for _, refusal := range []error{webhook.ErrNotFound, webhook.ErrConflict, webhook.ErrLimit, webhook.ErrDisabled, webhook.ErrFull} {
		if errors.Is(err, refusal) {
			return
		}
	}
	if err != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.violate("store", nil, 0, "%s failed: %v", method, err)
	}
}

// watchMachine notes when the machine is slow, in real time, and returns what
// ends it.
func (w *world) watchMachine() (end func()) {
	const tick = 20 * time.Millisecond
	ctx, end := context.WithCancel(context.Background())
	w.background.Go(func() {
		last := time.Now()
		for ctx.Err() == nil && w.plan.Lag > 0 {
			time.Sleep(tick)
			now := time.Now()
			if now.Sub(last) > tick+w.slow() {
				w.trouble(nil, last)
			}
			last = now
		}
	})
	return end
}
