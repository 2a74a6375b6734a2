// Package exchange makes one HTTP POST and turns whatever happens into one
// verdict that the owner of the endpoint can act on.
//
// The endpoint is a stranger's: it may refuse, stall, drip, lie about lengths,
// answer twice or never. Every exchange ends within its timeout, sends at most
// one request, reads a bounded answer, follows nothing and writes nothing to
// the process's log.
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

	maxHeadBytes    = 64 << 10 // status line and headers, interim answers included
	maxBodyBytes    = 64 << 10 // read at most; the rest costs the connection
	idlePerHost     = 64       // at least: net/http's own default of 2 reconnects all the time
	maxIdle         = 1024     // about 40 KiB each with TLS
	idleConnTimeout = 90 * time.Second

	// bodyPatience bounds the wait for a body once the headers have decided
	// the verdict: the rest is only worth an excerpt and a kept connection.
	bodyPatience = 2 * time.Second

	// maxStale bounds how many dead kept connections one exchange steps over.
	maxStale = 16
)

// DialFunc opens a connection, as [net.Dialer.DialContext] does. It decides
// which addresses may be reached; nothing here looks at addresses.
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
	transport http.RoundTripper
	own       *http.Transport // nil when the transport was given
	plain     bool            // http URLs may be tried
	excerpt   int
}

// Request is one POST.
type Request struct {
	URL *url.URL
	// Header is sent as it is and never written to, so that several exchanges
	// may share it. It must not hold Idempotency-Key or X-Idempotency-Key,
	// which tell net/http that it may send a request twice.
	Header http.Header
	// Body is shared in the same way. It must stay unchanged even after Post
	// returned: an endpoint may answer while it is still being written.
	Body []byte
	// Timeout bounds everything from the name's resolution to the body's last
	// byte. 0 means DefaultTimeout.
	Timeout time.Duration
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
		c.transport, c.plain = o.Transport, true
		return c, nil
	}
	if o.Dial == nil {
		return nil, errors.New("exchange: Dial is required without a Transport")
	}
	d, err := newDialer(o)
	if err != nil {
		return nil, err
	}
	if o.IdlePerHost == 0 {
		o.IdlePerHost = idlePerHost
	}
	// One request per connection and no frames: HTTP/2 would put several
	// attempts behind one flow control and bring its attack surface along.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	c.plain = o.DialPlain != nil
	c.own = &http.Transport{
		Proxy:                  nil, // the environment's proxy would dial past the guard
		DialContext:            d.dialPlain,
		DialTLSContext:         d.dialTLS,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConns:           max(maxIdle, o.IdlePerHost),
		MaxIdleConnsPerHost:    o.IdlePerHost,
		IdleConnTimeout:        idleConnTimeout,
		MaxResponseHeaderBytes: maxHeadBytes,
	}
	c.transport = c.own
	return c, nil
}

// CloseIdle closes the connections that no exchange is using.
func (c *Client) CloseIdle() {
	if c.own != nil {
		c.own.CloseIdleConnections()
		return
	}
	if t, ok := c.transport.(interface{ CloseIdleConnections() }); ok {
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
	deadline := start.Add(r.Timeout)
	var res Result
	for try := 0; ; try++ {
		var stale bool
		if res, stale = c.once(ctx, r, deadline); !stale || try == maxStale {
			break
		}
	}
	res.Took = time.Since(start)
	return res
}

// once makes one round trip. It reports stale when a kept connection turned
// out to be dead before a single byte was written to it: nothing was sent, so
// going on with another connection is still the same attempt.
func (c *Client) once(ctx context.Context, r Request, deadline time.Time) (res Result, stale bool) {
	if ctx.Err() != nil {
		return canceled(context.Cause(ctx)), false
	}
	if res, ok := c.refuse(r.URL); ok {
		return res, false
	}
	x := newExchange(ctx, r, deadline)
	defer x.finish()
	// A host's transport may panic; that costs this attempt and nothing else.
	defer func() {
		if p := recover(); p != nil {
			res, stale = panicked(p), false
		}
	}()

	resp, err := c.transport.RoundTrip(x.request(r))
	switch {
	case err != nil:
		if resp != nil && resp.Body != nil {
			resp.Body.Close()
		}
		stale = x.ended() == nil && x.untouched()
		return x.failure(err), stale
	case resp == nil:
		return internal(errors.New("the transport returned neither a response nor an error")), false
	}
	return c.judge(x, resp), false
}

// refuse turns down URLs that no dialer exists for.
func (c *Client) refuse(u *url.URL) (Result, bool) {
	switch {
	case u == nil || u.Host == "":
		return internal(errors.New("no URL")), true
	case u.Scheme == "https", u.Scheme == "http" && c.plain:
		return Result{}, false
	}
	return Result{Class: ClassAddress, Error: textPlainHTTP}, true
}

// judge reads what is worth reading of an answer. From here on the status
// decides alone: a body that misbehaves takes nothing back.
func (c *Client) judge(x *exchange, resp *http.Response) Result {
	res := Result{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	res.Class, res.Error = statusVerdict(resp, x.url)
	if x.conn != nil {
		x.conn.promise(resp.Header)
	}
	if resp.Body == nil {
		return res
	}
	defer resp.Body.Close()
	// The body of a 101 is the bare connection: reading it ignores contexts
	// and deadlines (RFC 9110, section 15.2.2).
	if resp.StatusCode != http.StatusSwitchingProtocols {
		res.Excerpt = c.readBody(x, resp)
	}
	return res
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
