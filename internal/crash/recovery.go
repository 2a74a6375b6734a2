package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

const (
	recoveries      = 20
	recoveryAtOnce  = 5 // worlds on one server, each kills its share
	longestRecovery = 30 * time.Second
)

// recovery kills dispatchers that have the default lease, and measures how long
// it takes until all that waited at that moment is delivered.
func (c *campaign) recovery(ctx context.Context) error {
	var mu sync.Mutex
	var took []time.Duration
	var first error
	var worlds sync.WaitGroup
	for i := range recoveryAtOnce {
		rng := rand.New(rand.NewPCG(c.rng.Uint64(), uint64(i)))
		worlds.Go(func() {
			w, ds, err := c.recoveryWorld(ctx, fmt.Sprint("recovery", i), rng)
			mu.Lock()
			defer mu.Unlock()
			took = append(took, ds...)
			if err == nil {
				defer w.end()
				_, err = c.close(w, stormJournal(0))
			}
			if err != nil && first == nil {
				first = err
			}
		})
	}
	worlds.Wait()
	c.deaths[inRecovery] = len(took)
	if first != nil {
		return first
	}
	slices.Sort(took)
	longest, median := took[len(took)-1], took[len(took)/2]
	fmt.Printf("%s recovery_default_lease_max_s=%.1f median_s=%.1f\n", c.store, longest.Seconds(), median.Seconds())
	if longest > longestRecovery {
		return fmt.Errorf("recovery took %v; want at most %v", longest, longestRecovery)
	}
	return nil
}

// recoveryWorld makes a world and kills in it, one dispatcher at a time.
func (c *campaign) recoveryWorld(ctx context.Context, name string, rng *rand.Rand) (w *world, took []time.Duration, err error) {
	var endpoints []endpoint
	for i := range 8 {
		endpoints = append(endpoints, endpoint{Account: "one", Name: fmt.Sprint(i), Takes: 50 * time.Millisecond})
	}
	if w, err = c.world(ctx, name, 0, endpoints); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			w.end()
		}
	}()
	e, err := w.start(role{Kind: "emitter", Emitter: &emitter{Journal: stormJournal(0), Streams: []string{"one"}, Pause: 50 * time.Millisecond}})
	if err != nil {
		return nil, nil, err
	}
	store, closeStore, err := w.place.store(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer closeStore()
	alive := make([]*process, 2)
	if w.place.exclusive() {
		alive = alive[:1]
	}
	for range recoveries / recoveryAtOnce {
		for i := range alive {
			if alive[i] == nil {
				if alive[i], err = w.start(role{Kind: "dispatcher"}); err != nil {
					return nil, took, err
				}
			}
		}
		time.Sleep(2*time.Second + time.Duration(rng.Int64N(int64(3*time.Second)))) // anywhere between two renewals of its leases
		i := rng.IntN(len(alive))
		for end := time.Now().Add(patience); alive[i].gauge().Begun == alive[i].gauge().Done; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				return nil, took, fmt.Errorf("%s sends nothing", alive[i].role.Name)
			}
		}
		killed := time.Now()
		alive[i].kill()
		alive[i] = nil
		if w.place.exclusive() { // nobody else is there
			if alive[i], err = w.start(role{Kind: "dispatcher"}); err != nil {
				return nil, took, err
			}
		}
		if err := delivered(ctx, store); err != nil {
			return nil, took, err
		}
		took = append(took, time.Since(killed))
	}
	for _, p := range append(alive, e) {
		if p != nil {
			if err := p.stop(); err != nil {
				return nil, took, err
			}
		}
	}
	return w, took, nil
}

// delivered waits until what waits now is delivered.
func delivered(ctx context.Context, store webhook.Store) error {
	q := webhook.DeliveryQuery{Account: "one", States: []webhook.State{webhook.StatePending}, Limit: 1000}
	for end := time.Now().Add(2 * patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		waiting, err := store.Deliveries(ctx, q)
		if err != nil || len(waiting) == 0 {
			return err
		}
		q.IDs = nil
		for _, d := range waiting {
			q.IDs = append(q.IDs, d.ID)
		}
	}
	return fmt.Errorf("%d deliveries still wait", len(q.IDs))
}
