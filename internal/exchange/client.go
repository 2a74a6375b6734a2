// Package exchange makes one HTTP POST and turns whatever happens into one
// verdict that the owner of the endpoint can act on.
//
// The endpoint is a stranger's: it may refuse, stall, drip, lie about lengths,
// answer twice or never. Every exchange ends within its timeout, sends at most
// one request, reads a bounded answer, follows nothing and writes nothing to
// the process's log.
//
// It speaks HTTP/1.1 itself, on the caller's goroutine: net/http's transport
// costs two goroutines for each connection and logs what endpoints send
// unasked.
package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime/debug"
	"time"
)

const (
	// DefaultTimeout is the deadline of an exchange that names none.
	DefaultTimeout = 15 * time.Second
	// MaxExcerptBytes bounds what is kept of a response.
	MaxExcerptBytes = 16 << 10

	maxHeadBytes = 64 << 10 // status line and headers, interim answers included
	maxBodyBytes = 64 << 10 // read at most; the rest costs the connection

	// What is read off a socket, for TLS too: certificates take ten times their
	// size once they are parsed, and records may hold a byte each or none.
	maxHandshakeBytes = 32 << 10 // a chain has 3 to 10 KiB, and lists of authorities 16
	maxWireBytes      = 1 << 20  // in an exchange

	idlePerHost     = 64
	maxIdle         = 1024 // about 10 KiB each with TLS
	idleConnTimeout = 90 * time.Second

	// bodyPatience bounds the wait for a body once the headers have decided
	// the verdict: the rest is only worth an excerpt and a kept connection.
	bodyPatience = 2 * time.Second
)

// DialFunc opens a connection, as [net.Dialer.DialContext] does. It decides
// which addresses may be reached; nothing here looks at addresses. It runs
// within the exchange and has to return when its context ends.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Options configures a Client.
type Options struct {
	// Dial opens connections for https URLs. Required unless Transport is set.
	Dial DialFunc
	// DialPlain opens connections for http URLs; nil refuses them.
	DialPlain DialFunc
	// TLS holds the operator's roots and client certificates; nil means the
	// system's roots. ServerName is always the URL's host, and a configuration
	// that turns verification off is refused.
	TLS *tls.Config
	// IdlePerHost is how many idle connections are kept for one host.
	// 0 means 64.
	IdlePerHost int
	// Transport replaces all of the above: a proxy that guards addresses
	// itself, or an in-memory network in tests. It has to honour the request's
	// context. Interim answers, header sizes and what it logs are its own.
	Transport http.RoundTripper
	// ExcerptBytes is how much of a response is kept. 0 means 16 KiB, which is
	// also the most.
	ExcerptBytes int
}

// Client makes exchanges. It is safe for concurrent use.
type Client struct {
	given   http.RoundTripper // nil: dialer and pool
	dialer  *dialer
	pool    *pool
	plain   bool // http URLs may be tried
	excerpt int
}

// Request is one POST.
type Request struct {
	URL *url.URL
	// Header is sent as it is and never written to, so that several exchanges
	// may share it. Host and what frames the message are not taken from it. It
	// must not hold Idempotency-Key or X-Idempotency-Key where a Transport is
	// given: they tell net/http's that it may send a request twice.
	Header http.Header
	// Body is shared in the same way. It must stay unchanged even after Post
	// returned: an endpoint may answer while it is still being written.
	Body []byte
	// Timeout bounds everything from the name's resolution to the body's last
	// byte. 0 means DefaultTimeout.
	Timeout time.Duration
	// Began is when the Timeout began, for a caller who used some of it. The
	// zero value means now.
	Began time.Time
}

