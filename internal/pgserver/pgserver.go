// Package pgserver starts throwaway PostgreSQL servers for tests.
package pgserver

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Env names the variable with the connection string of a superuser on a server
// that tests may use instead of one of their own.
const Env = "WEBHOOK_TEST_POSTGRES"

// Use returns the connection string of a server for tests: the one that Env
// names, or a new one. stop ends what was started.
func Use() (dsn string, stop func(), err error) {
	if dsn = os.Getenv(Env); dsn != "" {
		return dsn, func() {}, nil
	}
	s, err := Start()
	if err != nil {
		return "", nil, err
	}
	return s.DSN(), s.Stop, nil
}

// A Server is a running server with a directory of its own, which Stop removes.
// It listens on a free port of the loopback address and trusts everybody there.
// fsync is on.
type Server struct {
	bin, dir string
	port     int
	settings []string
	process  *exec.Cmd
	alive    io.Closer // the process ends the server when this is closed
}

// Start starts a server; settings are further ones, like "work_mem=1MB". As root
// it runs the server as postgres or nobody, since it refuses to run as root.
func Start(settings ...string) (*Server, error) {
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, settings: settings}
	if err := s.initialise(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	if err := s.Restart(); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Server) initialise() (err error) {
	if s.port, err = freePort(); err != nil {
		return err
	}
	sys, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	initdb := exec.Command(filepath.Join(s.bin, "initdb"), "-D", s.data(), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
	initdb.Dir, initdb.SysProcAttr = s.dir, sys
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// Log is the name of the file that the server writes its messages to.
func (s *Server) Log() string { return filepath.Join(s.dir, "log") }

// DSN is the connection string of the superuser postgres.
func (s *Server) DSN() string {
	return fmt.Sprintf("host=127.0.0.1 port=%d user=postgres dbname=postgres sslmode=disable", s.port)
}

// Restart starts the server if it does not run, and waits until it answers.
func (s *Server) Restart() error {
	if s.alive != nil {
		return nil
	}
	sys, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	logFile, err := os.OpenFile(s.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }()
	// The shell ends the server when its standard input does: also when the
	// test binary panics or is killed.
	const watch = `"$@" </dev/null & pid=$!; cat >/dev/null; kill -INT $pid 2>/dev/null; wait $pid`
	args := []string{"-c", watch, "sh", filepath.Join(s.bin, "postgres"), "-D", s.data(), "-p", strconv.Itoa(s.port), "-k", s.dir}
	for _, set := range append([]string{
		"listen_addresses=127.0.0.1", "fsync=on", "max_connections=300", "shared_buffers=128MB", "log_min_messages=warning",
		"deadlock_timeout=1s", "max_wal_size=2GB", "autovacuum_naptime=5s",
	}, s.settings...) {
		args = append(args, "-c", set)
	}
	p := exec.Command("sh", args...)
	p.Dir, p.SysProcAttr, p.Stdout, p.Stderr = s.dir, sys, logFile, logFile
	alive, err := p.StdinPipe()
	if err != nil {
		return err
	}
	if err := p.Start(); err != nil {
		return err
	}
	s.process, s.alive = p, alive
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if s.ready() {
			return nil
		}
		if time.Now().After(end) {
			words, _ := os.ReadFile(s.Log())
			return fmt.Errorf("PostgreSQL does not come up: %s", words)
		}
	}
}

// ready says whether the server accepts connections: its process file then says
// so in its last line.
func (s *Server) ready() bool {
	b, err := os.ReadFile(filepath.Join(s.data(), "postmaster.pid"))
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return err == nil && len(lines) >= 8 && strings.TrimSpace(lines[7]) == "ready"
}

// Crash ends the server as pg_ctl stop -m immediate does: at once, without a
// checkpoint, so that it recovers from its log when it is started again.
func (s *Server) Crash() error {
	if s.alive == nil {
		return nil
	}
	sys, err := unprivileged(s.dir)
	if err != nil {
		return err
	}
	ctl := exec.Command(filepath.Join(s.bin, "pg_ctl"), "stop", "-m", "immediate", "-w", "-t", "60", "-D", s.data())
	ctl.Dir, ctl.SysProcAttr = s.dir, sys
	if out, err := ctl.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_ctl: %w\n%s", err, out)
	}
	s.end()
	return nil
}

// Stop ends the server and removes its directory.
func (s *Server) Stop() {
	s.end()
	_ = os.RemoveAll(s.dir)
}

func (s *Server) end() {
	if s.alive != nil {
		_ = s.alive.Close()
		_ = s.process.Wait()
		s.alive = nil
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}

var errMissing = errors.New(`no PostgreSQL for the tests: install version 15 or newer (on Debian and Ubuntu
"apt-get install postgresql"), so that initdb and postgres are on PATH or in
/usr/lib/postgresql/*/bin, or set ` + Env + ` to the connection
string of a superuser on a server that the tests may use`)
