package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"
)

// dialer opens connections.
type dialer struct {
	secure, plain DialFunc
	tls           *tls.Config
}

func newDialer(o Options) (*dialer, error) {
	cfg := &tls.Config{}
	if o.TLS != nil {
		cfg = o.TLS.Clone()
	}
	if cfg.InsecureSkipVerify {
		return nil, errors.New("exchange: TLS.InsecureSkipVerify is refused: add the authority to RootCAs instead")
	}
	if cfg.MinVersion == 0 {
		cfg.MinVersion = tls.VersionTLS12 // RFC 8996
	}
	if cfg.ClientSessionCache == nil {
		cfg.ClientSessionCache = tls.NewLRUClientSessionCache(maxIdle)
	}
	// Named so that a server which prefers HTTP/2 answers in HTTP/1.1 (RFC 7301).
	cfg.NextProtos = []string{"http/1.1"}
	// Small records save a browser time; here they would be a write each.
	cfg.DynamicRecordSizingDisabled = true
	return &dialer{secure: o.Dial, plain: o.DialPlain, tls: cfg}, nil
}

// dial opens a connection and sets its deadline.
func (d *dialer) dial(x *exchange) (_ *conn, err error) {
	ctx, cancel := context.WithDeadline(x.ctx, x.deadline)
	defer cancel()
	open, port := d.plain, "80"
	if x.URL.Scheme == "https" {
		open, port = d.secure, "443"
	}
	if p := x.URL.Port(); p != "" {
		port = p
	}
	host := x.URL.Hostname()
	x.phase = phaseDial
	raw, err := open(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, errors.New("exchange: the dialer returned neither a connection nor an error")
	}
	ready := false
	defer func() {
		if !ready { // a hook of the operator's may have panicked
			raw.Close()
		}
	}()
	c := &conn{socket: newSocket(raw), key: keyOf(x.URL)}
	c.Conn = c.socket
	if x.URL.Scheme == "https" {
		x.phase = phaseTLS
		c.socket.allow(maxHandshakeBytes)
		cfg := d.config(x, host)
		cfg.ClientSessionCache = sessions{cfg.ClientSessionCache, c.socket}
		over := tls.Client(c.socket, cfg)
		if err := over.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		c.socket.allow(maxWireBytes)
		c.Conn = over
	}
	if err := c.SetDeadline(x.deadline); err != nil {
		return nil, err
	}
	ready = true
	return c, nil
}

func (d *dialer) config(x *exchange, host string) *tls.Config {
	cfg := d.tls.Clone()
	// A name's final dot is not part of what certificates name (RFC 6066,
	// section 3).
	cfg.ServerName = strings.TrimSuffix(host, ".")
	if len(cfg.Certificates) == 0 && cfg.GetClientCertificate == nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			x.hinted = true
			return &tls.Certificate{}, nil
		}
	}
	return cfg
}

// sessions keeps the TLS sessions of a connection, to be resumed by another.
// Tickets are as large as the endpoint makes them, and with each the
// certificates are kept: a session that is larger than usual is not.
type sessions struct {
	tls.ClientSessionCache
	of *socket
}

const (
	maxTicketBytes  = 4 << 10
	maxSessionBytes = 16 << 10 // of the handshake and what came with it
)

// Put implements tls.ClientSessionCache.
func (s sessions) Put(key string, session *tls.ClientSessionState) {
	if session != nil {
		if ticket, _, _ := session.ResumptionState(); len(ticket) > maxTicketBytes || s.of.read > maxSessionBytes {
			return
		}
	}
	s.ClientSessionCache.Put(key, session)
}
