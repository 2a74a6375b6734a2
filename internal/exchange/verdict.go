package exchange

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"syscall"
	"time"

	"github.com/autoreach/webhook/internal/guard"
)

// failure is the verdict when there was no answer. An error that came first is
// the verdict even when the time ran out before it was looked at.
func (x *exchange) failure(err error) Result {
	if ended := x.ended(); ended != nil {
		return canceled(ended)
	}
	class, text := x.classify(err)
	if !time.Now().Before(x.deadline) && (class == ClassInternal || isOurs(err)) {
		class, text = x.timeoutVerdict()
	}
	return Result{Class: class, Error: bounded(text), Cause: err}
}

// isOurs reports an error that our own end of the exchange brought about.
func isOurs(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, net.ErrClosed)
}

func (x *exchange) timeoutVerdict() (Class, string) {
	switch {
	case x.phase == phaseDial:
		return ClassConnect, textConnect(x.Timeout)
	case x.phase == phaseTLS:
		return ClassConnect, textHandshake(x.Timeout)
	case x.heard:
		return ClassTimeout, textPartial(x.Timeout)
	}
	return ClassTimeout, textNoAnswer(x.Timeout)
}

func (x *exchange) classify(err error) (Class, string) {
	if refusal := (*guard.Refusal)(nil); errors.As(err, &refusal) {
		if x.URL.Scheme == "http" { // it may be public
			return ClassAddress, textPlainAddress
		}
		return ClassAddress, textAddress
	}
	if dns := (*net.DNSError)(nil); errors.As(err, &dns) {
		if dns.IsNotFound {
			return ClassDNS, textNoName
		}
		return ClassDNS, textNoDNS
	}
	if errors.Is(err, errTooMuch) && x.phase == phaseTLS {
		return ClassTLS, textTLSTooLarge
	}
	if class, text := x.classifyTLS(err); class != "" {
		return class, text
	}
	// A transport that was given leaves nothing but net/http's words.
	if errors.Is(err, errHeaders) || errors.Is(err, errTooMuch) || strings.Contains(err.Error(), "response headers exceeded") {
		return ClassHeaders, textHeaders
	}
	if errors.Is(err, errNotHTTP) || strings.Contains(err.Error(), "malformed") {
		return ClassNotHTTP, textNotHTTP
	}
	if class, text := x.classifyNetwork(err); class != "" {
		return class, text
	}
	return ClassInternal, textInternal
}

func (x *exchange) classifyNetwork(err error) (Class, string) {
	var errno syscall.Errno
	class := Class("")
	if errors.As(err, &errno) {
		class = errnos[errno]
	}
	switch {
	case class == ClassRefused:
		return class, textRefused
	case class == ClassUnreachable:
		return class, textUnreachable
	case class == ClassInternal:
		return class, textInternal
	case class == ClassConnect, isTimeout(err):
		return x.timeoutVerdict()
	case class == ClassReset, isClosed(err):
		switch {
		case x.phase == phaseTLS:
			return ClassTLS, textTLSClosed
		case x.phase == phaseDial:
			return ClassReset, textResetConnect
		case x.heard:
			return ClassReset, textResetPartial
		}
		return ClassReset, textResetSilent
	}
	return "", ""
}

// isTimeout covers a deadline that a lower layer noticed first.
func isTimeout(err error) bool {
	var t net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}

// isClosed covers an end of the stream. A net/http transport that was given has
// an unexported value for one on a kept connection.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) ||
		strings.Contains(err.Error(), "server closed idle connection")
}

func (x *exchange) classifyTLS(err error) (Class, string) {
	var (
		invalid x509.CertificateInvalidError
		host    x509.HostnameError
		unknown x509.UnknownAuthorityError
		roots   x509.SystemRootsError
		verify  *tls.CertificateVerificationError
		record  tls.RecordHeaderError
		op      *net.OpError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil:
		if time.Now().Before(invalid.Cert.NotBefore) {
			return ClassTLSCert, "the TLS certificate is not valid before " + day(invalid.Cert.NotBefore)
		}
		return ClassTLSExpired, "the TLS certificate expired on " + day(invalid.Cert.NotAfter)
	case errors.As(err, &host):
		return ClassTLSWrongHost, textTLSHostPrefix + printable(x.URL.Hostname(), 100)
	case errors.As(err, &unknown):
		return ClassTLSAuthority, textTLSAuthority
	case errors.As(err, &roots):
		return ClassInternal, textInternal
	case errors.As(err, &verify), errors.As(err, &invalid):
		return ClassTLSCert, textTLSCert
	case errors.As(err, &record):
		return ClassTLSPlain, textTLSPlain
	case errors.As(err, &op) && op.Op == "remote error":
		return x.alert(op.Err)
	case x.phase == phaseTLS && strings.Contains(err.Error(), "unsupported protocol version"):
		return ClassTLSVersion, textTLSVersion
	case x.phase == phaseTLS && strings.HasPrefix(err.Error(), "tls: "):
		return ClassTLS, textTLS
	}
	return "", ""
}

// alert reads the number of a TLS alert, whose type crypto/tls keeps to itself.
func (x *exchange) alert(err error) (Class, string) {
	v := reflect.ValueOf(err)
	if v.Kind() != reflect.Uint8 {
		return "", ""
	}
	if a, ok := alerts[v.Uint()]; ok {
		return a.class, a.text
	}
	if x.hinted {
		// Before TLS 1.3 a missing certificate has no alert of its own.
		return ClassTLSClientCert, textTLSClientCert
	}
	return ClassTLS, textTLS
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// bounded keeps a sentence at 300 bytes. All sentences are ASCII.
func bounded(s string) string { return s[:min(len(s), 300)] }

// printable keeps at most n bytes of printable ASCII.
func printable(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), n)]
}
