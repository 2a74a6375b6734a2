package exchange

import (
	"container/list"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// writePatience bounds the wait for the rest of a request whose answer is
// there: an endpoint that refuses a body may never read it.
const writePatience = 50 * time.Millisecond

// conn is a connection to an endpoint. One exchange uses it at a time.
type conn struct {
	net.Conn         // TLS, or the socket itself
	socket   *socket // below TLS
	key      key

	rest    chan struct{} // closed when the rest of a request is written
	restErr error

	kept    bool          // an exchange was made on it
	keep    time.Duration // how long the server says it keeps it
	expires time.Time     // while in the pool
	place   *list.Element // in the pool's order
	probe   [1]byte
}

// silent makes a kept connection ready for an exchange. It reports whether
// nothing has happened on it since the last one: neither its end, nor bytes
// that nobody asked for, which are not a valid response (RFC 9112, section
// 9.2) and would be taken for the next answer. What TLS sends for itself, such
// as session tickets, is read on the way.
func (c *conn) silent(deadline time.Time) bool {
	if !time.Now().Before(c.expires) || c.SetDeadline(deadline) != nil {
		return false
	}
	c.socket.allow(maxWireBytes)
	c.socket.polling = true
	n, err := c.Read(c.probe[:])
	c.socket.polling = false
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	return c.socket.raw != nil || c.SetDeadline(deadline) == nil
}

// write sends a request. The part of a large one that the first write does not
// take goes on by itself, since an endpoint may answer, and read no further,
// before it has everything.
func (c *conn) write(head, body []byte) error {
	c.socket.wrote = false
	n := min(len(body), cap(head)-len(head))
	if _, err := c.Write(append(head, body[:n]...)); err != nil || n == len(body) {
		return err
	}
	c.rest = make(chan struct{})
	go func() {
		defer close(c.rest)
		_, c.restErr = c.Write(body[n:])
	}()
	return nil
}

// written waits for the rest of the request.
func (c *conn) written(deadline time.Time) error {
	if c.rest == nil {
		return nil
	}
	c.SetWriteDeadline(deadline)
	<-c.rest
	c.rest = nil
	return c.restErr
}

// abort closes the connection without a goodbye in TLS, which would wait for
// seconds where the connection is stuck. It may be called at any time.
func (c *conn) abort() { c.socket.Close() }

// socket is a connection as it was dialled.
type socket struct {
	net.Conn
	raw     syscall.RawConn // nil: it cannot be asked without waiting
	polling bool            // Read does not wait
	wrote   bool            // at least a byte
	read    int             // bytes so far
	limit   int             // of read
}

func newSocket(c net.Conn) *socket {
	s := &socket{Conn: c, limit: maxWireBytes}
	if sc, ok := c.(syscall.Conn); ok && canPoll {
		s.raw, _ = sc.SyscallConn()
	}
	return s
}

// Read fails as if its deadline had passed when it is polling and nothing has
// come. TLS recovers from that.
func (s *socket) Read(p []byte) (n int, err error) {
	if s.read >= s.limit {
		return 0, errTooMuch
	}
	p = p[:min(len(p), s.limit-s.read)]
	switch {
	case !s.polling:
		n, err = s.Conn.Read(p)
	case s.raw != nil:
		n, err = poll(s.raw, p)
	default:
		s.SetReadDeadline(time.Now().Add(time.Millisecond))
		n, err = s.Conn.Read(p)
	}
	s.read += n
	return n, err
}

// allow bounds what may be read from now on.
func (s *socket) allow(n int) { s.limit = s.read + n }

func (s *socket) Write(p []byte) (int, error) {
	n, err := s.Conn.Write(p)
	s.wrote = s.wrote || n > 0
	return n, err
}
