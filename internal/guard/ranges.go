package guard

import "net/netip"

// special is one range that is never dialled unless the operator opened it.
type special struct {
	prefix netip.Prefix
	name   string
	source string
}

// The IANA special-purpose registries (as of 2025-10-09) and what they lack.
// "Globally reachable" in a registry does not make an entry an HTTPS origin:
// those are anycast helpers, identifiers and translators, so all are here.
// Entries within a wider one are left out.
var specialIPv4 = ranges(
	"0.0.0.0/8", "this network; Linux connects 0.0.0.0 to itself", "RFC 791 3.2, RFC 1122 3.2.1.3",
	"10.0.0.0/8", "private use", "RFC 1918",
	"100.64.0.0/10", "shared address space; Tailscale, a cloud's metadata", "RFC 6598",
	"127.0.0.0/8", "loopback", "RFC 1122 3.2.1.3",
	"168.63.129.16/32", "platform services of a virtual machine in Azure", "Microsoft Learn, What is IP address 168.63.129.16",
	"169.254.0.0/16", "link-local; the clouds' metadata", "RFC 3927",
	"172.16.0.0/12", "private use", "RFC 1918",
	"192.0.0.0/24", "IETF protocol assignments; a cloud's metadata", "RFC 6890 2.1",
	"192.0.2.0/24", "documentation, TEST-NET-1", "RFC 5737",
	"192.31.196.0/24", "AS112", "RFC 7535",
	"192.52.193.0/24", "AMT relay discovery", "RFC 7450",
	"192.88.99.0/24", "6to4 relay anycast, deprecated", "RFC 7526",
	"192.168.0.0/16", "private use", "RFC 1918",
	"192.175.48.0/24", "AS112, direct delegation", "RFC 7534",
	"198.18.0.0/15", "benchmarking", "RFC 2544",
	"198.51.100.0/24", "documentation, TEST-NET-2", "RFC 5737",
	"203.0.113.0/24", "documentation, TEST-NET-3", "RFC 5737",
	"224.0.0.0/4", "multicast", "RFC 5771",
	"240.0.0.0/4", "reserved; limited broadcast", "RFC 1112 4, RFC 919 7",
)

// globalUnicast is the only block that IANA gives out addresses from. What is
// outside needs no entry: ::/8 with the unspecified, loopback and
// IPv4-compatible addresses, IPv4-translated ::ffff:0:0:0/96 (RFC 2765) and
// NAT64 64:ff9b::/96 (RFC 6052), 100::/64 (RFC 6666), 5f00::/16 (RFC 9602),
// fc00::/7 (RFC 4193), fe80::/10 (RFC 4291), fec0::/10 (RFC 3879), ff00::/8.
var globalUnicast = netip.MustParsePrefix("2000::/3") // RFC 4291 2.4

// specialIPv6 lists what is special inside globalUnicast.
var specialIPv6 = ranges(
	"2001::/23", "IETF protocol assignments: Teredo, ORCHID, benchmarking", "RFC 2928, RFC 4380, RFC 7343, RFC 5180",
	"2001:db8::/32", "documentation", "RFC 3849",
	"2002::/16", "6to4, which embeds any IPv4 address", "RFC 3056",
	"2620:4f:8000::/48", "AS112, direct delegation", "RFC 7534",
	"3fff::/20", "documentation", "RFC 9637",
)

// wellKnownNAT64 carries an IPv4 address in its last four bytes (RFC 6052 2.1).
var wellKnownNAT64 = netip.MustParsePrefix("64:ff9b::/96")

func ranges(rows ...string) []special {
	list := make([]special, 0, len(rows)/3)
	for i := 0; i < len(rows); i += 3 {
		list = append(list, special{netip.MustParsePrefix(rows[i]), rows[i+1], rows[i+2]})
	}
	return list
}
