package main

import (
	"context"
	"fmt"
	"os"
	"runtime/pprof"
)

// Sender is a process that emits and delivers.
type Sender struct {
	system  system
	profile *os.File // of the CPU, while one is made
}

// Setup says what a Sender is.
type Setup struct {
	System    string   // a key of systems
	DSN       string   // of the PostgreSQL server
	Hosts     []string // the receiver's
	Endpoints int
}

// systems are all that can be measured against each other.
var systems = map[string]func(ctx context.Context, dsn string) (system, error){
	"raw":           newRawLoop,
	"memory":        newMemory,
	"sqlite":        newSQLite,
	"postgres":      newPostgres,
	"river_tuned":   newTunedRiver,
	"river_default": newDefaultRiver,
}

// Open makes the system and registers the endpoints.
func (s *Sender) Open(setup Setup, _ *Nothing) (err error) {
	ctx := context.Background()
	open, ok := systems[setup.System]
	if !ok {
		return fmt.Errorf("there is no system %q", setup.System)
	}
	if s.system, err = open(ctx, setup.DSN); err != nil {
		return err
	}
	urls := make([]string, setup.Endpoints)
	for i := range urls {
		urls[i] = url(setup.Hosts, i)
	}
	return s.system.register(ctx, urls)
}

// Start begins delivering, until the process ends.
func (s *Sender) Start(Nothing, *Nothing) error { return s.system.start(context.Background()) }

// Load puts a load on the system.
func (s *Sender) Load(l Load, reply *Loaded) (err error) {
	*reply, err = l.run(context.Background(), s.system)
	return err
}

// Profile begins a CPU profile in a new file.
func (s *Sender) Profile(name string, _ *Nothing) (err error) {
	if s.profile, err = os.Create(name); err != nil {
		return err
	}
	return pprof.StartCPUProfile(s.profile)
}

// Profiled ends it.
func (s *Sender) Profiled(Nothing, *Nothing) error {
	pprof.StopCPUProfile()
	return s.profile.Close()
}
