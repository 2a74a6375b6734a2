package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/autoreach/webhook"
)

// link is a process's way to the store: calls and answers get lost and late.
// The n-th call of a method has the same fault whenever a seed is run.
type link struct {
	*observer
	seed uint64
	calm bool

	// Guarded by the world's lock.
	calls   map[string]uint64
	busy    int       // calls that are in trouble now
	instant time.Time // of the last call
	same    int       // calls at that instant
	spins   bool      // there were too many: from then on each takes some time
}

func newLink(w *world, p *process, store webhook.Store, calm bool) *link {
	seed := w.plan.Seed
	for _, c := range p.name {
		seed = seed*131 + uint64(c)
	}
	return &link{observer: &observer{w, p, store}, seed: seed, calm: calm, calls: map[string]uint64{}}
}

var errLost = errors.New("sim: the connection to the store was lost")

// fault is what happens to one call.
type fault struct {
	there, back time.Duration // how long the call and its answer are on their way
	lostThere   bool
	lostBack    bool
	arrives     bool          // the store gets it although the caller has given up
	copy        time.Duration // a copy arrives so much later; 0 for none
	copied      bool
}

func (f *fault) any() bool { return *f != fault{arrives: f.arrives} }

// next says what happens to the next call of a method.
func (l *link) next(method string) fault {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	n := l.calls[method]
	l.calls[method]++
	var f fault
	switch plan := l.w.plan; {
	case l.calm || l.w.calm:
	case plan.script != nil:
		f = plan.script(method, n)
	case !plan.Faults.none():
		f = l.draw(method, n)
	}
	if f.any() {
		l.w.counts.Faults++
		l.busy++
	}
	return f
}

// mostCalls is how many calls a process may make while no time passes.
const mostCalls = 3000

// spinning says whether the process does nothing but call the store.
func (l *link) spinning(method string, now time.Time) bool {
	l.w.mu.Lock()
	defer l.w.mu.Unlock()
	if !now.Equal(l.instant) {
		l.instant, l.same = now, 0
	}
	if l.same++; l.same > mostCalls && !l.spins {
		l.spins = true
		l.w.violate("spin", nil, 0, "%s calls the store %d times at once, the last one is %s", l.p.name, l.same, method)
	}
	return l.spins
}

// draw chooses the fault of the n-th call of a method.
func (l *link) draw(method string, n uint64) fault {
	chances := l.w.plan.Faults
	h := l.seed
	for _, c := range method {
		h = h*31 + uint64(c)
	}
	r := rand.New(rand.NewPCG(h, n))
	var f fault
	f.arrives = r.IntN(2) == 0
	f.lostThere = r.Float64() < chances.Before
	f.lostBack = r.Float64() < chances.After
	if r.Float64() < chances.Delay {
		*pick(r, &f.there, &f.back) = l.w.plan.short(time.Duration(r.IntN(1500)) * time.Millisecond)
	}
	if r.Float64() < chances.Stall {
		*pick(r, &f.there, &f.back) = l.w.plan.Lease + time.Duration(r.Int64N(int64(l.w.plan.Lease)))
	}
	if method == "Settle" && r.Float64() < chances.Copy {
		f.copied, f.copy = true, time.Duration(r.Int64N(int64(2*l.w.plan.Lease)))
	}
	return f
}

// sleep waits, unless the caller gives up or the process dies.
func (l *link) sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
	case <-l.p.dying.Done():
	}
	return false
}

// call makes one call of the store as the link lets it through.
func call[T any](ctx context.Context, l *link, method string, do func(context.Context) (T, error)) (T, error) {
	var none T
	if err := l.p.pass(); err != nil {
		return none, err
	}
	began := time.Now()
	f := l.next(method)
	if l.spinning(method, began) {
		time.Sleep(10 * time.Millisecond) // or the clock would stand still for ever
	}
	if f.any() {
		defer func() {
			l.w.trouble(l.p, began)
			l.w.mu.Lock()
			l.busy--
			l.w.mu.Unlock()
		}()
	}
	arrive := func() (T, error) {
		asked := time.Now()
		value, err := do(context.WithoutCancel(ctx)) // an outcome that is not known is the link's to make
		l.w.answered(l.p, method, asked, err)
		return value, err
	}
	later := func(d time.Duration) {
		l.w.later(d, func() { _, _ = arrive() })
	}
	if f.there > 0 && !l.sleep(ctx, f.there) || ctx.Err() != nil {
		if f.arrives {
			later(max(0, f.there-time.Since(began)))
		}
		return none, errLost
	}
	if f.lostThere {
		if f.copied { // it was only slow: the repeat is faster
			later(f.copy)
		}
		return none, errLost
	}
	value, err := arrive()
	if f.copied {
		later(f.copy)
	}
	if f.back > 0 && !l.sleep(ctx, f.back) || f.lostBack {
		return none, errLost
	}
	if dead := l.p.pass(); dead != nil {
		return none, dead
	}
	return value, err
}

// Append implements [webhook.Store], like the methods below.
func (l *link) Append(ctx context.Context, events []webhook.EventRecord) ([]webhook.Appended, error) {
	return call(ctx, l, "Append", func(ctx context.Context) ([]webhook.Appended, error) {
		return l.observer.Append(ctx, events)
	})
}

func (l *link) PutEndpoint(ctx context.Context, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	return call(ctx, l, "PutEndpoint", func(ctx context.Context) (webhook.Endpoint, error) {
		return l.observer.PutEndpoint(ctx, e, limit)
	})
}

func (l *link) DeleteEndpoint(ctx context.Context, account, id string) error {
	_, err := call(ctx, l, "DeleteEndpoint", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, l.observer.DeleteEndpoint(ctx, account, id)
	})
	return err
}

func (l *link) Endpoints(ctx context.Context, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	return call(ctx, l, "Endpoints", func(ctx context.Context) ([]webhook.EndpointRecord, error) {
		return l.observer.Endpoints(ctx, q)
	})
}

type claimed struct {
	claims []webhook.Claim
	next   time.Duration
}

func (l *link) Claim(ctx context.Context, n int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
	out, err := call(ctx, l, "Claim", func(ctx context.Context) (claimed, error) {
		claims, next, err := l.observer.Claim(ctx, n, lease)
		return claimed{claims, next}, err
	})
	return out.claims, out.next, err
}

func (l *link) Due(ctx context.Context, wants []webhook.Want) ([]webhook.Batch, error) {
	l.w.asksDue(l.p, wants)
	out, err := call(ctx, l, "Due", func(ctx context.Context) ([]webhook.Batch, error) {
		return l.observer.Due(ctx, wants)
	})
	if err == nil {
		l.w.knowsDue(wants, out)
	}
	return out, err
}

func (l *link) Extend(ctx context.Context, holds []webhook.Hold, lease time.Duration) ([]webhook.Hold, error) {
	out, err := call(ctx, l, "Extend", func(ctx context.Context) ([]webhook.Hold, error) {
		return l.observer.Extend(ctx, holds, lease)
	})
	if err == nil {
		l.w.knowsLost(out)
	}
	return out, err
}

func (l *link) Settle(ctx context.Context, outcomes []webhook.Outcome, returns []webhook.Return) (webhook.Settled, error) {
	return call(ctx, l, "Settle", func(ctx context.Context) (webhook.Settled, error) {
		return l.observer.Settle(ctx, outcomes, returns)
	})
}
