package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify/verifytest"
)

var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "receiver")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "receiver.exe")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return program, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if program, err := built(); err == nil {
		_ = os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(code)
}

// started runs the program; stop ends it and returns what it has printed.
func started(t *testing.T, secret string, args ...string) (url string, stop func() string) {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append(args, "--addr", "127.0.0.1:0")...)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	first, err := lines.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceValue(func() string {
		_ = cmd.Process.Signal(os.Interrupt)
		rest, err := io.ReadAll(lines)
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
		if err != nil {
			t.Error(err)
		}
		return string(rest)
	})
	t.Cleanup(func() { stop() })
	return strings.TrimSpace(strings.TrimPrefix(first, "listening on ")), stop
}

// sent emits a lead.scored to the URL, and returns its record when it is decided.
func sent(t *testing.T, url, secret string, timeout time.Duration) webhook.DeliveryRecord {
	t.Helper()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		AllowPrefixes:  []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		AllowPlainHTTP: true,
		Timeout:        timeout,
		Retry:          webhook.Schedule{time.Millisecond, time.Millisecond, time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	e, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{
		Account: "acct_1", Name: "Laptop", URL: url, Events: []webhook.EventType{events.LeadScored}, Secret: webhook.Secret(secret),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}()
	if _, err := d.Emit(t.Context(), webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: events.All()[1].Sample()}); err != nil {
		t.Fatal(err)
	}
	if err := d.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := d.ListDeliveries(t.Context(), webhook.DeliveryQuery{Account: "acct_1", Endpoint: e.ID})
	if err != nil || len(page) != 1 {
		t.Fatalf("%d deliveries, %v", len(page), err)
	}
	return page[0]
}

func statuses(r webhook.DeliveryRecord) string {
	var list []string
	for _, a := range r.Attempts {
		list = append(list, fmt.Sprint(a.Status))
	}
	return strings.Join(list, " ")
}

func wantSaid(t *testing.T, out string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(out, w) {
			t.Errorf("it does not say %q:\n%s", w, out)
		}
	}
}

const secret = "a secret of sixteen or more"

func TestReceiver(t *testing.T) {
	for name, c := range map[string]struct {
		args     []string
		timeout  time.Duration
		statuses string
		said     []string
	}{
		"prints":  {nil, 0, "204", []string{" lead.scored\n", "  id 0", "  happened at 20", `    "lead": {`, `      "overall": `, "answered 204"}},
		"fails":   {[]string{"--answer", "500", "--first", "2"}, 0, "500 500 204", []string{"answered 500", "for the 3. time: a duplicate", "answered 204"}},
		"is busy": {[]string{"--answer", "503", "--retry-after", "1", "--first", "1"}, 0, "503 204", []string{"answered 503"}},
		"is slow": {[]string{"--slow", "100ms"}, 0, "204", []string{"waits 100ms"}},
		"hangs":   {[]string{"--hang", "--first", "1"}, 2 * time.Second, "0 204", []string{"does not answer", "the sender has hung up"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, stop := started(t, secret, c.args...)
			if got := statuses(sent(t, url, secret, c.timeout)); got != c.statuses {
				t.Errorf("the attempts were answered %q, want %q", got, c.statuses)
			}
			wantSaid(t, stop(), c.said...)
		})
	}
}

// What does not verify is explained, in the terminal and not in the answer.
func TestReceiverExplains(t *testing.T) {
	url, stop := started(t, secret)
	for _, sign := range []string{secret + "\n", "somebody else's secret"} {
		req, err := http.NewRequest(http.MethodPost, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		verifytest.Sign(req, sign, []byte(`{"event":"lead.created","timestamp":"2026-11-23T10:15:30.123Z","data":{}}`), nil)
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(res.Body)
		if res.Body.Close(); err != nil || res.StatusCode != 401 || string(answer) != "Unauthorized\n" {
			t.Errorf("answered %d %q, %v", res.StatusCode, answer, err)
		}
	}
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	wantSaid(t, stop(), "REFUSED", "with a line break at its end", "No known mistake", "not POST")
}

// Without a secret it makes one that a webhook can be registered with.
func TestReceiverMakesASecret(t *testing.T) {
	url, stop := started(t, "")
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	verifytest.Sign(req, secret, []byte("{}"), nil)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if res.Body.Close(); res.StatusCode != 401 {
		t.Errorf("answered %d", res.StatusCode)
	}
	_, made, _ := strings.Cut(stop(), "with the secret ")
	made, _, _ = strings.Cut(made, "\n")
	d, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{
		Account: "acct_1", Name: "Laptop", URL: "https://tunnel.example.com", Events: []webhook.EventType{events.LeadScored}, Secret: webhook.Secret(made),
	}); err != nil || !strings.HasPrefix(made, "whsec_") {
		t.Errorf("it made %q: %v", made, err)
	}
}

func TestReceiverFlags(t *testing.T) {
	for want, args := range map[string][]string{"200 to 599": {"--answer", "7"}, "is no flag": {"hang"}, "WEBHOOK_SECRET: verify: secret: empty": nil} {
		key := secret
		if args == nil {
			key = " "
		}
		if err := run(t.Context(), io.Discard, args, key); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", args, err, want)
		}
	}
}
