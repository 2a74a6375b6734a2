package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/internal/guard"
)

func mustURL(t testing.TB, raw string) *url.URL {
	u, err := url.Parse(raw)
	require.NoError(t, err)
	return u
}

// A body of every kind that is read to its end leaves the connection usable.
func TestReuse(t *testing.T) {
	long := strings.Repeat("x", 40<<10)
	for name, answer := range map[string]string{
		"length":     ok,
		"no body":    "HTTP/1.1 204 No Content\r\n\r\n",
		"zero":       "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n",
		"chunked":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n",
		"drained":    fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long),
		"interim":    "HTTP/1.1 103 Early Hints\r\n\r\n" + ok,
		"keep-alive": "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5, max=100\r\nContent-Length: 2\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, func(p *peer) {
				for p.request() {
					p.say(answer)
				}
			})
			c := newClient(t, nil)
			for range 50 {
				res := post(c, w.url("http"), 5*time.Second)
				require.NotZero(t, res.Status, "%+v", res)
				requireClean(t, res.Excerpt)
			}
			require.EqualValues(t, 50, w.requests.Load())
			require.EqualValues(t, 1, w.conns.Load())
		})
	}
}

// After an answer that leaves a doubt the connection is not used again, even if
// the server would go on.
func TestNoReuse(t *testing.T) {
	for name, answer := range map[string]string{
		"says close":         "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.0":           "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"answers twice":      ok + ok,
		"body of a 204":      "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok",
		"chunks and length":  "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
		"broken chunks":      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokk\r\n0\r\n\r\n",
		"no chunk":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"switches protocols": "HTTP/1.1 101 Switching Protocols\r\n\r\n",
		"is too long":        "HTTP/1.1 200 OK\r\nContent-Length: 65537\r\n\r\n" + strings.Repeat("x", 65537),
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, func(p *peer) {
				for p.request() {
					p.say(answer)
				}
			})
			c := newClient(t, nil)
			for range 5 {
				res := post(c, w.url("http"), 5*time.Second)
				require.NotZero(t, res.Status, "%+v", res)
			}
			require.EqualValues(t, 5, w.requests.Load())
			require.EqualValues(t, 5, w.conns.Load())
		})
	}
}

// A server that closes idle connections costs no attempt, and no request is
// ever sent twice, with an Idempotency-Key neither.
func TestIdleClose(t *testing.T) {
	logged := captureLog(t)
	w := serve(t, func(p *peer) {
		if p.request() {
			p.say(ok)
			time.Sleep(time.Millisecond)
		}
	})
	c := newClient(t, nil)
	for i := range 200 {
		res := c.Post(t.Context(), Request{
			URL: w.url("http"), Body: []byte("{}"), Timeout: 5 * time.Second,
			Header: http.Header{"Idempotency-Key": {"k"}},
		})
		if i%4 != 0 {
			time.Sleep(3 * time.Millisecond) // the close has arrived
			require.True(t, res.Delivered() || i > 0, "%+v", res)
		}
		if !res.Delivered() {
			require.Equal(t, ClassReset, res.Class)
		}
	}
	require.LessOrEqual(t, w.requests.Load(), int32(200))
	require.Greater(t, w.requests.Load(), int32(100))
	require.Empty(t, logged())
}

// The connection dies after the request was written: one failed attempt, never
// a silent second request.
func TestNoSilentRepeat(t *testing.T) {
	var n atomic.Int32
	w := serve(t, func(p *peer) {
		for p.request() {
			if n.Add(1)%2 == 0 {
				p.reset()
				return
			}
			p.say(ok)
		}
	})
	c := newClient(t, nil)
	for i := range 40 {
		body := []byte("{}")
		if i%4 > 1 {
			body = nil
		}
		res := c.Post(t.Context(), Request{
			URL: w.url("http"), Body: body, Timeout: 5 * time.Second,
			Header: http.Header{"Idempotency-Key": {"k"}, "X-Idempotency-Key": {"k"}},
		})
		require.Equal(t, i%2 == 0, res.Delivered(), "%d %+v", i, res)
		require.EqualValues(t, i+1, w.requests.Load())
	}
}

