package main

import (
	"encoding/binary"
	"os"
	"sync"
)

// A gauge counts what a process begins and completes, in a small file that
// shows the last values after a SIGKILL.
type gauge struct {
	file *os.File
	mu   sync.Mutex
	now  reading
}

// A reading is what a gauge shows: for a dispatcher requests that it began and
// outcomes that the store has taken, for an emitter emits and acknowledgements.
type reading struct {
	Begun, Done int64
	Late        int64 // of Done: without the lease, or cut off
	Reached     int64 // the point of death was reached
}

const readingSize = 4 * 8 // bytes

func openGauge(path string) (*gauge, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	return &gauge{file: f}, err
}

// add changes the values. They are written by one small write: never half.
func (g *gauge) add(d reading) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now.Begun += d.Begun
	g.now.Done += d.Done
	g.now.Late += d.Late
	g.now.Reached += d.Reached
	b := make([]byte, 0, readingSize)
	for _, v := range []int64{g.now.Begun, g.now.Done, g.now.Late, g.now.Reached} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	if _, err := g.file.WriteAt(b, 0); err != nil {
		panic(err)
	}
}

// exposed is how many requests may have arrived without the store knowing: those
// in flight when the process was killed, and those that it had in flight when it
// lost its lease or was told to end.
func (r reading) exposed(killed bool) int {
	if killed {
		return int(r.Begun - r.Done + r.Late)
	}
	return int(r.Late)
}

// readGauge returns the last values; zeros when nothing was counted.
func readGauge(path string) reading {
	b, err := os.ReadFile(path)
	if err != nil || len(b) < readingSize {
		return reading{}
	}
	v := func(i int) int64 { return int64(binary.LittleEndian.Uint64(b[8*i:])) }
	return reading{v(0), v(1), v(2), v(3)}
}
