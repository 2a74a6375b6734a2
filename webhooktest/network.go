package webhooktest

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Network is an in-memory network: net/http's real client and server over
// net.Pipe, so that timeouts, hangs, dropped and kept connections behave as
// they do on a wire, in fake time too. Host names are what Handle registered.
//
// To be used in a testing/synctest bubble it must be made in that bubble, and
// closed before the bubble ends. It is safe for concurrent use.
type Network struct {
	server   *http.Server
	listener *listener
	starting sync.Once
	serving  sync.WaitGroup // the server and its connections

	mu     sync.Mutex
	hosts  map[string]http.Handler // nil: nobody listens
	closed bool
}

// NewNetwork returns a network without hosts. It starts nothing until a
// request is sent; Close ends what was started then.
func NewNetwork() *Network {
	n := &Network{
		listener: &listener{conns: make(chan net.Conn), done: make(chan struct{})},
		hosts:    map[string]http.Handler{},
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	n.server = &http.Server{
		Handler:   http.HandlerFunc(n.serve),
		Protocols: protocols,
		ConnState: n.track,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, addrKey{}, c.(*pipe).addr)
		},
	}
	return n
}

// Handle makes h answer requests to a host such as "crm.example.com", at any
// port, or to "crm.example.com:8443", at that port only. It replaces the
// host's former handler. Nobody listens at a host with a nil handler:
// connections are refused there, and dropped if they exist.
func (n *Network) Handle(host string, h http.Handler) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[strings.ToLower(host)] = h
}

// Transport returns a new transport into the network, for
// [webhook.Options.Transport] or an http.Client. It speaks HTTP/1.1 and keeps
// connections. https URLs are served without TLS, so that no certificates are
// needed. A host that is not registered is not found, as by DNS.
func (n *Network) Transport() http.RoundTripper {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		DialContext:            n.dial,
		DialTLSContext:         n.dial,
		Protocols:              protocols,
		DisableCompression:     true,
		MaxIdleConns:           1000,
		MaxIdleConnsPerHost:    1000,
		IdleConnTimeout:        90 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// Close drops all connections, those that transports keep too, and returns
// when every handler has. The context of a request ends when its connection is
// dropped, so a handler that minds it keeps nobody waiting. Closing twice does
// no harm.
func (n *Network) Close() error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	_ = n.listener.Close()
	err := n.server.Close()
	n.serving.Wait()
	return err
}

var errClosed = errors.New("webhooktest: the network is closed")

// lookup finds who listens at host:port.
func (n *Network) lookup(addr string) (h http.Handler, known bool) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		host = addr
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, name := range []string{addr, host} {
		if h, known = n.hosts[strings.ToLower(name)]; known {
			return h, true
		}
	}
	return nil, false
}

func (n *Network) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	h, known := n.lookup(addr)
	if !known {
		host, _, _ := net.SplitHostPort(addr)
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}}
	}
	if h == nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	if err := n.start(); err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: err}
	}
	client, server := net.Pipe()
	select {
	case n.listener.conns <- &pipe{Conn: server, addr: addr}:
		return client, nil
	case <-n.listener.done:
		return nil, &net.OpError{Op: "dial", Net: network, Err: errClosed}
	case <-ctx.Done():
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	}
}

// start runs the server, once.
func (n *Network) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return errClosed
	}
	n.starting.Do(func() {
		n.serving.Go(func() { _ = n.server.Serve(n.listener) })
	})
	return nil
}

// track counts connections. A new one is reported by the goroutine of Serve,
// which is counted itself, so that Close cannot miss it.
func (n *Network) track(c net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		n.serving.Add(1)
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.closed { // accepted too late for the server to know
			_ = c.Close()
		}
	case http.StateClosed, http.StateHijacked:
		n.serving.Done()
	}
}

// serve hands a request to the handler of the host that was dialled.
func (n *Network) serve(w http.ResponseWriter, r *http.Request) {
	addr, _ := r.Context().Value(addrKey{}).(string)
	h, _ := n.lookup(addr)
	if h == nil {
		panic(http.ErrAbortHandler)
	}
	h.ServeHTTP(w, r)
}

type addrKey struct{}

// pipe is the server's end of a connection.
type pipe struct {
	net.Conn
	addr string // that was dialled
}

// listener accepts what dial hands over.
type listener struct {
	conns chan net.Conn
	once  sync.Once
	done  chan struct{}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
