package exchange

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// short is the timeout of exchanges that are expected to run into it, ample that
// of the others, and slack what a loaded machine may add: an exchange that waits
// for an ample timeout, which it should not, takes longer than that.
const (
	short = 700 * time.Millisecond
	ample = time.Minute
	slack = 12 * time.Second
)

// wire is a server scripted at the level of bytes.
type wire struct {
	ln       net.Listener
	conns    atomic.Int32
	requests atomic.Int32
	over     chan struct{} // closed when the test is done
	wg       sync.WaitGroup
}

// peer is the server's side of one connection.
type peer struct {
	net.Conn
	br *bufio.Reader
	w  *wire
}

func serve(t testing.TB, script func(p *peer)) *wire {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	return serveOn(t, ln, script)
}

func serveOn(t testing.TB, ln net.Listener, script func(p *peer)) *wire {
	w := &wire{ln: ln, over: make(chan struct{})}
	w.wg.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			w.conns.Add(1)
			w.wg.Go(func() {
				defer c.Close()
				script(&peer{Conn: c, br: bufio.NewReader(c), w: w})
			})
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *wire) stop() {
	select {
	case <-w.over:
		return
	default:
	}
	close(w.over)
	w.ln.Close()
	w.wg.Wait()
}

func (w *wire) url(scheme string) *url.URL {
	return &url.URL{Scheme: scheme, Host: w.ln.Addr().String(), Path: "/hook"}
}

// request reads one whole request, false at the end of the stream.
func (p *peer) request() bool {
	r, err := http.ReadRequest(p.br)
	if err != nil {
		return false
	}
	p.w.requests.Add(1)
	_, err = io.Copy(io.Discard, r.Body)
	return err == nil
}

func (p *peer) say(s string) bool {
	_, err := io.WriteString(p, s)
	return err == nil
}

// hang waits for the client to go away, or for the end of the test.
func (p *peer) hang() {
	done := make(chan struct{})
	go func() { io.Copy(io.Discard, p.br); close(done) }()
	select {
	case <-done:
	case <-p.w.over:
		p.Close()
		<-done
	}
}

// drip sends a byte every few milliseconds, for ever.
func (p *peer) drip(s string) {
	for i := 0; p.say(s[i%len(s) : i%len(s)+1]); i++ {
		select {
		case <-p.w.over:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// reset closes so that the other side sees a RST.
func (p *peer) reset() {
	if c, ok := p.Conn.(*net.TCPConn); ok {
		c.SetLinger(0)
	}
	p.Close()
}

func newClient(t testing.TB, roots *tls.Config) *Client {
	d := new(net.Dialer)
	c, err := New(Options{Dial: d.DialContext, DialPlain: d.DialContext, TLS: roots})
	require.NoError(t, err)
	t.Cleanup(c.CloseIdle)
	return c
}

// patience is the timeout for a case: ample, unless it has to be run into.
func patience(c Class) time.Duration {
	if c == ClassTimeout || c == ClassConnect {
		return short
	}
	return ample
}

func post(c *Client, u *url.URL, timeout time.Duration) Result {
	return c.Post(context.Background(), Request{
		URL:     u,
		Header:  http.Header{"Content-Type": {"application/json"}},
		Body:    []byte(`{"type":"lead.scored"}`),
		Timeout: timeout,
	})
}

// captureLog redirects the process-wide log for the test.
func captureLog(t testing.TB) func() string {
	var mu sync.Mutex
	var buf bytes.Buffer
	old := log.Writer()
	log.SetOutput(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return buf.Write(p)
	}))
	t.Cleanup(func() { log.SetOutput(old) })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		return buf.String()
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// settled waits until there are no more goroutines than before.
func settled(t testing.TB, before int) {
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; {
		if time.Now().After(end) {
			buf := make([]byte, 64<<10)
			t.Fatalf("goroutines: %d, were %d\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func requireClean(t testing.TB, excerpt []byte) {
	require.LessOrEqual(t, len(excerpt), MaxExcerptBytes)
	require.True(t, utf8.Valid(excerpt))
	for _, r := range string(excerpt) {
		require.False(t, r < ' ' && r != '\t' && r != '\n' || r >= 0x7f && r <= 0x9f, "%q", r)
	}
}

// requireSentence checks what every sentence has to be.
func requireSentence(t testing.TB, res Result) {
	if res.Class == "" {
		require.Empty(t, res.Error)
		return
	}
	require.NotEmpty(t, res.Error)
	require.LessOrEqual(t, len(res.Error), 300)
	require.Equal(t, printable(strings.ReplaceAll(res.Error, " ", ""), 300), strings.ReplaceAll(res.Error, " ", ""))
	for _, never := range []string{"127.0.0.1:", "net/http", "dial tcp", "EOF", "0x", "token", "lead.scored"} {
		require.NotContains(t, res.Error, never)
	}
}
