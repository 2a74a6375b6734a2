package webhooktest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook/webhooktest"
)

func newNetwork(t *testing.T) (*webhooktest.Network, *http.Client) {
	n := webhooktest.NewNetwork()
	t.Cleanup(func() { noError(t, n.Close()) })
	return n, &http.Client{Transport: n.Transport()}
}

func text(s string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, s+" "+r.Proto+" "+r.Host) })
}

func get(c *http.Client, url string) (string, error) {
	resp, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

func TestNetworkHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, c := newNetwork(t)
		n.Handle("a.example.com", text("a"))
		n.Handle("B.example.com:8443", text("b"))
		n.Handle("c.example.com", nil)
		for url, want := range map[string]string{
			"https://a.example.com/":      "a HTTP/1.1 a.example.com",
			"http://A.example.com:81/x":   "a HTTP/1.1 A.example.com:81",
			"https://b.example.com:8443/": "b HTTP/1.1 b.example.com:8443",
		} {
			got, err := get(c, url)
			noError(t, err)
			wantEqual(t, url, got, want)
		}
		for _, url := range []string{"https://b.example.com/", "https://x.example.com/"} {
			var dns *net.DNSError
			if _, err := get(c, url); !errors.As(err, &dns) || !dns.IsNotFound {
				t.Errorf("%s: %v, want a host that is not found", url, err)
			}
		}
		if _, err := get(c, "https://c.example.com/"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("got %v, want a refused connection", err)
		}
		n.Handle("a.example.com", text("another"))
		got, err := get(c, "https://a.example.com/")
		noError(t, err)
		wantEqual(t, "replaced", got, "another HTTP/1.1 a.example.com")
		n.Handle("a.example.com", nil)
		if _, err := get(c, "https://a.example.com/"); err == nil {
			t.Error("want the kept connection dropped")
		}
	})
}

func TestNetworkKeepsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, c := newNetwork(t)
		n.Handle("a.example.com", text("a"))
		reused := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) {
			if i.Reused {
				reused++
			}
		}})
		for range 3 {
			req, err := http.NewRequestWithContext(ctx, "POST", "https://a.example.com/", strings.NewReader("x"))
			noError(t, err)
			resp, err := c.Do(req)
			noError(t, err)
			_, _ = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
			synctest.Wait()
		}
		wantEqual(t, "reused", reused, 2)
	})
}

func TestNetworkTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, c := newNetwork(t)
		ended := make(chan time.Time, 1)
		n.Handle("a.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			ended <- time.Now()
		}))
		c.Timeout = 15 * time.Second
		began := time.Now()
		_, err := get(c, "https://a.example.com/")
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("got %v, want a timeout", err)
		}
		wantEqual(t, "waited", time.Since(began), 15*time.Second)
		wantEqual(t, "the handler waited", (<-ended).Sub(began), 15*time.Second)
	})
}

func TestNetworkClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, c := newNetwork(t)
		left := false
		n.Handle("a.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			<-r.Context().Done()
			time.Sleep(time.Second)
			left = true
		}))
		failed := make(chan error)
		go func() { _, err := get(c, "https://a.example.com/"); failed <- err }()
		synctest.Wait()
		noError(t, n.Close())
		wantEqual(t, "the handler has returned", left, true)
		if <-failed == nil {
			t.Error("want the request to fail")
		}
		if _, err := get(c, "https://a.example.com/"); err == nil || !strings.Contains(err.Error(), "closed") {
			t.Errorf("got %v, want the network closed", err)
		}
		noError(t, n.Close())
	})
	noError(t, webhooktest.NewNetwork().Close())
}

func TestNetworkCanceledDial(t *testing.T) {
	n, c := newNetwork(t)
	n.Handle("a.example.com", text("a"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, err := http.NewRequestWithContext(ctx, "GET", "https://a.example.com/", nil)
	noError(t, err)
	if _, err := c.Do(req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestNetworkAnswers mounts answers by themselves.
func TestNetworkAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, c := newNetwork(t)
		c.Timeout = time.Second
		n.Handle("a.example.com", webhooktest.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })))
		n.Handle("b.example.com", webhooktest.Hang())
		large := strings.Repeat("x", 1<<20)
		resp, err := c.Post("https://a.example.com/", "text/plain", strings.NewReader(large))
		noError(t, err)
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		noError(t, err)
		wantEqual(t, "the body comes back", string(b) == large, true)
		if _, err := c.Post("https://b.example.com/", "text/plain", strings.NewReader(large)); err == nil {
			t.Error("want a timeout")
		}
	})
}

// TestNetworkUnread answers before the body was read, which a sender that
// writes it into an unbuffered pipe has to survive.
func TestNetworkUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, c := newNetwork(t)
		n.Handle("a.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) }))
		resp, err := c.Post("https://a.example.com/", "text/plain", strings.NewReader(strings.Repeat("x", 4<<20)))
		noError(t, err)
		resp.Body.Close()
		wantEqual(t, "status", resp.StatusCode, 413)
	})
}
