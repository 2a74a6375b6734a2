package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook/events"
)

// These tests use real sockets on loopback: the guard works on what is dialled.

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// trusting returns options that deliver to srv.
func trusting(srv *httptest.Server) *Options {
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	return &Options{AllowPrefixes: loopback, TLS: &tls.Config{RootCAs: roots}, Retry: Schedule{10 * time.Millisecond, 20 * time.Millisecond}}
}

// drained runs the dispatcher until nothing waits.
func drained(t *testing.T, d *Dispatcher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	run, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- d.Run(run) }()
	require.NoError(t, d.Drain(ctx))
	stop()
	require.NoError(t, <-ended)
}

func TestRealTLS(t *testing.T) {
	var got atomic.Int64
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if got.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer srv.Close()
	d := newDispatcher(t, trusting(srv))
	e := good()
	e.URL = srv.URL
	_, err := d.CreateEndpoint(t.Context(), e)
	require.NoError(t, err)
	_, err = d.Emit(t.Context(), scored())
	require.NoError(t, err)
	drained(t, d)
	require.EqualValues(t, 3, got.Load())
}

// TestStoredRowsAreJudgedAgain: a row that is older than the policy, or was
// written past it, is refused when it is sent to, and when a test is.
func TestStoredRowsAreJudgedAgain(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	var accepted atomic.Int64
	go func() {
		for {
			c, err := listener.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			accepted.Add(1)
			_ = c.Close()
		}
	}()
	port := strings.TrimPrefix(listener.Addr().String(), "127.0.0.1")
	for _, url := range []string{"http://127.0.0.1" + port, "https://127.0.0.1" + port, "https://localhost" + port,
		"https://[::ffff:127.0.0.1]" + port, "http://10.0.0.1/", "://", ""} {
		d := newDispatcher(t, &Options{Retry: Schedule{time.Millisecond}})
		e := good()
		e.ID, e.URL, e.Enabled = newID(), url, true
		e, err := d.store.PutEndpoint(t.Context(), e, 10)
		require.NoError(t, err)
		_, err = d.Emit(t.Context(), scored())
		require.NoError(t, err)
		drained(t, d)
		log, err := d.ListDeliveries(t.Context(), DeliveryQuery{Account: e.Account})
		require.NoError(t, err)
		require.Equal(t, ReasonFailed, log[0].Reason, url)
		require.Len(t, log[0].Attempts, 2)
		require.Equal(t, ClassAddress, log[0].Attempts[0].Class, url)
		require.NotContains(t, log[0].Attempts[0].Error, "10.0.0.1", "never which address")
		attempt, err := d.Test(t.Context(), e.Account, e.ID, events.LeadScored, EndpointPatch{})
		require.NoError(t, err)
		require.Equal(t, ClassAddress, attempt.Class, url)
		require.NotContains(t, attempt.Error, "10.0.0.1", "never which address")
		_, err = d.UpdateEndpoint(t.Context(), e.Account, e.ID, 0, EndpointPatch{Name: Set("renamed"), Enabled: Set(false)})
		require.NoError(t, err, "it can still be renamed and disabled")
	}
	require.Zero(t, accepted.Load(), "no connection was made")
}

// TestDialledAddressDecides: names that resolve to loopback, with the text in
// order.
func TestDialledAddressDecides(t *testing.T) {
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("reached") }))
	defer srv.Close()
	port := srv.URL[strings.LastIndex(srv.URL, ":"):]
	o := trusting(srv)
	o.AllowPrefixes = []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16")} // so that localhost passes as text
	o.Retry = Schedule{}
	d := newDispatcher(t, o)
	e := good()
	e.URL = "https://localhost" + port + "/"
	_, err := d.CreateEndpoint(t.Context(), e)
	require.NoError(t, err)
	_, err = d.Emit(t.Context(), scored())
	require.NoError(t, err)
	drained(t, d)
	log, err := d.ListDeliveries(t.Context(), DeliveryQuery{Account: e.Account})
	require.NoError(t, err)
	require.Equal(t, ClassAddress, log[0].Attempts[0].Class, log[0].Attempts[0].Error)
	require.NotContains(t, log[0].Attempts[0].Error, "127.0.0.1")
}

