package exchange

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority signs certificates for the tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t testing.TB) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-1e4 * time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{cert, key}
}

func (a *authority) roots() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return &tls.Config{RootCAs: pool}
}

func (a *authority) issue(t testing.TB, name string, from, to time.Time) *tls.Config {
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: from, NotAfter: to, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, a.key.Public(), a.key)
	require.NoError(t, err)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: a.key}}}
}

// named reaches a loopback server under a name of the certificate's.
func named(t testing.TB, w *wire, roots *tls.Config) *Client {
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, w.ln.Addr().String())
	}
	c, err := New(Options{Dial: dial, DialPlain: dial, TLS: roots})
	require.NoError(t, err)
	t.Cleanup(c.CloseIdle)
	return c
}

func TestTLS(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	now := time.Now()
	hour := func(h int) time.Time { return now.Add(time.Duration(h) * time.Hour) }
	good := func() *tls.Config { return a.issue(t, "hooks.example.com", hour(-1), hour(1)) }
	with := func(cfg *tls.Config, change func(*tls.Config)) *tls.Config { change(cfg); return cfg }
	expired := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if expired.After(now) {
		expired = hour(-24)
	}

	for _, tc := range []struct {
		name   string
		server *tls.Config // nil: no TLS
		script func(*peer)
		class  Class
		text   string
	}{
		{"ok", good(), keep(ok), "", ""},
		{"answers twice", good(), keep(ok + ok), "", ""},
		{"expired", a.issue(t, "hooks.example.com", expired.Add(-time.Hour), expired), keep(ok), ClassTLSExpired, "expired on " + expired.UTC().Format("2006-01-02")},
		{"not yet valid", a.issue(t, "hooks.example.com", hour(20), hour(30)), keep(ok), ClassTLSCert, "not valid before"},
		{"wrong host", a.issue(t, "www.example.com", hour(-1), hour(1)), keep(ok), ClassTLSWrongHost, "not valid for hooks.example.com"},
		{"unknown authority", other.issue(t, "hooks.example.com", hour(-1), hour(1)), keep(ok), ClassTLSAuthority, "known authority"},
		{"old version", with(good(), func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }), keep(ok), ClassTLSVersion, "TLS 1.2"},
		{"client certificate", with(good(), func(c *tls.Config) { c.ClientAuth = tls.RequireAndVerifyClientCert }), keep(ok), ClassTLSClientCert, "client certificate"},
		{"client certificate in TLS 1.2", with(good(), func(c *tls.Config) {
			c.ClientAuth, c.MaxVersion = tls.RequireAndVerifyClientCert, tls.VersionTLS12
		}), keep(ok), ClassTLSClientCert, "client certificate"},
		{"speaks HTTP/2", with(good(), func(c *tls.Config) { c.NextProtos = []string{"h2"} }), keep("\x00\x00\x06\x04"), ClassNotHTTP, "not HTTP/1.1"},
		{"insists on another protocol", with(good(), func(c *tls.Config) { c.NextProtos = []string{"spdy/3"} }), keep(ok), ClassTLS, "does not offer HTTP/1.1"},
		{"no certificate for the name", &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, context.Canceled }}, keep(ok), ClassTLS, "handshake failed"},
		{"plain text", nil, func(p *peer) { p.br.ReadByte(); p.say("HTTP/1.1 400 Bad Request\r\n\r\n") }, ClassTLSPlain, "without TLS"},
		{"greets in plain text", nil, func(p *peer) { p.say("220 mail.example.com ESMTP\r\n"); p.hang() }, ClassTLSPlain, "without TLS"},
		{"closes", nil, func(p *peer) { p.br.ReadByte() }, ClassTLS, "closed during"},
		{"stalls", nil, func(p *peer) { p.hang() }, ClassConnect, "handshake was not complete within 700 ms"},
		{"drips", nil, func(p *peer) { p.drip("\x16\x03\x03\x3f\xff\x02") }, ClassConnect, "handshake was not complete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			logged := captureLog(t)
			script := tc.script
			if tc.server != nil {
				script = func(p *peer) {
					over := tls.Server(p.Conn, tc.server)
					if over.Handshake() == nil {
						p.Conn = over
						p.br.Reset(over)
						tc.script(p)
					}
				}
			}
			w := serve(t, script)
			c := named(t, w, a.roots())
			u := w.url("https")
			u.Host = "hooks.example.com"

			start := time.Now()
			res := post(c, u, patience(tc.class))
			require.Less(t, time.Since(start), short+slack)
			require.Equal(t, tc.class, res.Class, "%+v", res)
			require.Contains(t, res.Error, tc.text)
			requireSentence(t, res)
			time.Sleep(20 * time.Millisecond)
			c.CloseIdle()
			w.stop()
			settled(t, before)
			require.Empty(t, logged())
			require.EqualValues(t, 1, w.conns.Load())
			if tc.class == "" {
				require.EqualValues(t, 1, w.requests.Load())
			} else if tc.class != ClassNotHTTP {
				require.Zero(t, w.requests.Load(), "nothing may be sent to a server that was not verified")
			}
		})
	}
}

