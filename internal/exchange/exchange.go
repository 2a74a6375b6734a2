package exchange

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

// phase is how far an exchange has come.
type phase uint8

const (
	phaseStart phase = iota // with a transport that was given, for good
	phaseDial               // resolving and connecting
	phaseTLS                // shaking hands
	phaseReady              // holds a connection
)

// exchange is one attempt and what was seen of it.
type exchange struct {
	Request
	ctx      context.Context // the caller's
	deadline time.Time
	phase    phase
	heard    bool // something of an answer came
	hinted   bool // the server asked for a client certificate
}

// ended says why the caller's context is over, nil while it is not. What waits
// for a context's deadline may notice it before the context does.
func (x *exchange) ended() error {
	if x.ctx.Err() != nil {
		return context.Cause(x.ctx)
	}
	if d, ok := x.ctx.Deadline(); ok && !time.Now().Before(d) {
		return context.DeadlineExceeded
	}
	return nil
}

// within is the time in d from now, or the end of the attempt.
func (x *exchange) within(d time.Duration) time.Time {
	if t := time.Now().Add(d); t.Before(x.deadline) {
		return t
	}
	return x.deadline
}

// send makes the exchange on a kept connection, or on a new one.
func (c *Client) send(x *exchange) Result {
	buf := buffers.Get().(*buffer)
	defer buffers.Put(buf)
	head, err := appendHead(buf[:0], &x.Request)
	if err != nil {
		return internal(err)
	}
	if kept := c.kept(x); kept != nil {
		if res, untouched := c.on(kept, x, head, buf); !untouched {
			return res
		}
	}
	fresh, err := c.dialer.dial(x)
	if err != nil {
		return x.failure(err)
	}
	res, _ := c.on(fresh, x, head, buf)
	return res
}

// kept takes a connection from the pool, stepping over those that died.
func (c *Client) kept(x *exchange) *conn {
	for {
		cn := c.pool.take(keyOf(x.URL))
		if cn == nil || cn.silent(x.deadline) {
			return cn
		}
		cn.abort()
	}
}

// on makes the exchange on a connection, whose deadline is set. It reports
// untouched when a kept connection failed before a single byte was written to
// it: nothing was sent, so going on with another one is still the same attempt.
// A connection that failed later may have delivered the request.
func (c *Client) on(cn *conn, x *exchange, head []byte, buf *buffer) (res Result, untouched bool) {
	x.phase = phaseReady
	reusable := false
	stop := context.AfterFunc(x.ctx, cn.abort)
	defer func() {
		if stop() && reusable { // or else the connection is being closed
			c.pool.put(cn)
			return
		}
		cn.abort()
		cn.written(x.deadline)
	}()

	lost := cn.write(head, x.Body)
	if lost != nil && cn.kept && !cn.socket.wrote && !isTimeout(lost) {
		return Result{}, true
	}
	in := newReader(cn)
	defer in.release()
	a, err := in.answer()
	x.heard = in.heard
	if err != nil {
		return x.failure(errors.Join(err, lost)), false
	}
	// From here on the status decides alone: a body that misbehaves takes
	// nothing back.
	res = judge(x, a.status, a.header)
	if a.status == http.StatusSwitchingProtocols {
		return res, false // what follows is another protocol
	}
	if !in.buffered() {
		cn.SetReadDeadline(x.within(bodyPatience))
	}
	res.Excerpt, err = c.readBody(in, buf, a.worthReading())
	reusable = err == io.EOF && !a.close && in.empty() &&
		lost == nil && cn.written(x.within(writePatience)) == nil
	cn.keep = keepAlive(a.header)
	return res, false
}
