package webhooktest

import (
	"crypto/tls"
	"net"
	"sync"
	"testing"
)

// Hostile is a server that does one bad thing to everybody who connects, on a
// real socket of the loopback interface: what a deadline, a bound or a TLS
// check is worth shows on a wire only. It is to test the sender's settings, a
// sender of your own, or whatever else calls URLs that strangers gave.
//
// A dispatcher reaches it with options that open the loopback addresses:
//
//	h := webhooktest.NewHostile(t, webhooktest.EndlessHeaders)
//	d, err := webhook.New(store, &webhook.Options{
//		AllowPrefixes:  []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
//		AllowPlainHTTP: true,
//		TLS:            h.TLS(),
//	})
//
// It works in real time, so not in a testing/synctest bubble. It is safe for
// concurrent use.
type Hostile struct {
	// URL is where it listens: https where the behaviour has to do with TLS,
	// otherwise http. The host is 127.0.0.1.
	URL string

	script   script
	listener net.Listener
	over     chan struct{} // closed by Close
	serving  sync.WaitGroup

	mu                    sync.Mutex
	open                  map[net.Conn]struct{}
	connections, requests int
}

// NewHostile starts a server that behaves like that until the test ends. It
// ends the test if there is no such behaviour.
func NewHostile(t testing.TB, b Behaviour) *Hostile {
	t.Helper()
	s, known := scriptOf(b)
	if !known {
		t.Fatalf("webhooktest: %q is no behaviour; see HostileBehaviours", b)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("webhooktest: NewHostile: %v", err)
	}
	h := &Hostile{script: s, listener: ln, over: make(chan struct{}), open: map[net.Conn]struct{}{}}
	t.Cleanup(h.Close)
	h.URL = s.scheme() + "://" + ln.Addr().String() + "/hook"
	if s.serve == nil {
		h.URL = s.scheme() + "://" + h.deaf(t) + "/hook"
		return h
	}
	h.serving.Go(h.accept)
	return h
}

// deaf returns an address where nobody listens, and nobody else can begin to:
// the port is the near end of a connection.
func (h *Hostile) deaf(t testing.TB) string {
	t.Helper()
	c, err := net.Dial("tcp", h.listener.Addr().String())
	if err != nil {
		t.Fatalf("webhooktest: NewHostile: %v", err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c.LocalAddr().String()
}

// TLS returns a configuration that trusts the authority of all hostile servers
// of this process, for [webhook.Options.TLS]. With it a fault of TLS is the one
// that the behaviour names, and no other.
func (h *Hostile) TLS() *tls.Config { return &tls.Config{RootCAs: authorities().trusted.pool()} }

// Connections returns how many connections were accepted so far.
func (h *Hostile) Connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.connections
}

// Open returns how many connections its clients have not closed yet. It may
// take a moment to notice that one was.
func (h *Hostile) Open() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.open)
}

// Requests returns how many requests were read so far, on all connections.
// Behaviours that break the connection off earlier read none.
func (h *Hostile) Requests() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.requests
}

// Close drops all connections and returns when nothing of the server is left.
// The end of the test calls it; closing twice does no harm.
func (h *Hostile) Close() {
	h.mu.Lock()
	select {
	case <-h.over:
	default:
		close(h.over)
	}
	_ = h.listener.Close()
	for c := range h.open {
		_ = c.Close()
	}
	h.mu.Unlock()
	h.serving.Wait()
}

func (h *Hostile) accept() {
	for {
		c, err := h.listener.Accept()
		if err != nil {
			return
		}
		if h.enter(c) {
			h.serving.Go(func() {
				defer h.leave(c)
				h.script.run(newVisit(h, c))
			})
		}
	}
}

// enter counts a connection, unless the server was closed meanwhile.
func (h *Hostile) enter(c net.Conn) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	select {
	case <-h.over:
		_ = c.Close()
		return false
	default:
	}
	h.connections++
	h.open[c] = struct{}{}
	return true
}

func (h *Hostile) leave(c net.Conn) {
	_ = c.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.open, c)
}

func (h *Hostile) asked() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.requests++
}
