package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

// A world is a store with endpoints, their receiver, and processes that come and
// go.
type world struct {
	dir       string
	place     place
	lease     time.Duration
	endpoints []endpoint
	receiver  *process
	ctx       context.Context

	mu        sync.Mutex
	started   int
	processes []*process
}

// newWorld makes the endpoints in a fresh store and starts their receiver. end
// ends all processes.
func newWorld(ctx context.Context, dir string, p place, lease time.Duration, endpoints []endpoint) (w *world, err error) {
	w = &world{dir: dir, place: p, lease: lease, endpoints: endpoints, ctx: ctx}
	defer func() {
		if err != nil {
			w.end()
		}
	}()
	secret := webhook.GenerateSecret()
	w.receiver, err = w.start(role{Kind: "receiver", Receiver: &receiver{Secret: secret.Reveal(), Endpoints: endpoints}})
	if err != nil {
		return w, err
	}
	store, closeStore, err := p.store(ctx)
	if err != nil {
		return w, err
	}
	defer closeStore()
	d, err := webhook.New(store, deliveryOptions(lease))
	if err != nil {
		return w, err
	}
	for _, e := range endpoints {
		_, err := d.CreateEndpoint(ctx, webhook.Endpoint{
			Account: e.Account, Name: e.Name, URL: w.receiver.first + e.path(), Events: []webhook.EventType{eventType},
			Secret: secret, FIFO: e.FIFO, MaxInFlight: e.MaxInFlight,
		})
		if err != nil {
			return w, err
		}
	}
	return w, nil
}

// start starts a process in the world, under another program if there is one. It
// gets a name of its own.
func (w *world) start(r role, under ...string) (*process, error) {
	w.mu.Lock()
	w.started++
	r.Name = fmt.Sprint(r.Kind, "-", w.started)
	w.mu.Unlock()
	r.Dir, r.Place, r.Lease = w.dir, w.place, w.lease
	p, err := start(r, under...)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	w.processes = append(w.processes, p)
	w.mu.Unlock()
	return p, nil
}

// all returns the processes of a kind that were ever started.
func (w *world) all(kind string) []*process {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []*process
	for _, p := range w.processes {
		if p.role.Kind == kind {
			out = append(out, p)
		}
	}
	return out
}

// end kills what is still alive.
func (w *world) end() {
	for _, kind := range []string{"emitter", "dispatcher", "migrator", "blocker", "receiver"} {
		for _, p := range w.all(kind) {
			p.kill()
		}
	}
}

// words is what the processes wrote to their standard error, for a report.
func (w *world) words() string {
	b, _ := os.ReadFile(filepath.Join(w.dir, "words"))
	if len(b) > 4000 {
		b = b[len(b)-4000:]
	}
	return string(b)
}

// settle lets the emitters' journals have no open end, and everything be
// delivered: it starts dispatchers that nobody kills. What still waits after
// that is stuck; it returns how many deliveries that are.
func (w *world) settle(journals ...string) (stuck int, err error) {
	n := 2
	if w.place.exclusive() {
		n = 1
	}
	var dispatchers []*process
	for range n {
		p, err := w.start(role{Kind: "dispatcher"})
		if err != nil {
			return 0, err
		}
		dispatchers = append(dispatchers, p)
	}
	for _, name := range journals {
		e, err := w.emitterOf(name)
		if err != nil {
			return 0, err
		}
		e.Finish, e.Large = true, false
		p, err := w.start(role{Kind: "emitter", Emitter: e})
		if err != nil {
			return 0, err
		}
		if err := p.finish(); err != nil {
			return 0, err
		}
	}
	stuck, err = w.drain()
	for _, p := range dispatchers {
		err = errors.Join(err, p.stop())
	}
	return stuck, err
}

// emitterOf is the emitter that last wrote a journal.
func (w *world) emitterOf(name string) (*emitter, error) {
	var e *emitter
	for _, p := range w.all("emitter") {
		if p.role.Emitter.Journal == name {
			e = p.role.Emitter
		}
	}
	if e == nil {
		return nil, fmt.Errorf("no emitter writes %s", name)
	}
	c := *e
	return &c, nil
}

// drain waits until nothing waits any more, and returns how many deliveries
// still do, or are dead, when there has been no progress for a while.
func (w *world) drain() (stuck int, err error) {
	store, closeStore, err := w.place.store(w.ctx)
	if err != nil {
		return 0, err
	}
	defer closeStore()
	least, since := -1, time.Now()
	for {
		s, err := store.Stats(w.ctx)
		if err != nil {
			return 0, err
		}
		if stuck = s.Pending + s.Undelivered; s.Pending == 0 {
			return stuck, nil
		}
		if least < 0 || s.Pending < least {
			least, since = s.Pending, time.Now()
		}
		if time.Since(since) > patience/2 {
			return stuck, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}
