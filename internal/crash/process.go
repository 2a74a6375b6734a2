package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// A process is one that the supervisor started.
type process struct {
	role   role
	cmd    *exec.Cmd
	stdin  io.Closer     // it ends when this is closed
	first  string        // its first line, when it was ready
	ended  chan struct{} // closed when it has
	killed bool          // by SIGKILL, as its exit status says; known when it has ended
	failed error         // how it ended otherwise
}

// start starts a process, under another program if there is one, and waits until
// it is ready or has ended.
func start(r role, under ...string) (*process, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, err
	}
	words, err := os.OpenFile(filepath.Join(r.Dir, "words"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = words.Close() }()
	command := append(under, program)
	p := &process{role: r, cmd: exec.Command(command[0], command[1:]...), ended: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), roleEnv+"="+string(text))
	p.cmd.Stderr = words
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReader(out)
	p.first, _ = lines.ReadString('\n')
	p.first = strings.TrimSpace(p.first)
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		err := p.cmd.Wait()
		if s, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && s.Signaled() && s.Signal() == syscall.SIGKILL {
			p.killed = true
		} else if err != nil {
			p.failed = fmt.Errorf("%s %s ended: %w", r.Kind, r.Name, err)
		}
		close(p.ended)
	}()
	return p, nil
}

// signal sends one; to a process that has ended it does nothing.
func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill kills the process and waits until it is dead.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// endedWithin waits for the end of the process.
func (p *process) endedWithin(d time.Duration) bool {
	select {
	case <-p.ended:
		return true
	case <-time.After(d):
		return false
	}
}

// stop ends the process by SIGTERM, in time.
func (p *process) stop() error {
	p.signal(syscall.SIGTERM)
	return p.finish()
}

// finish waits until the process has ended by itself, in good order.
func (p *process) finish() error {
	if !p.endedWithin(patience) {
		p.kill()
		return fmt.Errorf("%s %s did not end within %v", p.role.Kind, p.role.Name, patience)
	}
	if p.killed {
		return errors.New(p.role.Name + " was killed")
	}
	return p.failed
}

// patience is how long the supervisor waits for what must happen.
const patience = 60 * time.Second

// gauge reads the process's gauge.
func (p *process) gauge() reading { return readGauge(filepath.Join(p.role.Dir, p.role.Name)) }
