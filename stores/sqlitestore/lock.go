package sqlitestore

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Lock implements [webhook.Exclusive]: one process at a time delivers from a
// file. It takes a lock on a file beside it, whose name ends in .run; the
// operating system releases it when the process ends, however that happens.
// When another one has it, Lock fails at once and names the process.
//
// What a process that died had in hand is handed out again at once: nobody
// else can hold a lane under the lock.
func (s *Store) Lock(ctx context.Context) (func() error, error) {
	f, err := takeLock(s.path + ".run")
	if err != nil {
		return nil, failed("Lock", err)
	}
	unlock := sync.OnceValue(f.Close) // which releases the lock
	err = s.update(ctx, func(t *txn) error {
		_, err := t.exec(`UPDATE webhook_lanes SET held = 0, ready_at = min(ready_at, max(?, not_before)) WHERE held = 1`, t.now)
		return err
	})
	if err != nil {
		_ = unlock()
		return nil, failed("Lock", err)
	}
	return unlock, nil
}

// takeLock opens the file, locks it, and writes into it whose it is.
func takeLock(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	held, err := lockFile(f)
	if err == nil && held {
		err = inUse(path)
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// inUse says who has the lock.
func inUse(path string) error {
	text, _ := os.ReadFile(path)
	who := strings.TrimSpace(string(text))
	if who == strconv.Itoa(os.Getpid()) {
		return fmt.Errorf("this process delivers from this file already, through another store; the lock is %s", path)
	}
	if _, err := strconv.Atoi(who); err != nil {
		who = "unknown"
	}
	return fmt.Errorf("another process (pid %s) delivers from this file; stop it first, or only emit here; the lock is %s", who, path)
}
