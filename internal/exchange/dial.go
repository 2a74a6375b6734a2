package exchange

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
)

var errPanic = errors.New("exchange: panic while connecting")

// dialer opens connections for net/http.
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
	// Named so that a server which prefers HTTP/2 answers in HTTP/1.1 (RFC 7301).
	cfg.NextProtos = []string{"http/1.1"}
	return &dialer{secure: o.Dial, plain: o.DialPlain, tls: cfg}, nil
}

func (d *dialer) dialPlain(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.dial(ctx, d.plain, network, addr, false)
}

func (d *dialer) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	return d.dial(ctx, d.secure, network, addr, true)
}

// dial connects within the exchange's deadline. net/http detaches a dial from
// its request, so that a stalled handshake would outlive every timeout. A dial
// whose request found another connection meanwhile goes on and is kept for
// later; one whose request failed or was canceled ends with it.
func (d *dialer) dial(ctx context.Context, open DialFunc, network, addr string, secure bool) (_ net.Conn, err error) {
	// These run on a goroutine of net/http's, where a panic in the operator's
	// dialer or TLS hooks would end the process.
	var raw net.Conn
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", errPanic, p)
		}
		if err != nil && raw != nil {
			raw.Close()
		}
	}()
	x := exchangeOf(ctx)
	if x == nil || open == nil {
		return nil, errors.New("exchange: dial without an exchange")
	}
	deadline, _ := x.Deadline()
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	stop := context.AfterFunc(x.Context, func() {
		if !x.done.Load() || x.conn == nil {
			cancel()
		}
	})
	defer stop()

	x.phase.CompareAndSwap(phaseStart, phaseDial)
	raw, err = open(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	if raw == nil {
		return nil, errors.New("exchange: the dialer returned neither a connection nor an error")
	}
	if !secure {
		return &conn{Conn: raw, raw: raw}, nil
	}
	x.phase.CompareAndSwap(phaseDial, phaseTLS)
	over, err := d.handshake(ctx, x, raw, addr)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: over, raw: raw}, nil
}

func (d *dialer) handshake(ctx context.Context, x *exchange, raw net.Conn, addr string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	cfg := d.tls.Clone()
	// A name's final dot is not part of what certificates name (RFC 6066,
	// section 3).
	cfg.ServerName = strings.TrimSuffix(host, ".")
	if len(cfg.Certificates) == 0 && cfg.GetClientCertificate == nil {
		cfg.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			x.hinted.Store(true)
			return &tls.Certificate{}, nil
		}
	}
	over := tls.Client(raw, cfg)
	if err := over.HandshakeContext(ctx); err != nil {
		return nil, err
	}
	return over, nil
}