// The name that is asked for and verified is the URL's, whatever the operator's
// configuration holds, and has no final dot; an address is none.
func TestServerName(t *testing.T) {
	a := newAuthority(t)
	cfg := a.issue(t, "hooks.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	asked := make(chan string, 1)
	cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) { asked <- h.ServerName; return nil, nil }
	w := serve(t, func(p *peer) {
		over := tls.Server(p.Conn, cfg)
		if over.Handshake() == nil {
			p.Conn = over
			p.br.Reset(over)
			keep(ok)(p)
		}
	})
	roots := a.roots()
	roots.ServerName = "elsewhere.example.com"
	for host, want := range map[string]struct {
		name  string
		class Class
	}{
		"hooks.example.com": {"hooks.example.com", ""}, "hooks.example.com.:8443": {"hooks.example.com", ""},
		"elsewhere.example.com": {"elsewhere.example.com", ClassTLSWrongHost},
		"127.0.0.1":             {"", ClassTLSWrongHost}, "[2606:4700::1]:8443": {"", ClassTLSWrongHost},
	} {
		res := post(named(t, w, roots), &url.URL{Scheme: "https", Host: host, Path: "/"}, 10*time.Second)
		require.Equal(t, want.class, res.Class, "%s: %+v", host, res)
		require.Equal(t, want.name, <-asked, host)
		requireSentence(t, res)
	}
}

// The operator's client certificate is presented, whichever way it is given:
// what finds out that an endpoint asks for one does not take its place.
func TestClientCertificate(t *testing.T) {
	a := newAuthority(t)
	from, to := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	own := a.issue(t, "sender.example.com", from, to).Certificates
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, give := range map[string]func(*tls.Config){
			"Certificates": func(cfg *tls.Config) { cfg.Certificates = own },
			"GetClientCertificate": func(cfg *tls.Config) {
				cfg.GetClientCertificate = func(r *tls.CertificateRequestInfo) (*tls.Certificate, error) {
					return &own[0], r.SupportsCertificate(&own[0])
				}
			},
		} {
			server := a.issue(t, "hooks.example.com", from, to)
			server.ClientAuth, server.ClientCAs, server.MaxVersion = tls.RequireAndVerifyClientCert, a.roots().RootCAs, version
			presented := make(chan string, 2)
			w := serve(t, func(p *peer) {
				over := tls.Server(p.Conn, server)
				if over.Handshake() == nil {
					presented <- over.ConnectionState().PeerCertificates[0].Subject.CommonName
					p.Conn = over
					p.br.Reset(over)
					reply("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")(p)
				}
			})
			cfg := a.roots()
			give(cfg)
			c := named(t, w, cfg)
			for i := range 2 { // the second one resumes the session
				res := post(c, mustURL(t, "https://hooks.example.com/"), 10*time.Second)
				require.True(t, res.Delivered(), "%s, TLS %x: %+v", name, version, res)
				require.Equal(t, "sender.example.com", <-presented, name)
				require.EqualValues(t, i+1, w.requests.Load())
			}
		}
	}
}

func TestOptions(t *testing.T) {
	dial := new(net.Dialer).DialContext
	for text, o := range map[string]Options{
		"Dial is required":   {},
		"InsecureSkipVerify": {Dial: dial, TLS: &tls.Config{InsecureSkipVerify: true}},
		"ExcerptBytes":       {Dial: dial, ExcerptBytes: MaxExcerptBytes + 1},
		"IdlePerHost":        {Dial: dial, IdlePerHost: -1},
	} {
		_, err := New(o)
		require.ErrorContains(t, err, text)
	}
	c, err := New(Options{Dial: dial, TLS: &tls.Config{ServerName: "elsewhere"}})
	require.NoError(t, err)
	require.Equal(t, 64, c.pool.perHost)
	require.Equal(t, maxIdle, c.pool.most)
	c, err = New(Options{Dial: dial, IdlePerHost: 5000})
	require.NoError(t, err)
	require.Equal(t, 5000, c.pool.perHost)
	require.Equal(t, 5000, c.pool.most)

	res := post(c, mustURL(t, "http://hooks.example.com/"), time.Second)
	require.Equal(t, ClassAddress, res.Class)
	require.Equal(t, textPlainHTTP, res.Error)
	require.Equal(t, ClassInternal, c.Post(t.Context(), Request{}).Class)
	res = c.Post(t.Context(), Request{URL: mustURL(t, "https://hooks.example.com/"), Header: http.Header{"A": {"b\r\nc"}}})
	require.Equal(t, ClassInternal, res.Class)
}

// tracked tells when it was closed.
type tracked struct {
	net.Conn
	closed atomic.Bool
}

func (c *tracked) Close() error {
	c.closed.Store(true)
	return c.Conn.Close()
}

// A connection whose handshake fails is closed, whatever made it fail.
func TestFailedHandshakeCloses(t *testing.T) {
	a := newAuthority(t)
	server := a.issue(t, "hooks.example.com", time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	panics := a.roots()
	panics.VerifyConnection = func(tls.ConnectionState) error { panic("the operator's hook") }
	for class, cfg := range map[Class]*tls.Config{ClassInternal: panics, ClassTLSAuthority: newAuthority(t).roots()} {
		w := serve(t, func(p *peer) {
			p.SetDeadline(time.Now().Add(5 * time.Second))
			tls.Server(p.Conn, server).Handshake()
			p.hang()
		})
		var raw *tracked
		c, err := New(Options{TLS: cfg, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			got, err := new(net.Dialer).DialContext(ctx, network, w.ln.Addr().String())
			raw = &tracked{Conn: got}
			return raw, err
		}})
		require.NoError(t, err)
		res := post(c, mustURL(t, "https://hooks.example.com/"), 10*time.Second)
		require.Equal(t, class, res.Class, "%+v", res)
		require.True(t, raw.closed.Load())
		require.Zero(t, w.requests.Load())
	}
}
