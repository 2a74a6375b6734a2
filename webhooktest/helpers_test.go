package webhooktest_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// runs runs a test from an example, once, without the words of go test -v in
// between, so that the example shows what a test prints.
func runs(test func(*testing.T)) {
	verbose := flag.Lookup("test.v").Value.(flag.Getter).Get()
	_ = flag.Set("test.v", "false")
	defer func() { _ = flag.Set("test.v", fmt.Sprint(verbose)) }()
	var once sync.Once
	all := func(_, _ string) (bool, error) { return true, nil }
	if !testing.RunTests(all, []testing.InternalTest{{Name: "Example", F: func(t *testing.T) { once.Do(func() { test(t) }) }}}) {
		fmt.Println("failed")
	}
}

// TestMain counts the goroutines that all the tests together leave behind.
func TestMain(m *testing.M) {
	before := runtime.NumGoroutine()
	code := m.Run()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before && code == 0 {
		buf := make([]byte, 1<<20)
		fmt.Fprintf(os.Stderr, "%d goroutines are left:\n%s\n", n-before, buf[:runtime.Stack(buf, true)])
		code = 1
	}
	os.Exit(code)
}

// fakeT is a test whose failure is looked at.
type fakeT struct {
	testing.TB
	mu     sync.Mutex
	text   strings.Builder
	failed bool
}

func (f *fakeT) Helper() {}

func (f *fakeT) Errorf(format string, args ...any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = true
	fmt.Fprintf(&f.text, format+"\n", args...)
}

func (f *fakeT) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	panic(stopped{})
}

type stopped struct{}

// fails runs check and returns what it failed with, "" if it did not.
func fails(t *testing.T, f *fakeT, check func()) string {
	t.Helper()
	f.text.Reset()
	f.failed = false
	func() {
		defer func() {
			if r := recover(); r != nil && r != (stopped{}) {
				panic(r)
			}
		}()
		check()
	}()
	return f.text.String()
}

func wantFailure(t *testing.T, got string, parts ...string) {
	t.Helper()
	if len(parts) == 0 && got != "" {
		t.Errorf("failed: %s", got)
	}
	for _, p := range parts {
		if !strings.Contains(got, p) {
			t.Errorf("want a failure with %q, got %q", p, got)
		}
	}
}

func wantEqual[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func emit(t *testing.T, d webhook.Emitter, n int) {
	t.Helper()
	for range n {
		_, err := d.Emit(t.Context(), webhook.Event{Account: "acct_test", Type: events.LeadScored, Data: events.LeadScoredData{}})
		noError(t, err)
	}
}