// Result is what came of it.
type Result struct {
	// Status is the answer's status code, 0 when there was no answer.
	Status int
	// Class is empty when the endpoint accepted the request, otherwise a
	// stable code.
	Class Class
	// Error says what went wrong in a sentence for the endpoint's owner: at
	// most 300 bytes, with no address, secret, query or text of the response.
	Error string
	// Took is how long the exchange lasted.
	Took time.Duration
	// Excerpt is the start of the response's body as clean UTF-8: no control
	// characters but tab and newline.
	Excerpt []byte
	// RetryAfter holds the Retry-After lines as received, few and short.
	RetryAfter []string
	// Canceled says that the caller's context ended first. There is no verdict
	// about the endpoint then, and the request may or may not have arrived.
	Canceled bool
	// Cause is the underlying error for the operator's log. It may name
	// addresses and must not be shown to the endpoint's owner.
	Cause error
}

// Delivered reports whether the endpoint accepted the request.
func (r Result) Delivered() bool { return r.Class == "" }

// New checks the options. It starts nothing and opens nothing.
func New(o Options) (*Client, error) {
	c := &Client{excerpt: o.ExcerptBytes}
	switch {
	case o.ExcerptBytes < 0 || o.ExcerptBytes > MaxExcerptBytes:
		return nil, fmt.Errorf("exchange: ExcerptBytes is %d, want 0 to %d", o.ExcerptBytes, MaxExcerptBytes)
	case o.IdlePerHost < 0:
		return nil, fmt.Errorf("exchange: IdlePerHost is %d, want 0 or more", o.IdlePerHost)
	case o.ExcerptBytes == 0:
		c.excerpt = MaxExcerptBytes
	}
	if o.Transport != nil {
		c.given, c.plain = o.Transport, true
		return c, nil
	}
	if o.Dial == nil {
		return nil, errors.New("exchange: Dial is required without a Transport")
	}
	var err error
	if c.dialer, err = newDialer(o); err != nil {
		return nil, err
	}
	if o.IdlePerHost == 0 {
		o.IdlePerHost = idlePerHost
	}
	c.plain = o.DialPlain != nil
	c.pool = newPool(o.IdlePerHost, max(maxIdle, o.IdlePerHost))
	return c, nil
}

// CloseIdle closes the connections that no exchange is using.
func (c *Client) CloseIdle() {
	if c.given == nil {
		c.pool.closeAll()
		return
	}
	if t, ok := c.given.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// Post sends one request and judges the answer. It returns within the timeout,
// never panics, and puts at most one request on the wire.
func (c *Client) Post(ctx context.Context, r Request) Result {
	start := time.Now()
	if r.Timeout <= 0 {
		r.Timeout = DefaultTimeout
	}
	if r.Began.IsZero() {
		r.Began = start
	}
	x := &exchange{Request: r, ctx: ctx, deadline: r.Began.Add(r.Timeout)}
	res := c.post(x)
	res.Took = time.Since(start)
	return res
}

func (c *Client) post(x *exchange) (res Result) {
	// What the host supplies may panic: its transport, its dialer, its hooks
	// for TLS. That costs this attempt and nothing else.
	defer func() {
		if p := recover(); p != nil {
			res = panicked(p)
		}
	}()
	switch {
	case x.ctx.Err() != nil:
		return canceled(context.Cause(x.ctx))
	case x.URL == nil || x.URL.Host == "":
		return internal(errors.New("exchange: no URL"))
	case x.URL.Scheme != "https" && (x.URL.Scheme != "http" || !c.plain):
		return Result{Class: ClassAddress, Error: textPlainHTTP}
	case c.given != nil:
		return c.roundTrip(x)
	}
	return c.send(x)
}

func canceled(cause error) Result {
	return Result{Class: ClassCanceled, Error: textCanceled, Canceled: true, Cause: cause}
}

func internal(cause error) Result {
	return Result{Class: ClassInternal, Error: textInternal, Cause: cause}
}

func panicked(p any) Result {
	stack := debug.Stack()
	return internal(fmt.Errorf("panic: %v\n%s", p, stack[:min(len(stack), 4<<10)]))
}
