package exchange

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

var (
	errTimeout  = errors.New("exchange: timeout")
	errFinished = errors.New("exchange: finished")
)

// phase is how far an exchange has come.
type phase = int32

const (
	phaseStart phase = iota // no connection asked for, or none reported
	phaseDial               // resolving and connecting
	phaseTLS                // shaking hands
	phaseReady              // holds a connection
)

// exchange is one round trip: its context, its trace and what was seen of it.
// It is the request's context itself, which saves two allocations and hides a
// trace that the caller's context may carry.
type exchange struct {
	context.Context
	cancel   context.CancelCauseFunc
	timer    *time.Timer
	deadline time.Time
	timeout  time.Duration
	url      *url.URL
	body     bytes.Reader
	trace    httptrace.ClientTrace

	conn   *conn // nil with a transport that was given
	reused bool
	// hinted is set by a server that asked for a client certificate.
	hinted atomic.Bool
	done   atomic.Bool
	phase  atomic.Int32
	wrote  atomic.Int64 // bytes of the request that the connection took
	heard  atomic.Int64 // bytes of the answer's head
}

func newExchange(parent context.Context, r Request, deadline time.Time) *exchange {
	x := &exchange{deadline: deadline, timeout: r.Timeout, url: r.URL}
	x.Context, x.cancel = context.WithCancelCause(parent)
	x.timer = time.AfterFunc(time.Until(deadline), x.expire)
	x.body.Reset(r.Body)
	x.trace.GotConn = x.gotConn
	x.trace.PutIdleConn = x.putIdle
	return x
}

func (x *exchange) expire() { x.cancel(errTimeout) }

func (x *exchange) finish() {
	x.done.Store(true)
	x.timer.Stop()
	x.cancel(errFinished)
}

// request is the message for net/http. GetBody stays nil: with it, and an
// Idempotency-Key header, net/http repeats requests that were already sent.
// Body is a type that net/http knows to be in memory, or it would flush the
// headers in a packet of their own.
func (x *exchange) request(r Request) *http.Request {
	header := r.Header
	if header == nil {
		header = http.Header{}
	}
	return (&http.Request{
		Method:        http.MethodPost,
		URL:           r.URL,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        header,
		Body:          io.NopCloser(&x.body),
		ContentLength: int64(len(r.Body)),
	}).WithContext(x)
}

// Deadline is the attempt's, or the caller's when that comes first.
func (x *exchange) Deadline() (time.Time, bool) {
	if d, ok := x.Context.Deadline(); ok && d.Before(x.deadline) {
		return d, true
	}
	return x.deadline, true
}

type exchangeKey struct{}

// Value answers for the exchange and its trace. The caller's own trace is
// hidden: with a Got1xxResponse hook in it, net/http lifts the bound on
// interim answers and an endpoint can send them for ever.
func (x *exchange) Value(key any) any {
	switch key {
	case exchangeKey{}:
		return x
	case traceKey:
		return &x.trace
	}
	return x.Context.Value(key)
}

// traceKey is the key under which httptrace looks for a trace.
var traceKey = func() (key any) {
	httptrace.ContextClientTrace(keyProbe{context.Background(), &key})
	return key
}()

type keyProbe struct {
	context.Context
	key *any
}

func (p keyProbe) Value(key any) any {
	*p.key = key
	return nil
}

func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

func (x *exchange) gotConn(info httptrace.GotConnInfo) {
	if c, ok := info.Conn.(*conn); ok {
		x.conn, x.reused = c, info.Reused
		c.take(x)
	}
	x.phase.Store(phaseReady)
}

// putIdle runs before the connection's reader looks for the next answer.
func (x *exchange) putIdle(error) {
	if x.conn != nil {
		x.conn.release(x)
	}
}

// untouched says that the round trip failed on a kept connection before any
// byte of the request was written. A connection that died later may have
// delivered the request: that is a failed attempt.
func (x *exchange) untouched() bool {
	return x.conn != nil && x.reused && x.wrote.Load() == 0
}

// ended says why the context is over, nil while it is not.
func (x *exchange) ended() error {
	if x.Err() == nil {
		return nil
	}
	return context.Cause(x.Context)
}

// settle shortens the wait: what follows the headers is optional.
func (x *exchange) settle() {
	x.timer.Reset(min(time.Until(x.deadline), bodyPatience))
}
