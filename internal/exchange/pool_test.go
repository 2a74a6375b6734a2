package exchange

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// closing tells when it was closed.
type closing struct {
	net.Conn
	closed atomic.Bool
}

func (c *closing) Close() error { c.closed.Store(true); return nil }

func idleConn(p *pool, host string, keep time.Duration) *closing {
	raw := new(closing)
	c := &conn{socket: newSocket(raw), key: key{"https", host}, keep: keep}
	c.Conn = c.socket
	p.put(c)
	return raw
}

func taken(p *pool, host string) net.Conn {
	if c := p.take(key{"https", host}); c != nil {
		return c.socket.Conn
	}
	return nil
}

func TestPoolBounds(t *testing.T) {
	p := newPool(2, 3)
	a1, b1 := idleConn(p, "a", 0), idleConn(p, "b", 0)
	a2, a3 := idleConn(p, "a", 0), idleConn(p, "a", 0)
	require.True(t, a3.closed.Load(), "two are kept for a host")
	c1 := idleConn(p, "c", 0)
	require.True(t, a1.closed.Load(), "three in all, the longest idle one goes")
	require.Same(t, a2, taken(p, "a"))
	require.Nil(t, taken(p, "a"))
	require.Same(t, b1, taken(p, "b"))
	p.closeAll()
	require.True(t, c1.closed.Load())
	require.Nil(t, taken(p, "c"))
	require.False(t, a2.closed.Load() || b1.closed.Load(), "those in use are not the pool's")
	require.Nil(t, p.timer)
	require.Empty(t, p.idle)
	require.Zero(t, p.order.Len())
}

func TestPoolTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(10, 10)
		early, hinted := idleConn(p, "a", 0), idleConn(p, "a", 5*time.Second)
		time.Sleep(60 * time.Second)
		late := idleConn(p, "a", time.Hour)
		synctest.Wait()
		require.True(t, hinted.closed.Load())
		require.False(t, early.closed.Load())
		time.Sleep(idleConnTimeout + sweepEvery - 60*time.Second + time.Millisecond)
		synctest.Wait()
		require.True(t, early.closed.Load())
		require.False(t, late.closed.Load())
		time.Sleep(60 * time.Second)
		synctest.Wait()
		require.True(t, late.closed.Load())
		require.Nil(t, p.timer)
		require.Empty(t, p.idle)
	})
}

// A connection is not used when its server is about to close it.
func TestKeepHint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conns := 0
		dial := func(context.Context, string, string) (net.Conn, error) {
			conns++
			here, there := net.Pipe()
			go func() {
				buf := make([]byte, 4096)
				for {
					if _, err := there.Read(buf); err != nil {
						return
					}
					fmt.Fprint(there, "HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n")
				}
			}()
			return here, nil
		}
		c, err := New(Options{Dial: dial, DialPlain: dial})
		require.NoError(t, err)
		defer c.CloseIdle()
		for _, step := range []struct {
			wait  time.Duration
			conns int
		}{{0, 1}, {3900 * time.Millisecond, 1}, {4 * time.Second, 2}, {time.Second, 2}} {
			time.Sleep(step.wait)
			require.True(t, post(c, &url.URL{Scheme: "http", Host: "hooks.example.com"}, time.Minute).Delivered())
			require.Equal(t, step.conns, conns)
		}
	})
}
