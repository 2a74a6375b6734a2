package interop

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program returns the path of a program that the tests need.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing; on Debian and Ubuntu: sudo make programs, or sudo apt-get install nodejs npm python3 openssl", name)
	}
	return path
}

// pythonWith returns the path of a Python that has the modules: the first on
// PATH, or that of the system, which has those of its packages.
func pythonWith(t *testing.T, modules ...string) string {
	t.Helper()
	for _, path := range []string{program(t, "python3"), "/usr/bin/python3"} {
		if exec.Command(path, "-c", "import "+strings.Join(modules, ", ")).Run() == nil {
			return path
		}
	}
	t.Fatalf("no python3 has %s; on Debian and Ubuntu: sudo make programs, or sudo apt-get install python3-%s",
		strings.Join(modules, ", "), strings.Join(modules, " python3-"))
	return ""
}

// npmCI installs what package-lock.json names, unless it is there.
var npmCI = sync.OnceValue(func() error {
	lock, err := os.Stat("package-lock.json")
	if err != nil {
		return err
	}
	installed, err := os.Stat("node_modules/.package-lock.json")
	if err == nil && installed.ModTime().After(lock.ModTime()) {
		return nil
	}
	if out, err := exec.Command("npm", "ci").CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
})

// node returns the path of node, with the packages installed.
func node(t *testing.T) string {
	t.Helper()
	path := program(t, "node")
	program(t, "npm")
	if err := npmCI(); err != nil {
		t.Fatal(err)
	}
	return path
}

// serve starts a server that listens on $PORT of this machine and ends with
// the test, and returns its URL once it accepts connections.
func serve(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	address := freeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command(name, args...)
	cmd.Env = append(append(os.Environ(), env...), "PORT="+port, "PYTHONDONTWRITEBYTECODE=1")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), &said)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
			return "http://" + address
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s %q does not listen: %v", name, args, err)
		}
		select {
		case <-ended:
			t.Fatalf("%s %q ended before it listened", name, args)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// freeAddress is one that nothing listens on, below the ports that are given
// to whoever asks for any.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000))
		if l, err := net.Listen("tcp", address); err == nil {
			l.Close()
			return address
		}
	}
	t.Fatal("no free port was found")
	return ""
}
