package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/autoreach/webhook/internal/pgserver"
)

// A campaign is all that is done to one store.
type campaign struct {
	store string // sqlite or postgres
	kills int    // under load, at least
	short bool
	rng   *rand.Rand

	dir    string
	places func(name string) place
	deaths map[string]int // by where they died
	sum    verdict
}

// Where processes die beside the points.
const (
	randomDeath     = "at random"
	halfWritten     = "request half written"
	insideMigration = "inside migration"
	inRecovery      = "with the default lease"
)

// roundKills is after how many kills everything is drained and compared.
const roundKills = 250

// String is the summary.
func (c *campaign) String() string {
	return fmt.Sprintf("%s kills=%d lost=%d stuck=%d duplicates=%d in_flight=%d",
		c.store, c.killed(), c.sum.Lost, c.sum.Stuck, c.sum.Duplicates, c.sum.InFlight)
}

func (c *campaign) killed() (n int) {
	for _, k := range c.deaths {
		n += k
	}
	return n
}

// run is nil when every promise held.
func (c *campaign) run(ctx context.Context) (err error) {
	if c.dir, err = os.MkdirTemp("", "crash"); err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(c.dir)
		} else {
			err = fmt.Errorf("%w\nwhat is left of it is in %s", err, c.dir)
		}
	}()
	c.places = func(name string) place { return place{File: filepath.Join(c.dir, name+".db")} }
	if c.store == "postgres" {
		server, err := pgserver.Start()
		if err != nil {
			return err
		}
		defer server.Stop()
		c.places = func(name string) place { return place{DSN: server.DSN(), Schema: name} }
	}
	began := time.Now()
	err = c.all(ctx)
	for _, where := range slices.Sorted(maps.Keys(c.deaths)) {
		c.say("%4d killed %s", c.deaths[where], where)
	}
	for _, f := range c.sum.Faults {
		c.say("FAULT %s", f)
	}
	c.say("%d events acknowledged, %d emits repeated after an error, %d deliveries, %d requests, %v",
		c.sum.Events, c.sum.Retried, c.sum.Deliveries, c.sum.Requests, time.Since(began).Round(time.Second))
	switch {
	case err != nil:
		return err
	case c.killed() == 0:
		return errors.New("nothing was killed")
	case !c.sum.ok():
		return errors.New("a promise was broken")
	}
	return c.everywhere()
}

// enough is how many kills reach every point.
const enough = 500

// everywhere holds that processes died at every point, if there were enough.
func (c *campaign) everywhere() error {
	wanted := []string{randomDeath, halfWritten, insideMigration}
	for _, p := range append(emitterPoints, dispatcherPoints...) {
		wanted = append(wanted, p.name())
	}
	for _, where := range wanted {
		if c.kills >= enough && c.deaths[where] == 0 {
			return errors.New("nothing was killed " + where)
		}
	}
	return nil
}

func (c *campaign) say(format string, args ...any) {
	fmt.Printf("%s: %s\n", c.store, fmt.Sprintf(format, args...))
}

func (c *campaign) all(ctx context.Context) error {
	if err := c.migrations(ctx); err != nil {
		return err
	}
	for round, kills := 1, 0; kills < c.kills; round++ {
		n, err := c.storm(ctx, fmt.Sprint("storm", round), min(c.kills-kills, roundKills))
		if err != nil {
			return err
		}
		kills += n
	}
	if c.short {
		return nil
	}
	return c.recovery(ctx)
}

// world makes a world of the campaign.
func (c *campaign) world(ctx context.Context, name string, lease time.Duration, endpoints []endpoint) (*world, error) {
	dir := filepath.Join(c.dir, name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	return newWorld(ctx, dir, c.places(name), lease, endpoints)
}

// close drains a world and adds its verdict.
func (c *campaign) close(w *world, journals ...string) (*verdict, error) {
	stuck, err := w.settle(journals...)
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, w.words())
	}
	v, err := w.judge(stuck)
	if err == nil {
		c.sum.add(v)
	}
	return v, err
}

// storm is one storm in a fresh world, and returns how many it killed.
func (c *campaign) storm(ctx context.Context, name string, kills int) (int, error) {
	w, err := c.world(ctx, name, time.Second, stormEndpoints())
	if err != nil {
		return 0, err
	}
	defer w.end()
	s := &storm{world: w, rng: c.rng, wanted: int64(kills), deaths: c.deaths}
	began := time.Now()
	if err := s.rage(); err != nil {
		return 0, fmt.Errorf("%w\n%s", err, w.words())
	}
	raged := time.Since(began)
	v, err := c.close(w, stormJournal(0), stormJournal(1))
	if err != nil {
		return 0, err
	}
	c.say("%s: %d kills in %v (and %d of idle processes), drained in %v; %d events, %d requests, %d duplicates, %d in flight",
		name, s.kills.Load(), raged.Round(100*time.Millisecond), s.idle.Load(), (time.Since(began) - raged).Round(100*time.Millisecond),
		v.Events, v.Requests, v.Duplicates, v.InFlight)
	return int(s.kills.Load()), nil
}
