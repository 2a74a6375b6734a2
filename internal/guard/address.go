package guard

import (
	"net/netip"
	"slices"
)

// refusedAddress is the same for every address, so that nobody can map the
// operator's network with it.
func refusedAddress() *Refusal {
	return refuse(CodeURLAddress, "Address not allowed: use the public address of your receiver.")
}

// refusedPlain is the same for every address of an http:// target.
func refusedPlain() *Refusal {
	return refuse(CodeURLAddress, "Address not allowed for plain http: use https and the public address of your receiver.")
}

// Addr judges one address: nil, or a *[Refusal]. Public addresses and those
// inside Allow pass.
func (p *Policy) Addr(a netip.Addr) error {
	a = canonical(a)
	if !a.IsValid() || !p.allows(a) && !public(a) {
		return refusedAddress()
	}
	return nil
}

// plainAddr judges the address of an http:// target, which has to be opened.
func (p *Policy) plainAddr(a netip.Addr) error {
	if !p.plainHTTP() || !p.allows(canonical(a)) {
		return refusedPlain()
	}
	return nil
}

// canonical drops the zone and turns an IPv4-mapped address (RFC 4291 2.5.5.2)
// into the IPv4 address that the kernel connects to.
func canonical(a netip.Addr) netip.Addr { return a.WithZone("").Unmap() }

func (p *Policy) allows(a netip.Addr) bool {
	if p == nil || !slices.ContainsFunc(p.Allow, func(prefix netip.Prefix) bool { return prefix.Contains(a) }) {
		return false
	}
	// Whoever opens NAT64 for its DNS64 opens a way to every IPv4 address:
	// the one behind it is judged too.
	if wellKnownNAT64.Contains(a) {
		b := a.As16()
		return p.Addr(netip.AddrFrom4([4]byte(b[12:]))) == nil
	}
	return true
}

func public(a netip.Addr) bool {
	list := specialIPv4
	if a.Is6() {
		if !globalUnicast.Contains(a) {
			return false
		}
		list = specialIPv6
	}
	return !slices.ContainsFunc(list, func(s special) bool { return s.prefix.Contains(a) })
}
