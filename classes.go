package webhook

import "github.com/autoreach/webhook/internal/exchange"

// The classes of failure in [Attempt.Class]: stable, for programs. Attempt.Error
// says the same in a sentence for the endpoint's owner.
const (
	ClassDNS           = string(exchange.ClassDNS)
	ClassAddress       = string(exchange.ClassAddress)
	ClassRefused       = string(exchange.ClassRefused)
	ClassReset         = string(exchange.ClassReset)
	ClassUnreachable   = string(exchange.ClassUnreachable)
	ClassConnect       = string(exchange.ClassConnect)
	ClassTimeout       = string(exchange.ClassTimeout)
	ClassTLSExpired    = string(exchange.ClassTLSExpired)
	ClassTLSWrongHost  = string(exchange.ClassTLSWrongHost)
	ClassTLSAuthority  = string(exchange.ClassTLSAuthority)
	ClassTLSCert       = string(exchange.ClassTLSCert)
	ClassTLSClientCert = string(exchange.ClassTLSClientCert)
	ClassTLSVersion    = string(exchange.ClassTLSVersion)
	ClassTLSPlain      = string(exchange.ClassTLSPlain)
	ClassTLS           = string(exchange.ClassTLS)
	ClassNotHTTP       = string(exchange.ClassNotHTTP)
	ClassHeaders       = string(exchange.ClassHeaders)
	ClassRedirect      = string(exchange.ClassRedirect)
	ClassStatus        = string(exchange.ClassStatus)
	ClassCanceled      = string(exchange.ClassCanceled)
	ClassInternal      = string(exchange.ClassInternal)
)
