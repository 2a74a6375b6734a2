package guard

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
)

// Control judges the concrete address of one try, once the name is resolved and
// before the kernel connects. It is made for [net.Dialer.ControlContext].
func (p *Policy) Control(ctx context.Context, network, address string, c syscall.RawConn) error {
	return control(p.Addr, network, address)
}

// ControlPlain is Control for http://: only addresses inside Allow pass, and
// none unless PlainHTTP is set.
func (p *Policy) ControlPlain(ctx context.Context, network, address string, c syscall.RawConn) error {
	return control(p.plainAddr, network, address)
}

func control(judge func(netip.Addr) error, network, address string) error {
	if network != "tcp4" && network != "tcp6" {
		return refusedAddress()
	}
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return refusedAddress()
	}
	return judge(target.Addr())
}

// DialHost returns the host to resolve for the host of a URL: a name of the
// public DNS becomes absolute, so that no search domain of the machine applies
// to it (RFC 1034 3.1). An address stays as it is, and so does a local name,
// which the policy lets pass only where prefixes are opened: hosts files and
// private resolvers know it without the dot.
func DialHost(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || strings.HasSuffix(host, ".") || local(strings.Split(host, ".")) {
		return host
	}
	return host + "."
}

// Dialer connects to what its policy allows. A connection that it returns was
// judged by its address, whatever the name said before.
type Dialer struct {
	tls, plain net.Dialer
}

// NewDialer returns a Dialer with the settings of base: its resolver, timeouts,
// local address. Control functions of base run after the guard's, for the
// addresses that passed. Both parameters may be nil; p is copied.
func NewDialer(p *Policy, base *net.Dialer) *Dialer {
	p = p.clone()
	if base == nil {
		base = new(net.Dialer)
	}
	d := &Dialer{tls: *base, plain: *base}
	d.tls.ControlContext = chain(p.Control, base)
	d.plain.ControlContext = chain(p.ControlPlain, base)
	return d
}

// maxTries bounds how many addresses of a name one dial tries. An answer of the
// DNS may hold some thousand, each of somebody who never asked for a connection.
const maxTries = 16

var errTries = errors.New("guard: the name has too many addresses that cannot be connected to")

// triesKey is where a dial's context has the number of addresses it tried.
type triesKey struct{}

func countTry(ctx context.Context) error {
	if tries, ok := ctx.Value(triesKey{}).(*atomic.Int32); ok && tries.Add(1) > maxTries {
		return errTries
	}
	return nil
}

type controlFunc = func(ctx context.Context, network, address string, c syscall.RawConn) error

func chain(guard controlFunc, base *net.Dialer) controlFunc {
	// net.Dialer ignores Control where ControlContext is set, and so does this.
	after, older := base.ControlContext, base.Control
	return func(ctx context.Context, network, address string, c syscall.RawConn) error {
		if err := guard(ctx, network, address, c); err != nil {
			return err
		}
		if err := countTry(ctx); err != nil {
			return err
		}
		switch {
		case after != nil:
			return after(ctx, network, address, c)
		case older != nil:
			return older(network, address, c)
		}
		return nil
	}
}

// DialContext dials for https://; it fits [net/http.Transport.DialContext]. It
// speaks no TLS itself. A target that is not allowed gives a *[Refusal].
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	return dial(ctx, &d.tls, network, address)
}

// DialPlainContext dials for http://. A transport does not tell its dialer the
// scheme, so plain HTTP needs a transport of its own.
func (d *Dialer) DialPlainContext(ctx context.Context, network, address string) (net.Conn, error) {
	return dial(ctx, &d.plain, network, address)
}

func dial(ctx context.Context, d *net.Dialer, network, address string) (net.Conn, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	default:
		return nil, refusedAddress()
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" {
		return nil, refusedAddress()
	}
	ctx = context.WithValue(ctx, triesKey{}, new(atomic.Int32))
	conn, err := d.DialContext(ctx, network, net.JoinHostPort(DialHost(host), port))
	if err != nil {
		return nil, withoutAddresses(network, err)
	}
	return conn, nil
}

// withoutAddresses drops from an error what a customer is not to learn: the
// address that was refused (net.OpError prints it) and those of the operator's
// DNS servers.
func withoutAddresses(network string, err error) error {
	var refusal *Refusal
	if errors.As(err, &refusal) {
		return refusal
	}
	var lookup *net.DNSError
	if !errors.As(err, &lookup) {
		return err
	}
	clean := &net.DNSError{
		UnwrapErr: lookup.UnwrapErr, Err: "lookup failed", Name: strings.TrimSuffix(lookup.Name, "."),
		IsTimeout: lookup.IsTimeout, IsTemporary: lookup.IsTemporary, IsNotFound: lookup.IsNotFound,
	}
	switch {
	case lookup.IsNotFound:
		clean.Err = "no such host"
	case lookup.IsTimeout:
		clean.Err = "timeout"
	}
	return &net.OpError{Op: "dial", Net: network, Err: clean}
}