func TestKeepAlive(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "max=5": 0, "timeout=x": 0, "timeout=-1": 0,
		"timeout=5": 4 * time.Second, "Max=3, Timeout=60": 59 * time.Second,
		"timeout=0": time.Millisecond, "timeout=9999999999": 3599 * time.Second,
	} {
		require.Equal(t, want, keepAlive(http.Header{"Keep-Alive": {value}}), value)
	}
}

func TestConcurrent(t *testing.T) {
	logged := captureLog(t)
	w := serve(t, func(p *peer) {
		for n := 0; p.request(); n++ {
			p.say(ok)
			if n%7 == 6 {
				p.say(ok)
			}
		}
	})
	c := newClient(t, nil)
	before := runtime.NumGoroutine()
	header := http.Header{"Content-Type": {"application/json"}}
	var wg sync.WaitGroup
	var delivered atomic.Int32
	for range 16 {
		wg.Go(func() {
			for range 50 {
				res := c.Post(t.Context(), Request{URL: w.url("http"), Header: header, Body: []byte("{}"), Timeout: 10 * time.Second})
				if res.Delivered() {
					delivered.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.Greater(t, delivered.Load(), int32(700))
	require.Equal(t, http.Header{"Content-Type": {"application/json"}}, header)
	require.LessOrEqual(t, w.requests.Load(), int32(800))
	c.CloseIdle()
	w.stop()
	settled(t, before)
	require.Empty(t, logged())
}

func TestCanceled(t *testing.T) {
	w := serve(t, keep(""))
	before := runtime.NumGoroutine()
	c := newClient(t, nil)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("endpoint deleted")
	time.AfterFunc(50*time.Millisecond, func() { cancel(stopped) })
	for range 2 { // the second is canceled before it begins
		res := c.Post(ctx, Request{URL: w.url("http"), Timeout: ample})
		require.True(t, res.Canceled, "%+v", res)
		require.Equal(t, ClassCanceled, res.Class)
		require.ErrorIs(t, res.Cause, stopped)
		require.Less(t, res.Took, slack)
	}
	require.EqualValues(t, 1, w.conns.Load())

	// A deadline of the caller's is the caller's too, not the endpoint's.
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer stop()
	res := c.Post(ctx, Request{URL: w.url("http"), Timeout: 5 * time.Second})
	require.True(t, res.Canceled)
	w.stop()
	settled(t, before)
}

func TestDialErrors(t *testing.T) {
	u := mustURL(t, "https://hooks.example.com/hook?token=s3cret")
	for _, tc := range []struct {
		err   error
		class Class
		text  string
	}{
		{&net.OpError{Op: "dial", Err: &guard.Refusal{Code: "url_address", Reason: "10.0.0.7"}}, ClassAddress, "public addresses only"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "x", Server: "10.0.0.53:53", IsNotFound: true}}, ClassDNS, "does not exist"},
		{&net.DNSError{Err: "server misbehaving", Server: "10.0.0.53:53", IsTemporary: true}, ClassDNS, "just now"},
		{&net.DNSError{Err: "i/o timeout", Server: "10.0.0.53:53", IsTimeout: true}, ClassDNS, "just now"},
		{errors.New("something on 10.0.0.7"), ClassInternal, "inside the sender"},
		{context.DeadlineExceeded, ClassConnect, "no connection within 1 s"},
	} {
		c, err := New(Options{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, tc.err }})
		require.NoError(t, err)
		res := post(c, u, time.Second)
		require.Equal(t, tc.class, res.Class, "%+v", res)
		require.Contains(t, res.Error, tc.text)
		require.NotContains(t, res.Error, "10.0.0")
		requireSentence(t, res)
	}
	// Over plain http the address may be public, and is refused all the same.
	refuses := func(context.Context, string, string) (net.Conn, error) {
		return nil, &guard.Refusal{Code: "url_address", Reason: "10.0.0.7"}
	}
	c, err := New(Options{Dial: refuses, DialPlain: refuses})
	require.NoError(t, err)
	res := post(c, mustURL(t, "http://hooks.example.com/"), time.Second)
	require.Equal(t, ClassAddress, res.Class)
	require.Equal(t, textPlainAddress, res.Error)
	requireSentence(t, res)
	for errno, class := range errnos {
		c, err := New(Options{Dial: func(context.Context, string, string) (net.Conn, error) { return nil, &net.OpError{Err: errno} }})
		require.NoError(t, err)
		require.Equal(t, class, post(c, u, time.Second).Class, "%d", errno)
	}
	for name, dial := range map[string]DialFunc{
		"panics": func(context.Context, string, string) (net.Conn, error) { panic("s3cret") },
		"nil":    func(context.Context, string, string) (net.Conn, error) { return nil, nil },
	} {
		c, err := New(Options{Dial: dial})
		require.NoError(t, err)
		res := post(c, u, time.Second)
		require.Equal(t, ClassInternal, res.Class, name)
		requireSentence(t, res)
	}
	// A dialer that heeds only its context ends with the attempt.
	before := runtime.NumGoroutine()
	c, err = New(Options{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	require.NoError(t, err)
	res = post(c, u, 50*time.Millisecond)
	require.Equal(t, ClassConnect, res.Class, "%+v", res)
	settled(t, before)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

type panickyBody struct{ io.Reader }

func (panickyBody) Read([]byte) (int, error) { panic("body") }
func (panickyBody) Close() error             { return nil }

func TestGivenTransport(t *testing.T) {
	for name, rt := range map[string]roundTripper{
		"panics":      func(*http.Request) (*http.Response, error) { panic("boom") },
		"returns nil": func(*http.Request) (*http.Response, error) { return nil, nil },
		"body panics": func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Body: panickyBody{}}, nil
		},
		"fails in words": func(*http.Request) (*http.Response, error) { return nil, errors.New("secret words") },
	} {
		c, err := New(Options{Transport: rt})
		require.NoError(t, err)
		res := post(c, mustURL(t, "https://hooks.example.com/"), time.Second)
		require.Equal(t, ClassInternal, res.Class, name)
		require.Error(t, res.Cause)
		requireSentence(t, res)
		c.CloseIdle()
	}
}

// With net/http's own transport a 101 that nothing follows does not hold the
// attempt: its body would ignore the deadline.
func TestGivenTransportUpgraded(t *testing.T) {
	w := serve(t, func(p *peer) {
		p.request()
		p.say("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		p.hang()
	})
	rt := &http.Transport{}
	defer rt.CloseIdleConnections()
	c, err := New(Options{Transport: rt})
	require.NoError(t, err)
	res := post(c, w.url("http"), 10*time.Second)
	require.Equal(t, ClassStatus, res.Class, "%+v", res)
	require.Equal(t, 101, res.Status)
	require.Less(t, res.Took, 5*time.Second)
}

// A trace in the caller's context is not the exchange's: with net/http's
// transport a Got1xxResponse hook would lift the bound on interim answers.
func TestHidesTrace(t *testing.T) {
	w := serve(t, func(p *peer) {
		for p.request(); p.say(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100)); {
		}
	})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		Got1xxResponse: func(int, textproto.MIMEHeader) error { return nil },
	})
	res := newClient(t, nil).Post(ctx, Request{URL: w.url("http"), Timeout: 5 * time.Second})
	require.Equal(t, ClassHeaders, res.Class, "%+v", res)
}

// In a bubble, over pipes, hours pass in no time.
func TestSynctest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answer := make(chan string, 1)
		pipe := func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			go func() {
				defer there.Close()
				buf := make([]byte, 4096)
				for {
					if _, err := there.Read(buf); err != nil {
						return
					}
					if s := <-answer; s != "" {
						io.WriteString(there, s)
					}
				}
			}()
			return here, nil
		}
		c, err := New(Options{Dial: pipe, DialPlain: pipe})
		require.NoError(t, err)
		u := mustURL(t, "http://hooks.example.com/")
		for range 3 {
			answer <- ok
			require.True(t, post(c, u, time.Hour).Delivered())
			time.Sleep(time.Minute)
		}
		start := time.Now()
		res := post(c, u, 5*time.Hour)
		require.Equal(t, ClassTimeout, res.Class, "%+v", res)
		require.Equal(t, 5*time.Hour, time.Since(start))
		answer <- ""
		c.CloseIdle()
	})
}
