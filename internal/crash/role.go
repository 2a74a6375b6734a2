package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// roleEnv holds the role of a process that was started by a supervisor.
const roleEnv = "CRASH_ROLE"

// A role is what a process is to do.
type role struct {
	Kind  string // one of roles
	Name  string // of this process; nobody else ever has it
	Dir   string // where the world's files are
	Place place
	Trap  *Point        `json:",omitempty"`
	Lease time.Duration `json:",omitempty"` // 0 is the library's default
	// Target says that the receiver may kill this dispatcher.
	Target bool `json:",omitempty"`

	Emitter  *emitter  `json:",omitempty"`
	Receiver *receiver `json:",omitempty"`
	Migrator *migrator `json:",omitempty"`
}

var roles = map[string]func(ctx context.Context, r *role) error{
	"emitter":    func(ctx context.Context, r *role) error { return r.Emitter.run(ctx, r) },
	"dispatcher": dispatch,
	"receiver":   func(ctx context.Context, r *role) error { return r.Receiver.run(ctx, r) },
	"migrator":   func(ctx context.Context, r *role) error { return r.Migrator.run(ctx, r) },
	"blocker":    block,
}

// play plays the role of this process, if it has one, and ends it.
func play() {
	text := os.Getenv(roleEnv)
	if text == "" {
		return
	}
	var r role
	err := json.Unmarshal([]byte(text), &r)
	if err == nil {
		ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
		defer stop()
		go func() { // a process never outlives its supervisor
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(3)
		}()
		err = roles[r.Kind](ctx, &r)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, r.Kind, r.Name, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// file is a file of the world.
func (r *role) file(name string) string { return filepath.Join(r.Dir, name) }

// trapsCommits says whether the process is to die at a commit.
func (r *role) trapsCommits() bool {
	return r.Trap != nil && (r.Trap.Moment == beforeCommit || r.Trap.Moment == afterCommit)
}

// ready tells the supervisor a line.
func ready(words ...any) { fmt.Println(words...) }
