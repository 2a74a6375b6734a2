//go:build unix

package exchange

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// stirred waits until something has come on the one idle connection.
func stirred(t *testing.T, c *Client, u *url.URL) {
	cn := c.pool.take(keyOf(u))
	require.NotNil(t, cn)
	require.NoError(t, cn.SetDeadline(time.Now().Add(10*time.Second)))
	require.NoError(t, cn.socket.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK)
		return err != syscall.EAGAIN
	}))
	c.pool.put(cn)
}

const unasked = "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"

// What an endpoint does with an idle connection costs no attempt: neither its
// end, nor an answer that nobody asked for.
func TestIdle(t *testing.T) {
	a := newAuthority(t)
	server := a.issue(t, "hooks.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	for name, then := range map[string]func(p *peer){
		"closes":            func(p *peer) {},
		"resets":            func(p *peer) { p.reset() },
		"answers unasked":   func(p *peer) { p.say(unasked); p.hang() },
		"and then closes":   func(p *peer) { p.say(unasked) },
		"sends a line feed": func(p *peer) { p.say("\n"); p.hang() },
	} {
		for _, scheme := range []string{"http", "https"} {
			t.Run(name+" over "+scheme, func(t *testing.T) {
				logged := captureLog(t)
				idle := make(chan struct{})
				w := serve(t, func(p *peer) {
					if scheme == "https" {
						over := tls.Server(p.Conn, server)
						p.Conn = over
						p.br.Reset(over)
					}
					if p.request() && p.say(ok) {
						<-idle
						then(p)
					}
				})
				c := named(t, w, a.roots())
				u := &url.URL{Scheme: scheme, Host: "hooks.example.com", Path: "/"}
				for range 5 {
					res := post(c, u, 10*time.Second)
					idle <- struct{}{}
					require.True(t, res.Delivered(), "%+v", res)
					stirred(t, c, u)
				}
				require.EqualValues(t, 5, w.requests.Load())
				require.EqualValues(t, 5, w.conns.Load())
				c.CloseIdle()
				require.Empty(t, logged())
			})
		}
	}
}

// gather keeps what is written, to send it in one piece.
type gather struct {
	net.Conn
	on   bool
	held []byte
}

func (g *gather) Write(p []byte) (int, error) {
	if !g.on {
		return g.Conn.Write(p)
	}
	g.held = append(g.held, p...)
	return len(p), nil
}

// What follows an answer may lie in TLS's own buffer, where the socket does
// not show it.
func TestIdleReadAhead(t *testing.T) {
	a := newAuthority(t)
	server := a.issue(t, "hooks.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	for name, then := range map[string]func(*tls.Conn){
		"an answer":              func(over *tls.Conn) { over.Write([]byte(unasked)) },
		"the end of the session": func(over *tls.Conn) { over.CloseWrite() },
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, func(p *peer) {
				g := &gather{Conn: p.Conn}
				over := tls.Server(g, server)
				p.br.Reset(over)
				if p.request() {
					g.on = true
					over.Write([]byte(ok))
					then(over)
					g.Conn.SetWriteDeadline(time.Time{}) // CloseWrite has set it
					g.Conn.Write(g.held)
					p.br.Reset(p.Conn)
					p.hang()
				}
			})
			c := named(t, w, a.roots())
			u := &url.URL{Scheme: "https", Host: "hooks.example.com", Path: "/"}
			for range 5 {
				res := post(c, u, 10*time.Second)
				require.True(t, res.Delivered(), "%+v", res)
			}
			require.EqualValues(t, 5, w.requests.Load())
			require.EqualValues(t, 5, w.conns.Load())
		})
	}
}

// TLS 1.3 sends session tickets after the handshake; they are no sign of death.
func TestReuseOverTLS(t *testing.T) {
	a := newAuthority(t)
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		server := a.issue(t, "hooks.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
		server.MaxVersion = version
		var resumed atomic.Int32
		w := serve(t, func(p *peer) {
			over := tls.Server(p.Conn, server)
			p.br.Reset(over)
			p.Conn = over
			for p.request() {
				if over.ConnectionState().DidResume {
					resumed.Add(1)
				}
				p.say(ok)
			}
		})
		c := named(t, w, a.roots())
		u := &url.URL{Scheme: "https", Host: "hooks.example.com", Path: "/"}
		for range 50 {
			require.True(t, post(c, u, 10*time.Second).Delivered())
		}
		require.EqualValues(t, 1, w.conns.Load())
		require.Zero(t, resumed.Load())
		c.CloseIdle()
		require.True(t, post(c, u, 10*time.Second).Delivered())
		require.EqualValues(t, 2, w.conns.Load())
		require.EqualValues(t, 1, resumed.Load(), "the second connection resumes the session")
	}
}

// A kept connection that fails at the first byte is replaced within the
// attempt. One that took a byte may have delivered the request.
func TestUntouched(t *testing.T) {
	for took, delivered := range map[int]bool{0: true, 1: false} {
		w := serve(t, func(p *peer) {
			for p.request() {
				p.say(ok)
			}
		})
		dial := func(ctx context.Context, network, addr string) (net.Conn, error) {
			got, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &failing{TCPConn: got.(*net.TCPConn), took: took}, err
		}
		c, err := New(Options{Dial: dial, DialPlain: dial})
		require.NoError(t, err)
		require.True(t, post(c, w.url("http"), 5*time.Second).Delivered())
		res := post(c, w.url("http"), 5*time.Second)
		require.Equal(t, delivered, res.Delivered(), "%+v", res)
		require.EqualValues(t, map[bool]int{true: 2, false: 1}[delivered], w.conns.Load())
		c.CloseIdle()
	}
}

// failing lets one write pass.
type failing struct {
	*net.TCPConn
	writes, took int
}

func (f *failing) Write(p []byte) (int, error) {
	if f.writes++; f.writes == 1 {
		return f.TCPConn.Write(p)
	}
	n, _ := f.TCPConn.Write(p[:f.took])
	f.CloseWrite()
	return n, syscall.EPIPE
}