// TestPlainHTTPIsASecondOption, for opened prefixes only.
func TestPlainHTTPIsASecondOption(t *testing.T) {
	var got atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer srv.Close()
	e := good()
	e.URL = srv.URL
	d := newDispatcher(t, &Options{AllowPrefixes: loopback})
	_, err := d.CreateEndpoint(t.Context(), e)
	require.Equal(t, "url_scheme", fields(t, err)["url"].Code)

	d = newDispatcher(t, &Options{AllowPrefixes: loopback, AllowPlainHTTP: true})
	_, err = d.CreateEndpoint(t.Context(), e)
	require.NoError(t, err)
	e.URL = "http://93.184.216.34/"
	_, err = d.CreateEndpoint(t.Context(), e)
	require.Error(t, err, "not for public addresses")
	_, err = d.Emit(t.Context(), scored())
	require.NoError(t, err)
	drained(t, d)
	require.EqualValues(t, 1, got.Load())
}

// TestProxyOfTheEnvironmentIsNotUsed: it would bypass the guard.
func TestProxyOfTheEnvironmentIsNotUsed(t *testing.T) {
	var proxied, got atomic.Int64
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"} {
		t.Setenv(name, proxy.URL)
	}
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer srv.Close()
	d := newDispatcher(t, trusting(srv))
	e := good()
	e.URL = srv.URL
	_, err := d.CreateEndpoint(t.Context(), e)
	require.NoError(t, err)
	_, err = d.Emit(t.Context(), scored())
	require.NoError(t, err)
	drained(t, d)
	require.Zero(t, proxied.Load())
	require.EqualValues(t, 1, got.Load())
}

// TestNothingIsFollowed: redirects, Refresh and Alt-Svc lead nowhere.
func TestNothingIsFollowed(t *testing.T) {
	var other atomic.Int64
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { other.Add(1) }))
	defer elsewhere.Close()
	for name, c := range map[string]struct {
		header string
		status int
		state  State
	}{
		"redirect":           {"Location", 302, StateDead},
		"permanent redirect": {"Location", 308, StateDead},
		"refresh":            {"Refresh", 200, StateDelivered},
		"alt-svc":            {"Alt-Svc", 200, StateDelivered},
	} {
		var got atomic.Int64
		srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got.Add(1)
			value := map[string]string{"Location": elsewhere.URL, "Refresh": "0; url=" + elsewhere.URL,
				"Alt-Svc": `h3="` + elsewhere.Listener.Addr().String() + `"`}[c.header]
			w.Header().Set(c.header, value)
			w.WriteHeader(c.status)
		}))
		o := trusting(srv)
		o.Retry = Schedule{}
		d := newDispatcher(t, o)
		e := good()
		e.URL = srv.URL
		_, err := d.CreateEndpoint(t.Context(), e)
		require.NoError(t, err)
		for range 2 {
			_, err = d.Emit(t.Context(), scored())
			require.NoError(t, err)
		}
		drained(t, d)
		srv.Close()
		require.EqualValues(t, 2, got.Load(), name)
		require.Zero(t, other.Load(), name)
		log, err := d.ListDeliveries(t.Context(), DeliveryQuery{Account: e.Account})
		require.NoError(t, err)
		require.Equal(t, c.state, log[0].State, name)
	}
}

// TestInsecureTLSIsRefused at the start.
func TestInsecureTLSIsRefused(t *testing.T) {
	_, err := New(NewMemoryStore(nil), &Options{TLS: &tls.Config{InsecureSkipVerify: true}})
	require.Contains(t, fields(t, err)["Options.TLS"].Message, "RootCAs")
}
