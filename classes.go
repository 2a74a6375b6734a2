package webhook

import "github.com/autoreach/webhook/internal/exchange"

// The classes of failure in [Attempt.Class]: stable, for programs. Attempt.Error
// says the same in a sentence for the endpoint's owner.
const (
	ClassDNS           = string(exchange.ClassDNS)           // the host name has no address, or DNS did not answer
	ClassAddress       = string(exchange.ClassAddress)       // an address that is not allowed
	ClassRefused       = string(exchange.ClassRefused)       // nothing listens there
	ClassReset         = string(exchange.ClassReset)         // the connection was closed before a whole answer
	ClassUnreachable   = string(exchange.ClassUnreachable)   // no route to the host
	ClassConnect       = string(exchange.ClassConnect)       // no connection, or no TLS session, in time
	ClassTimeout       = string(exchange.ClassTimeout)       // no answer in time
	ClassTLSExpired    = string(exchange.ClassTLSExpired)    // the certificate has expired
	ClassTLSWrongHost  = string(exchange.ClassTLSWrongHost)  // the certificate is for another host
	ClassTLSAuthority  = string(exchange.ClassTLSAuthority)  // the certificate is not signed by a known authority
	ClassTLSCert       = string(exchange.ClassTLSCert)       // another fault of the certificate
	ClassTLSClientCert = string(exchange.ClassTLSClientCert) // the endpoint wants a certificate of the sender
	ClassTLSVersion    = string(exchange.ClassTLSVersion)    // no common TLS version
	ClassTLSPlain      = string(exchange.ClassTLSPlain)      // the port does not speak TLS
	ClassTLS           = string(exchange.ClassTLS)           // another failure of the TLS handshake
	ClassNotHTTP       = string(exchange.ClassNotHTTP)       // the answer is not HTTP/1.1
	ClassHeaders       = string(exchange.ClassHeaders)       // the answer's headers are too large
	ClassRedirect      = string(exchange.ClassRedirect)      // 3xx; redirects are not followed
	ClassStatus        = string(exchange.ClassStatus)        // any other answer that is not 2xx
	ClassFormat        = "format"                            // the event could not be put into the endpoint's format; nothing was sent, and it would fail again
	ClassUnknownFormat = "unknown_format"                    // the sender does not know the endpoint's format just now; nothing was sent
	ClassCanceled      = string(exchange.ClassCanceled)      // the sender stopped; says nothing about the endpoint
	ClassInternal      = string(exchange.ClassInternal)      // the sender's own fault; says nothing about the endpoint
)

// SenderFault says whether a class of failure is the sender's own fault and not
// the endpoint's: [ClassInternal], [ClassFormat] and [ClassUnknownFormat].
func SenderFault(class string) bool {
	return class == ClassInternal || class == ClassFormat || class == ClassUnknownFormat
}
