package guard

import (
	"slices"
	"strings"
)

// Bounds of the headers that a customer adds to one endpoint. Header checks the
// first two; whoever keeps the list counts it.
const (
	MaxHeaderNameBytes  = 128
	MaxHeaderValueBytes = 4096
	MaxHeaders          = 20
	MaxHeadersBytes     = 16 << 10 // names and values together
)

// Header judges one header that a customer wants to be sent; the error is a
// *[Refusal]. An accepted header goes onto the wire unchanged. The names in
// signers are reserved too.
func Header(name, value string, signers ...string) error {
	if refusal := checkHeader(name, value, signers); refusal != nil {
		return refusal // not a nil *Refusal in an error
	}
	return nil
}

// SignerHeader judges the name of a header that the operator has signatures
// in; the error is a *[Refusal]. Names that are kept from customers because
// they are a signature's are fine here.
func SignerHeader(name string) error {
	switch {
	case len(name) > MaxHeaderNameBytes:
		return refuse(CodeHeaderTooLong, "The name of the header is too long: use at most 128 characters.")
	case !isToken(name):
		return refuse(CodeHeaderName, "The name of a header may only hold letters, digits and hyphens, such as Acme-Signature.")
	case reserved(plainName(name)):
		return refuse(CodeHeaderReserved, "This header is no place for a signature: it belongs to the delivery itself or to servers on the way. Use a name such as Acme-Signature.")
	}
	return nil
}

// SameHeader reports whether two names are one to some server.
func SameHeader(a, b string) bool { return plainName(a) == plainName(b) }

func checkHeader(name, value string, signers []string) *Refusal {
	switch {
	case len(name) > MaxHeaderNameBytes:
		return refuse(CodeHeaderTooLong, "The name of the header is too long: use at most 128 characters.")
	case len(value) > MaxHeaderValueBytes:
		return refuse(CodeHeaderTooLong, "The value of the header is too long: use at most 4096 characters.")
	case !isToken(name):
		return refuse(CodeHeaderName, "The name of a header may only hold letters, digits and hyphens, such as X-Api-Key.")
	case reserved(plainName(name)), signatureHeader(plainName(name)),
		slices.ContainsFunc(signers, func(s string) bool { return SameHeader(s, name) }):
		return refuse(CodeHeaderReserved, "This header cannot be set: it belongs to the delivery itself or to servers on the way. Use a name of your own, such as X-Api-Key.")
	case strings.HasPrefix(value, " ") || strings.HasPrefix(value, "\t"),
		strings.HasSuffix(value, " ") || strings.HasSuffix(value, "\t"):
		return refuse(CodeHeaderValue, "Remove the spaces at the start and end of the header's value.")
	case !isFieldValue(value):
		return refuse(CodeHeaderValue, "The value of a header may only hold ASCII letters, digits, punctuation and spaces, no line breaks.")
	case metadataCredential(name, value):
		return refuse(CodeHeaderReserved, "This value cannot be set: it belongs to a cloud's metadata service.")
	}
	return nil
}

// isToken is RFC 9110 5.6.2. Pseudo-headers of HTTP/2 fail it by their colon.
func isToken(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isAlnum(c) && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return name != ""
}

// isFieldValue allows visible ASCII, spaces and tabs (RFC 9110 5.5). Other bytes
// are obsolete there: receivers differ in how they read them, and some cut
// U+010A down to a line feed.
func isFieldValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

// plainName is what names are compared by. CGI (RFC 3875 4.1.18) and its kin
// make the same variable of X-Forwarded-For, X_Forwarded_For and, in some
// servers, X.Forwarded.For, so they are one name here.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if isAlnum(byte(r)) { // a token is ASCII
			return r
		}
		return '-'
	}, asciiLower(name))
}

// signatureHeader reports whether a plain name is one of the signature and its
// kin.
func signatureHeader(name string) bool {
	return slices.ContainsFunc(signaturePrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// reserved reports whether a plain name is neither the customer's nor the
// signature's to set.
func reserved(name string) bool {
	if slices.Contains(customersOwn, name) {
		return false
	}
	return slices.Contains(reservedNames, name) ||
		slices.ContainsFunc(reservedPrefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) ||
		slices.ContainsFunc(reservedSuffixes, func(suffix string) bool { return strings.HasSuffix(name, suffix) }) ||
		strings.Contains(name, "metadata") // the key to several clouds' metadata services
}

var reservedNames = []string{
	// Framing and what ends at the next hop (RFC 9110 7.6, RFC 9112).
	"connection", "keep-alive", "te", "trailer", "trailers", "upgrade", "expect", "max-forwards",
	// Routing, and what only intermediaries may say (RFC 7239, RFC 8586, RFC 8470, RFC 9440).
	"host", "via", "forwarded", "cdn-loop", "early-data", "client-cert", "client-cert-chain",
	"x-host", "x-method-override", "method-override", "proxy", "x-vault-request",
	// Set by the delivery. net/http sends a request again by itself when it
	// sees a key of idempotency, which would be an attempt without a record.
	"accept-encoding", "user-agent", "idempotency-key", "x-idempotency-key",
}

// Receivers' libraries read Svix-* in place of Webhook-*, and those of Stripe
// and GitHub their own.
var signaturePrefixes = []string{"webhook-", "x-webhook-", "svix-", "stripe-signature", "x-hub-signature"}

var reservedPrefixes = []string{
	"content-", "transfer-", "http2-", "sec-",
	// Trusted by servers behind a proxy: who is calling, for which host, URL and method.
	"proxy-", "x-proxy", "x-forward", "x-original", "x-originating", "x-rewrite", "x-override-",
	"x-real-", "x-remote-", "remote-", "x-http-", "x-ssl-", "ssl-client-", "x-client-cert", "cf-",
	// Orders to the proxies of a service mesh.
	"x-envoy-", "l5d-",
}

// customersOwn fall under a prefix above and are credentials all the same: with
// these a request passes Cloudflare Access on its way to the receiver.
var customersOwn = []string{"cf-access-client-id", "cf-access-client-secret"}

// reservedSuffixes are claims of a client's address: X-Real-IP, True-Client-IP,
// CF-Connecting-IPv6, X-Azure-ClientIP.
var reservedSuffixes = []string{"-ip", "-ipv4", "-ipv6", "clientip", "socketip", "remote-addr"}

// metadataCredential knows the fixed credential of the metadata service that
// guards itself with a usual header.
func metadataCredential(name, value string) bool {
	return strings.EqualFold(name, "Authorization") &&
		strings.EqualFold(strings.Join(strings.Fields(value), " "), "Bearer Oracle")
}
