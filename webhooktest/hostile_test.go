package webhooktest_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/autoreach/webhook/webhooktest"
)

// TestHostileBehaviours: each constant is listed, once, and says what it does.
func TestHostileBehaviours(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "hostile_behaviour.go", nil, parser.ParseComments)
	noError(t, err)
	var declared []webhooktest.Behaviour
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		noError(t, err)
		declared = append(declared, webhooktest.Behaviour(text))
		if spec.Comment.Text() == "" {
			t.Errorf("%s has no comment", spec.Names[0])
		}
		return false
	})
	if listed := webhooktest.HostileBehaviours(); !slices.Equal(listed, declared) {
		t.Errorf("listed are %q, declared %q", listed, declared)
	}
	slices.Sort(declared)
	wantEqual(t, "different ones", len(slices.Compact(declared)), len(webhooktest.HostileBehaviours()))
}

// TestHostileClose: a server ends, whatever it is doing and however stubborn
// its client is. TestMain counts the goroutines.
func TestHostileClose(t *testing.T) {
	for _, b := range webhooktest.HostileBehaviours() {
		t.Run(string(b), func(t *testing.T) {
			h := webhooktest.NewHostile(t, b)
			u, err := url.Parse(h.URL)
			noError(t, err)
			c, err := net.Dial("tcp", u.Host)
			if b == webhooktest.Refused {
				wantEqual(t, "refused", errors.Is(err, syscall.ECONNREFUSED), true)
				return
			}
			noError(t, err)
			defer c.Close()
			_, _ = io.WriteString(c, "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
			eventually(t, func() bool { return h.Connections() == 1 })
			h.Close()
			h.Close()
			wantEqual(t, "open", h.Open(), 0)
			if _, err := net.Dial("tcp", u.Host); err == nil {
				t.Error("it still listens")
			}
		})
	}
}

// TestHostileCounts: what a careless client does is seen.
func TestHostileCounts(t *testing.T) {
	careless := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{}}
	defer careless.CloseIdleConnections()
	post := func(h *webhooktest.Hostile) (*http.Response, error) {
		t.Helper()
		resp, err := careless.Post(h.URL, "text/plain", strings.NewReader("x"))
		if err == nil {
			noError(t, resp.Body.Close())
		}
		return resp, err
	}

	followed := webhooktest.NewHostile(t, webhooktest.Redirect307)
	if _, err := post(followed); err == nil || !strings.Contains(err.Error(), "10 redirects") {
		t.Errorf("got %v, want that it gave up", err)
	}
	wantEqual(t, "requests", followed.Requests(), 10)
	wantEqual(t, "connections", followed.Connections(), 1)
	wantEqual(t, "open", followed.Open(), 1)
	careless.CloseIdleConnections()
	eventually(t, func() bool { return followed.Open() == 0 })

	trusting := careless.Transport.(*http.Transport)
	trusting.TLSClientConfig = followed.TLS()
	for b, want := range map[webhooktest.Behaviour]string{
		webhooktest.CertificateExpired:          "expired",
		webhooktest.CertificateUnknownAuthority: "unknown authority",
		webhooktest.CertificateWrongHost:        "127.0.0.1",
		webhooktest.TLSOldVersion:               "protocol version",
	} {
		h := webhooktest.NewHostile(t, b)
		if _, err := post(h); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", b, err, want)
		}
		wantEqual(t, "requests", h.Requests(), 0)
		wantEqual(t, "connections", h.Connections(), 1)
	}
}

// TestHostileBomb: the bomb is what it says.
func TestHostileBomb(t *testing.T) {
	h := webhooktest.NewHostile(t, webhooktest.GzipBomb)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	resp, err := client.Post(h.URL, "text/plain", nil)
	noError(t, err)
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body) // it was sent as gzip, and net/http inflates
	noError(t, err)
	wantEqual(t, "inflated", n, 100<<20)
}

func TestHostileUnknown(t *testing.T) {
	f := &fakeT{TB: t}
	wantFailure(t, fails(t, f, func() { webhooktest.NewHostile(f, "polite") }), `"polite" is no behaviour`)
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("not within 10 seconds")
		}
	}
}
