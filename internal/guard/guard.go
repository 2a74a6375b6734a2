// Package guard decides where a webhook may be sent and which headers a
// customer may add to it.
//
// Both come from strangers. [Policy.URL] judges a URL by its text and is the
// one function for every way in: create, update, import, test, resend, and rows
// that were stored before the policy was. What counts in the end is the check of
// the address that is dialled, which [Dialer] makes on every try: a name may
// answer one thing while it is checked and another when it is used.
package guard

import (
	"fmt"
	"net/netip"
	"slices"
)

// Policy says which targets may be dialled. The zero value and nil allow
// https:// to public addresses, nothing else.
type Policy struct {
	// Allow holds the prefixes that the operator opened besides the public
	// addresses, such as 10.20.0.0/16. While it is not empty, local names
	// (localhost, single labels, .internal and the like) pass [Policy.URL],
	// and the address that they have at the time of the dial decides.
	Allow []netip.Prefix

	// PlainHTTP allows http:// too, to addresses inside Allow only.
	PlainHTTP bool
}

// Validate reports the first setting that cannot be meant as it is written.
func (p *Policy) Validate() error {
	if p == nil {
		return nil
	}
	for i, prefix := range p.Allow {
		switch {
		case !prefix.IsValid():
			return fmt.Errorf("field Allow[%d]: not a valid prefix: build it with netip.ParsePrefix", i)
		case prefix.Bits() == 0:
			return fmt.Errorf("field Allow[%d]: %s opens every address: list the ranges that are meant", i, prefix)
		case prefix.Addr().Is4In6():
			return fmt.Errorf("field Allow[%d]: %s: write an IPv4 range as an IPv4 prefix", i, prefix)
		case prefix != prefix.Masked():
			return fmt.Errorf("field Allow[%d]: %s has bits set behind the prefix: write %s, or /%d for the one address",
				i, prefix, prefix.Masked(), prefix.Addr().BitLen())
		}
	}
	if p.PlainHTTP && len(p.Allow) == 0 {
		return fmt.Errorf("field PlainHTTP: http:// is only sent to prefixes in Allow, which is empty: list them, or leave PlainHTTP off")
	}
	return nil
}

// opened reports whether the operator opened any prefix.
func (p *Policy) opened() bool { return p != nil && len(p.Allow) > 0 }

// plainHTTP reports whether http:// is allowed at all.
func (p *Policy) plainHTTP() bool { return p.opened() && p.PlainHTTP }

func (p *Policy) clone() *Policy {
	if p == nil {
		return &Policy{}
	}
	return &Policy{Allow: slices.Clone(p.Allow), PlainHTTP: p.PlainHTTP}
}

// Codes of a [Refusal]. They are stable: hosts map them to their own form and
// language.
const (
	CodeURLTooLong   = "url_too_long"   // over MaxURLBytes
	CodeURLCharacter = "url_character"  // a character or percent-encoding that a URL cannot hold
	CodeURLScheme    = "url_scheme"     // not https
	CodeURLFragment  = "url_fragment"   // a #fragment, which is never sent
	CodeURLUserinfo  = "url_userinfo"   // user:password@
	CodeURLHost      = "url_host"       // no host, or not the name of one
	CodeURLIDN       = "url_idn"        // an international name that would have to be rewritten
	CodeURLLocalName = "url_local_name" // a name that the public DNS does not have
	CodeURLPort      = "url_port"       // not a port, or one of another protocol
	CodeURLAddress   = "url_address"    // an address that is not allowed, or not in its usual form

	CodeHeaderName     = "header_name"     // not a header name
	CodeHeaderReserved = "header_reserved" // a header that is not the customer's to set
	CodeHeaderValue    = "header_value"    // a character that a value cannot hold
	CodeHeaderTooLong  = "header_too_long" // over MaxHeaderNameBytes or MaxHeaderValueBytes
)

// Refusal is the one error type of this package's verdicts.
type Refusal struct {
	Code   string // one of the Code constants
	Reason string // a sentence for the customer; names no internal address
}

// Error returns the reason.
func (r *Refusal) Error() string { return r.Reason }

func refuse(code, reason string) *Refusal { return &Refusal{Code: code, Reason: reason} }
