package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// A storm kills the processes of a world under load.
type storm struct {
	*world
	rng    *rand.Rand
	wanted int64

	kills  atomic.Int64
	idle   atomic.Int64 // processes that were killed before they did anything: they do not count
	mu     sync.Mutex
	deaths map[string]int // by where they died
}

// points are where processes die beside random moments.
var emitterPoints = []Point{
	{Call: "append", Moment: beforeCommit},
	{Call: "append", Moment: afterCommit},
}

var dispatcherPoints = []Point{
	{Call: "claim", Moment: leaving},
	{Call: "settle", Moment: entering},
	{Call: "settle", Moment: beforeCommit},
	{Call: "settle", Moment: afterCommit},
	{Call: "extend", Moment: beforeCommit},
	{Call: "extend", Moment: afterCommit},
}

// stormEndpoints are two accounts with endpoints of every kind, and the account
// of large events.
func stormEndpoints() []endpoint {
	var out []endpoint
	for _, account := range []string{"one", "two"} {
		out = append(out,
			endpoint{Account: account, Name: "quick"},
			endpoint{Account: account, Name: "slow", Takes: 30 * time.Millisecond},
			endpoint{Account: account, Name: "flaky", Flaky: 20},
			endpoint{Account: account, Name: "fifo", FIFO: true, Takes: 2 * time.Millisecond},
		)
	}
	return append(out, endpoint{Account: large, Name: "large"})
}

const (
	emitters    = 2
	pointWait   = 3 * time.Second // for a process to reach its point
	workWait    = 10 * time.Second
	largeShare  = 0.05 // of emitters begin with a large event
	randomShare = 0.5  // of deaths
)

// rage kills until there were enough.
func (s *storm) rage() error {
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	dispatchers := 3
	if s.place.exclusive() {
		dispatchers = 1
	}
	errs := make(chan error, emitters+dispatchers)
	slot := func(next func(rng *rand.Rand) role, points []Point) {
		rng := rand.New(rand.NewPCG(s.rng.Uint64(), s.rng.Uint64()))
		go func() {
			var err error
			for err == nil && ctx.Err() == nil {
				err = s.live(next(rng), points, rng)
			}
			stop() // also the others, if this one failed
			errs <- err
		}()
	}
	for i := range emitters {
		slot(func(rng *rand.Rand) role { return stormEmitter(i, rng) }, emitterPoints)
	}
	for range dispatchers {
		slot(func(*rand.Rand) role { return role{Kind: "dispatcher", Target: true} }, dispatcherPoints)
	}
	for s.kills.Load() < s.wanted && ctx.Err() == nil {
		time.Sleep(20 * time.Millisecond)
	}
	stop()
	var first error
	for range emitters + dispatchers {
		if err := <-errs; err != nil && first == nil {
			first = err
		}
	}
	return first
}

func stormEmitter(i int, rng *rand.Rand) role {
	return role{Kind: "emitter", Emitter: &emitter{
		Journal: stormJournal(i), Streams: []string{"one", "two"}, Pause: 25 * time.Millisecond, Filler: 200,
		Large: rng.Float64() < largeShare,
	}}
}

func stormJournal(i int) string { return fmt.Sprint("emitted-", i) }

// live starts a process and lets it live until it dies.
func (s *storm) live(r role, points []Point, rng *rand.Rand) error {
	if rng.Float64() >= randomShare {
		p := points[rng.IntN(len(points))]
		p.Nth = 1 + rng.Int64N(20)
		if p.Call == "extend" {
			p.Nth = 1 + rng.Int64N(4) // there are few
		}
		r.Trap = &p
	}
	p, err := s.start(r)
	if err != nil {
		return err
	}
	if !s.works(p) { // an idle one does not count, unless it reached its point
		if p.kill(); p.failed != nil || p.gauge().Reached == 0 {
			s.idle.Add(1)
			return p.failed
		}
	}
	where := randomDeath
	if r.Trap != nil && p.endedWithin(pointWait) || r.Trap == nil && p.endedWithin(lifetime(rng)) {
		where = halfWritten // the receiver did it, unless there was a point
	}
	p.kill()
	if p.failed != nil {
		return p.failed
	}
	if p.gauge().Reached > 0 {
		where = r.Trap.name()
	}
	s.mu.Lock()
	s.deaths[where]++
	s.mu.Unlock()
	s.kills.Add(1)
	return nil
}

// lifetime is how long a process works before it is killed.
func lifetime(rng *rand.Rand) time.Duration {
	return time.Duration(rng.Int64N(int64(1200 * time.Millisecond)))
}

// works waits until a process has begun to work, or died.
func (s *storm) works(p *process) bool {
	for end := time.Now().Add(workWait); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if p.gauge().Begun > 0 {
			return true
		}
		if p.endedWithin(0) {
			return false
		}
	}
	return false
}
