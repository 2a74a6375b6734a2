package webhook_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
)

// network is net/http's real client and server over net.Pipe.
type network struct {
	mu    sync.Mutex
	hosts map[string]chan net.Conn
	t     *testing.T
}

func newNetwork(t *testing.T) *network { return &network{hosts: map[string]chan net.Conn{}, t: t} }

func (n *network) handle(host string, h http.Handler) {
	conns := make(chan net.Conn)
	l := &listener{conns: conns, done: make(chan struct{})}
	srv := &http.Server{Handler: h}
	n.mu.Lock()
	n.hosts[host] = conns
	n.mu.Unlock()
	go func() { _ = srv.Serve(l) }()
	n.t.Cleanup(func() { _ = srv.Close() })
}

func (n *network) transport() *http.Transport {
	dial := func(ctx context.Context, _, addr string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(addr)
		n.mu.Lock()
		conns := n.hosts[host]
		n.mu.Unlock()
		if conns == nil {
			return nil, fmt.Errorf("no such host: %s", host)
		}
		a, b := net.Pipe()
		select {
		case conns <- b:
			return a, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	tr := &http.Transport{DialContext: dial, DialTLSContext: dial, MaxIdleConnsPerHost: 100, DisableCompression: true}
	n.t.Cleanup(tr.CloseIdleConnections)
	return tr
}

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
func (l *listener) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *listener) Addr() net.Addr { return &net.TCPAddr{} }
