package exchange

import (
	"errors"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errStale       = errors.New("exchange: the kept connection is no longer usable")
	errForeign     = errors.New("exchange: the answer does not begin with HTTP/")
	errUnsolicited = errors.New("exchange: the endpoint sent bytes that nobody asked for")
)

type mode uint8

const (
	quiet    mode = iota // between exchanges: nothing may come
	head                 // a request is being sent: an answer's head may come
	answered             // the head is complete: nothing more until expect
	body                 // as much as expect allows
)

// conn hands net/http an answer and never a byte more.
//
// net/http reads ahead into its own buffer, and when something is left there
// after an answer, or arrives on an idle connection, it prints it through the
// process-wide log: any endpoint could fill the host's log with its own text.
// So reads stop where the head ends and where the body ends. What comes beyond
// closes the connection in silence (RFC 9112, section 9.2: such bytes are not
// a valid response).
type conn struct {
	net.Conn          // TLS, or the same as raw
	raw      net.Conn // the socket

	mu      sync.Mutex
	owner   *exchange
	mode    mode
	scan    headScan
	left    int64  // in mode body: how many bytes may follow
	single  bool   // in mode body: hand out one byte at a time
	hold    []byte // read, but not to be handed out yet; lies in buf
	buf     []byte
	broke   error // what ended the reading of a head
	dead    error // set when the connection must not be used again
	keep    time.Duration
	idledAt time.Time
	closed  atomic.Bool
}

// take gives the connection to an exchange. The one before it is over, even if
// it has not said so yet.
func (c *conn) take(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owner != nil {
		c.rest()
	}
	c.owner = x
}

// release ends an exchange's use, unless the next one already has it.
func (c *conn) release(x *exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.owner != x {
		return
	}
	c.rest()
	c.owner = nil
	c.idledAt = time.Now()
}

func (c *conn) rest() {
	c.mode = quiet
	if len(c.hold) > 0 {
		c.kill(errUnsolicited)
	} else if c.dead != nil {
		c.raw.Close()
	}
}

func (c *conn) kill(why error) {
	if c.dead == nil {
		c.dead = why
	}
	c.raw.Close()
}

// expect opens the connection for the body that the head announced.
func (c *conn) expect(resp *http.Response) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.mode, c.left, c.single = body, math.MaxInt64, false
	switch {
	case resp.ContentLength >= 0:
		c.left = resp.ContentLength
	case !resp.Close && slices.Contains(resp.TransferEncoding, "chunked"):
		// Where a chunked body ends is known only to its reader. Byte by byte
		// it cannot read past the end; such bodies are short, or cut short.
		c.single = true
	}
}

// promise notes how long the server says it keeps the connection.
func (c *conn) promise(h http.Header) {
	keep := keepAlive(h)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = keep
}

// keepAlive is how long the server says it keeps an idle connection, less a
// margin for the way there: a request that crosses the server's close is lost.
func keepAlive(h http.Header) time.Duration {
	for _, line := range h["Keep-Alive"] {
		for part := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
			if n, err := strconv.Atoi(value); err == nil && n >= 0 && strings.EqualFold(name, "timeout") {
				return max(time.Duration(min(n, 3600))*time.Second-time.Second, time.Millisecond)
			}
		}
	}
	return 0
}

// Read is called by one goroutine at a time: net/http's reader of this
// connection, or the exchange that reads a body.
func (c *conn) Read(p []byte) (int, error) {
	c.mu.Lock()
	if c.dead != nil && c.mode == quiet {
		defer c.mu.Unlock()
		return 0, c.dead
	}
	if len(c.hold) > 0 {
		defer c.mu.Unlock()
		n, err := c.admit(p[:copy(p, c.hold)], false)
		c.hold = c.hold[min(n, len(c.hold)):]
		return n, err
	}
	if c.mode == body && c.single {
		c.mu.Unlock()
		return c.readSingle(p)
	}
	if c.mode == body && c.left > 0 && int64(len(p)) > c.left {
		p = p[:c.left]
	}
	c.mu.Unlock()

	n, err := c.Conn.Read(p)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n == 0 {
		if c.mode == head && !c.closed.Load() {
			c.broke = err
		}
		return 0, err
	}
	return c.admit(p[:n], true)
}

// admit decides how many of these bytes may be handed out now. fresh bytes
// beyond them are held back.
func (c *conn) admit(p []byte, fresh bool) (int, error) {
	n := len(p)
	switch {
	case c.mode == head:
		var done bool
		if n, done = c.scan.feed(p); done {
			c.mode = answered
		}
		if c.owner != nil {
			c.owner.heard.Add(int64(n))
		}
		if c.scan.foreign {
			c.kill(errForeign)
			return 0, errForeign
		}
	case c.mode == body && c.single:
		n = 1
	case c.mode == body && c.left > 0:
		n = int(min(int64(n), c.left))
		c.left -= int64(n)
	default:
		c.hold = nil
		c.kill(errUnsolicited)
		return 0, errUnsolicited
	}
	if fresh {
		c.stash(p[n:])
	}
	return n, nil
}

// readSingle reads ahead into the hold, so that single bytes do not cost a
// system call each.
func (c *conn) readSingle(p []byte) (int, error) {
	c.buf = slices.Grow(c.buf[:0], 512)[:512]
	n, err := c.Conn.Read(c.buf)
	if n == 0 || len(p) == 0 {
		return 0, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	p[0] = c.buf[0]
	c.hold = c.buf[1:n]
	return 1, nil
}

func (c *conn) stash(p []byte) {
	c.buf = append(c.buf[:0], p...)
	c.hold = c.buf
}

// Write starts the exchange on the wire with its first byte.
//
// A server that answers early and closes makes the rest of the request fail,
// and net/http would report the broken pipe instead of the answer. So a write
// that fails after the first byte is not reported: the reader gets the answer,
// or the reason there is none, and the connection is not used again (RFC 9112,
// section 9.6).
func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	x := c.owner
	if c.mode == quiet {
		if c.dead == nil && c.keep > 0 && time.Since(c.idledAt) > c.keep {
			c.dead = errStale
		}
		if c.dead != nil {
			defer c.mu.Unlock()
			return 0, c.dead
		}
		c.mode, c.scan = head, headScan{}
	}
	c.mu.Unlock()

	n, err := c.Conn.Write(p)
	if x == nil {
		return n, err
	}
	wrote := x.wrote.Add(int64(n))
	if err == nil || c.closed.Load() || x.reused && wrote == 0 {
		return n, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = err
	return len(p), nil
}

// why adds to an error of net/http what the connection saw itself: a head that
// breaks off is reported as a malformed one.
func (c *conn) why(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return errors.Join(c.broke, c.dead, err)
}

// Close says goodbye in TLS only on a quiet connection: on one that is stuck,
// the goodbye itself would wait for seconds.
func (c *conn) Close() error {
	c.closed.Store(true)
	c.mu.Lock()
	polite := c.mode == quiet && c.dead == nil
	c.mu.Unlock()
	if polite {
		return c.Conn.Close()
	}
	return c.raw.Close()
}
