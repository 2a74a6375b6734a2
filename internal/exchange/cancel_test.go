package exchange

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Canceled at any moment, an exchange leaves no connection behind that is not
// fit for the next one: nobody gets another's answer. The server echoes.
func TestCancelRaces(t *testing.T) {
	w := serve(t, func(p *peer) {
		for {
			r, err := http.ReadRequest(p.br)
			if err != nil {
				return
			}
			body, _ := io.ReadAll(r.Body)
			if len(body)%2 == 0 {
				fmt.Fprintf(p, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", len(body))
			} else {
				fmt.Fprintf(p, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
				continue
			}
			p.Write(body)
		}
	})
	before := runtime.NumGoroutine()
	c := newClient(t, nil)
	var wg sync.WaitGroup
	var mu sync.Mutex
	delivered, canceled := 0, 0
	for worker := range 8 {
		wg.Go(func() {
			for i := range 150 {
				ctx, cancel := context.WithCancel(t.Context())
				var stop func() bool
				if d := time.Duration(rand.IntN(1000)) * time.Microsecond; i%2 == 0 {
					stop = time.AfterFunc(d, cancel).Stop
				} else {
					stop = func() bool { return true }
				}
				// Of one width, so that none is the start of another; each way to
				// end a body comes with canceled ones and with others.
				body := fmt.Sprintf("%d %03d%s", worker, i, strings.Repeat(".", i/2%2))
				res := c.Post(ctx, Request{URL: w.url("http"), Body: []byte(body), Timeout: 20 * time.Second})
				whole := stop()
				cancel()
				switch {
				case res.Canceled:
					mu.Lock()
					canceled++
					mu.Unlock()
				case !res.Delivered():
					t.Errorf("%+v", res)
				case whole && string(res.Excerpt) != body, !strings.HasPrefix(body, string(res.Excerpt)):
					t.Errorf("%q was answered %q", body, res.Excerpt)
				default:
					mu.Lock()
					delivered++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	require.GreaterOrEqual(t, delivered, 600)
	require.Positive(t, canceled)
	t.Logf("%d delivered, %d canceled, %d connections", delivered, canceled, w.conns.Load())
	c.CloseIdle()
	w.stop()
	settled(t, before)
}

// canceling cancels its exchange with the last byte of the answer.
type canceling struct {
	net.Conn
	cancel func()
}

func (c *canceling) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if strings.HasSuffix(string(p[:n]), "ok") {
		c.cancel()
	}
	return n, err
}

// A connection that a cancellation is about to close is not kept.
func TestCancelAtTheEnd(t *testing.T) {
	w := serve(t, keep(ok))
	ctx, cancel := context.WithCancel(t.Context())
	dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
		got, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &canceling{got, cancel}, err
	}
	c, err := New(Options{Dial: dial, DialPlain: dial})
	require.NoError(t, err)
	res := c.Post(ctx, Request{URL: w.url("http"), Timeout: 5 * time.Second})
	require.True(t, res.Delivered(), "what was answered stands: %+v", res)
	require.Nil(t, c.pool.take(keyOf(w.url("http"))))
}
