package sqlitestore

import (
	"math"
	"sync"
	"time"
)

// A clock is what all times in the file are read from: this machine's wall
// clock, which never goes back while the process lives. After a step back it
// goes on from where it was, by the monotonic clock, until the wall clock has
// caught up; after a step forward, and after a sleep of the machine, it
// follows. So neither leases nor retries of a running process jump.
type clock struct {
	mu   sync.Mutex
	read func() (wall, monotonic int64) // in microseconds
	at   int64                          // the last monotonic reading
	last int64                          // what it was told to be
}

// now is the one clock of the process, also of transactions of the caller's.
var now = &clock{read: readClock}

var began = time.Now()

func readClock() (wall, monotonic int64) {
	t := time.Now()
	return t.UnixMicro(), t.Sub(began).Microseconds()
}

// never is later than any time.
const never int64 = 1 << 62

// micros returns the time in microseconds since 1970.
func (c *clock) micros() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall, monotonic := c.read()
	if c.last != 0 {
		wall = max(wall, c.last+monotonic-c.at)
	}
	c.at, c.last = monotonic, wall
	return wall
}

// after is the first microsecond at which d has passed.
func after(us int64, d time.Duration) int64 {
	n := int64(d / time.Microsecond)
	if d%time.Microsecond > 0 {
		n++
	}
	if n > 0 && us > never-1-n {
		return never - 1
	}
	return us + n
}

// elapsed is the duration of a number of microseconds.
func elapsed(us int64) time.Duration {
	if us > math.MaxInt64/1000 {
		return math.MaxInt64
	}
	return time.Duration(us) * time.Microsecond
}

// at makes a time of what is stored; 0 is none.
func at(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
