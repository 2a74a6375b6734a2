package guard

import (
	"errors"
	"net/netip"
	"strings"
)

// normaliseHost judges the host by its text. The brackets of an IPv6 address
// are part of it.
func (p *Policy) normaliseHost(scheme, host string) (string, *Refusal) {
	if strings.HasPrefix(host, "[") {
		return p.ipv6Literal(scheme, host)
	}
	if a, err := netip.ParseAddr(host); err == nil && a.Is4() {
		return host, p.literal(scheme, a)
	}
	name, refusal := asciiName(strings.TrimSuffix(host, "."))
	if refusal != nil {
		return "", refusal
	}
	labels := strings.Split(name, ".")
	last := labels[len(labels)-1]
	if numeric(last) {
		// inet_aton and the URL standard read 0x7f.1 and 2130706433 as
		// addresses, octal ones and those with a trailing dot too.
		return "", refuse(CodeURLAddress, "Write an IPv4 address as four decimal numbers without leading zeros, such as 8.8.8.8; a name cannot end in a number.")
	}
	if outsideDNS[last] || !p.opened() && local(labels) {
		return "", refuse(CodeURLLocalName, "This name does not exist on the public internet: use the public name of your receiver, such as hooks.example.com.")
	}
	return name, nil
}

func (p *Policy) ipv6Literal(scheme, host string) (string, *Refusal) {
	text := strings.TrimSuffix(host[1:], "]")
	a, err := netip.ParseAddr(text)
	switch {
	case strings.Contains(text, "%"):
		return "", refuse(CodeURLHost, "Remove the zone (%…) from the IPv6 address.")
	case err != nil || !a.Is6():
		return "", refuse(CodeURLHost, "This is not an IPv6 address: check what is between the brackets.")
	case a.Is4In6():
		return "", refuse(CodeURLAddress, "Write an IPv4 address as four decimal numbers, not in brackets.")
	}
	return "[" + a.String() + "]", p.literal(scheme, a)
}

func (p *Policy) literal(scheme string, a netip.Addr) *Refusal {
	judge := p.Addr
	if scheme == "http" {
		judge = p.plainAddr
	}
	var refusal *Refusal
	errors.As(judge(a), &refusal)
	return refusal
}

// asciiName judges the shape of a name without its trailing dot and returns it
// in lower-case ASCII.
func asciiName(name string) (string, *Refusal) {
	if name == "" {
		return "", refuse(CodeURLHost, "The URL has no host: write it as https://hooks.example.com/path.")
	}
	labels := strings.Split(name, ".")
	for i, label := range labels {
		var refusal *Refusal
		if labels[i], refusal = asciiLabel(asciiLower(label)); refusal != nil {
			return "", refusal
		}
	}
	name = strings.Join(labels, ".")
	if len(name) > 253 { // RFC 1035 2.3.4, without the length bytes at both ends
		return "", refuse(CodeURLHost, "The host name is too long: 253 characters are the most that DNS can hold.")
	}
	return name, nil
}

// asciiLabel accepts letters, digits, hyphens inside (RFC 1123 2.1) and the
// underscore, which works everywhere in practice.
func asciiLabel(label string) (string, *Refusal) {
	if label == "" {
		return "", refuse(CodeURLHost, "The host name has an empty part: check its dots.")
	}
	label, refusal := toALabel(label)
	if refusal != nil {
		return "", refusal
	}
	for i := range len(label) {
		if c := label[i]; !isAlnum(c) && c != '-' && c != '_' {
			return "", refuse(CodeURLHost, "The host name may only hold letters, digits, hyphens, underscores and dots.")
		}
	}
	if len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
		return "", refuse(CodeURLHost, "Each part of the host name between two dots may have at most 63 characters and neither start nor end with a hyphen.")
	}
	return label, nil
}

// numeric reports whether the last label of a name makes it an address for
// somebody (URL standard, "ends in a number").
func numeric(last string) bool {
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// local reports whether a name cannot be one of the public DNS.
func local(labels []string) bool {
	last := labels[len(labels)-1]
	return len(labels) == 1 || localDomains[last] || !topLevel(last)
}

// topLevel reports whether a label can be a top-level domain: those are
// alphabetic or A-labels (RFC 1123 2.1, RFC 3696 2).
func topLevel(label string) bool {
	if strings.HasPrefix(label, acePrefix) {
		return true
	}
	for i := range len(label) {
		if !isAlpha(label[i]) {
			return false
		}
	}
	return len(label) > 1
}

// outsideDNS holds the top-level domains that are never to be looked up in DNS,
// opened prefixes or not.
var outsideDNS = map[string]bool{
	"alt":     true, // RFC 9476
	"invalid": true, // RFC 6761 6.4
	"onion":   true, // RFC 7686
}

// localDomains holds the top-level domains that only private resolvers answer
// for. Others of the kind are found out by the address that they have.
var localDomains = map[string]bool{
	"example":   true, // RFC 6761 6.5; example.com does have an address
	"localhost": true, // RFC 6761 6.3
	"test":      true, // RFC 6761 6.2
	"local":     true, // RFC 6762
	"internal":  true, // ICANN board resolution 2024.07.29.06
	"arpa":      true, // RFC 3172: infrastructure; home.arpa (RFC 8375) and the reverse zones
	"intranet":  true, // RFC 6762 appendix G, down to lan
	"private":   true,
	"corp":      true, // with home and mail never delegated: ICANN board resolution 2018.02.04.12
	"home":      true,
	"lan":       true,
	"mail":      true,

	"localdomain": true, // localhost.localdomain in many hosts files
}
