package exchange

import (
	"strconv"
	"syscall"
	"time"
)

// Class is a stable code for why an exchange failed.
type Class string

const (
	ClassDNS           Class = "dns"
	ClassAddress       Class = "address_not_allowed"
	ClassRefused       Class = "connection_refused"
	ClassReset         Class = "connection_reset"
	ClassUnreachable   Class = "unreachable"
	ClassConnect       Class = "connect_timeout"
	ClassTimeout       Class = "timeout"
	ClassTLSExpired    Class = "tls_certificate_expired"
	ClassTLSWrongHost  Class = "tls_wrong_host"
	ClassTLSAuthority  Class = "tls_unknown_authority"
	ClassTLSCert       Class = "tls_certificate"        // any other fault of the certificate
	ClassTLSClientCert Class = "tls_client_certificate" // the endpoint wants one of ours
	ClassTLSVersion    Class = "tls_version"
	ClassTLSPlain      Class = "tls_plain_text"
	ClassTLS           Class = "tls_handshake" // any other failure of the handshake
	ClassNotHTTP       Class = "not_http"
	ClassHeaders       Class = "headers_too_large"
	ClassRedirect      Class = "redirect"
	ClassStatus        Class = "status"
	ClassCanceled      Class = "canceled" // no verdict: the sender stopped
	ClassInternal      Class = "internal" // no verdict: the sender's own fault
)

// The sentences, for the endpoint's owner. They name what to do where that is
// known, and never an address: what a name resolves to here is nobody's
// business outside.
const (
	textNoName        = "the host name does not exist in DNS: check the URL"
	textNoDNS         = "the host name could not be resolved just now: its name servers gave no usable answer"
	textAddress       = "address not allowed: webhooks are sent to public addresses only"
	textPlainAddress  = "address not allowed for plain http: enter an https URL with a public address"
	textPlainHTTP     = "plain http is not allowed: enter an https URL"
	textRefused       = "connection refused: nothing listens on this port"
	textUnreachable   = "the host cannot be reached over the network"
	textResetConnect  = "the connection was closed before a request could be sent"
	textResetSilent   = "the connection was closed before an answer came"
	textResetPartial  = "the connection was closed in the middle of the answer's headers"
	textTLSHostPrefix = "the TLS certificate is not valid for "
	textTLSAuthority  = "the TLS certificate is not signed by a known authority: install it with its intermediate certificates"
	textTLSCert       = "the TLS certificate could not be verified"
	textTLSClientCert = "the endpoint asks for a client certificate, and none is sent"
	textTLSVersion    = "no common TLS version: TLS 1.2 or newer is needed"
	textTLSPlain      = "the port answered without TLS: it serves plain http or something else"
	textTLSALPN       = "the endpoint does not offer HTTP/1.1 over TLS"
	textTLSName       = "the endpoint does not know this host name (TLS)"
	textTLSClosed     = "the connection was closed during the TLS handshake"
	textTLSTooLarge   = "the TLS handshake is larger than 32 KiB: send the certificate and its intermediates only"
	textTLS           = "the TLS handshake failed"
	textNotHTTP       = "the answer is not HTTP/1.1"
	textHeaders       = "the answer's headers are larger than 64 KiB"
	textCanceled      = "the delivery was stopped by the sender"
	textInternal      = "the delivery failed inside the sender"
)

func textConnect(d time.Duration) string {
	return "no connection within " + seconds(d) + ": check the host, the port and the firewall"
}

func textHandshake(d time.Duration) string {
	return "connected, but the TLS handshake was not complete within " + seconds(d)
}

func textNoAnswer(d time.Duration) string {
	return "no answer within " + seconds(d) + ": answer first, then do the work"
}

func textPartial(d time.Duration) string {
	return "an answer began, but its headers were not complete within " + seconds(d)
}

func seconds(d time.Duration) string {
	if d < time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Round(100*time.Millisecond).Seconds(), 'f', -1, 64) + " s"
}

// statusHints follow "answered NNN".
var statusHints = map[int]string{
	101: ": an unexpected status; the request asks for no upgrade",
	400: ": the endpoint does not accept this request",
	401: ": the endpoint asks for credentials",
	403: ": the endpoint forbids the request; a firewall may be in the way",
	404: ": nothing answers at this path, check the URL",
	405: ": the endpoint does not accept POST at this path",
	410: ": the endpoint says that it is gone for good",
	411: ": the endpoint does not accept this request",
	413: ": the endpoint does not accept payloads of this size",
	415: ": the endpoint does not accept this content type",
	429: ": the endpoint asks for a slower pace",
	500: ": the endpoint failed while it handled the request",
	502: ": a proxy in front of the endpoint got no answer from it",
	503: ": the endpoint is not available just now",
	504: ": a proxy in front of the endpoint waited too long for it",
}

// alerts are the TLS alerts that tell an owner more than "failed" (RFC 8446,
// section 6).
var alerts = map[uint64]struct {
	class Class
	text  string
}{
	70:  {ClassTLSVersion, textTLSVersion},
	112: {ClassTLS, textTLSName},
	116: {ClassTLSClientCert, textTLSClientCert},
	120: {ClassTLS, textTLSALPN},
}

// errnos sorts what the kernel says. The numbers are Windows' own, which its
// port of package syscall reports as they are.
var errnos = map[syscall.Errno]Class{
	syscall.ECONNREFUSED: ClassRefused, 10061: ClassRefused,
	syscall.ECONNRESET: ClassReset, 10054: ClassReset,
	syscall.ECONNABORTED: ClassReset, 10053: ClassReset,
	syscall.EPIPE:        ClassReset,
	syscall.EHOSTUNREACH: ClassUnreachable, 10065: ClassUnreachable,
	syscall.ENETUNREACH: ClassUnreachable, 10051: ClassUnreachable,
	syscall.EHOSTDOWN: ClassUnreachable, 10064: ClassUnreachable,
	syscall.EACCES: ClassUnreachable, 10013: ClassUnreachable,
	syscall.EPERM: ClassUnreachable,
	// What routers on the way say by ICMP, or this machine's link.
	syscall.ENETDOWN: ClassUnreachable, 10050: ClassUnreachable,
	syscall.ENOPROTOOPT: ClassUnreachable, 10042: ClassUnreachable,
	syscall.EOPNOTSUPP: ClassUnreachable, 10045: ClassUnreachable,
	syscall.EPROTO:    ClassUnreachable,
	syscall.ETIMEDOUT: ClassConnect, 10060: ClassConnect,
	// Out of descriptors, ports or memory: this side's fault.
	syscall.EMFILE: ClassInternal, 10024: ClassInternal,
	syscall.ENFILE:        ClassInternal,
	syscall.EADDRNOTAVAIL: ClassInternal, 10049: ClassInternal,
	syscall.ENOBUFS: ClassInternal, 10055: ClassInternal,
	syscall.ENOMEM: ClassInternal,
}
