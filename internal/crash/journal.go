package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// A journal is a file of lines that a process writes for the judge. Callers
// that sync at the same time share one sync.
type journal struct {
	file *os.File

	mu      sync.Mutex
	turn    sync.Cond
	written int // lines
	synced  int
	syncing bool
}

// openJournal opens the file, or makes it. A line that a former process did not
// finish is cut off.
func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(int64(bytes.LastIndexByte(text, '\n') + 1)); err != nil {
		return nil, err
	}
	j := &journal{file: f}
	j.turn.L = &j.mu
	return j, nil
}

// note writes a line; it outlives the process, not the machine.
func (j *journal) note(words ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.write(words)
}

func (j *journal) write(words []any) {
	if _, err := j.file.WriteString(fmt.Sprintln(words...)); err != nil {
		panic(err) // what follows would be judged wrongly
	}
	j.written++
}

// sync writes a line and returns when it is on the disk.
func (j *journal) sync(words ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.write(words)
	for mine := j.written; j.synced < mine; {
		if j.syncing {
			j.turn.Wait()
			continue
		}
		upTo := j.written
		j.syncing = true
		j.mu.Unlock()
		err := j.file.Sync()
		j.mu.Lock()
		j.syncing = false
		if err != nil {
			panic(err)
		}
		j.synced = upTo
		j.turn.Broadcast()
	}
}

// readJournal returns the words of each finished line. A file that does not
// exist has none.
func readJournal(path string) ([][]string, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var lines [][]string
	for line := range strings.Lines(string(text)) {
		if strings.HasSuffix(line, "\n") {
			lines = append(lines, strings.Fields(line))
		}
	}
	return lines, nil
}
