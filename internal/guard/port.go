package guard

import (
	"slices"
	"strconv"
	"strings"
)

// splitPort cuts the port, without its colon, off an authority without userinfo.
func splitPort(authority string) (host, port string, refusal *Refusal) {
	i := strings.LastIndexByte(authority, ':')
	if strings.HasPrefix(authority, "[") {
		end := strings.IndexByte(authority, ']')
		switch {
		case end < 0:
			return "", "", refuse(CodeURLHost, "The bracket of the IPv6 address is not closed.")
		case end == len(authority)-1:
			return authority, "", nil
		case i != end+1:
			return "", "", refuse(CodeURLHost, "Only a port may follow the bracket of an IPv6 address.")
		}
		return authority[:i], authority[i+1:], nil
	}
	if i < 0 {
		return authority, "", nil
	}
	if strings.IndexByte(authority, ':') != i {
		return "", "", refuse(CodeURLHost, "Write the host as a name and, if needed, one port; put an IPv6 address in brackets.")
	}
	return authority[:i], authority[i+1:], nil
}

// normalisePort accepts plain decimal digits. An empty port is the default
// (RFC 3986 6.2.3); a padded one is refused, since it hides which port is meant.
func normalisePort(scheme, port string) (string, *Refusal) {
	if port == "" {
		return "", nil
	}
	// ParseUint takes no sign, space or underscore in base 10.
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || port[0] == '0' {
		return "", refuse(CodeURLPort, "The port has to be a number from 1 to 65535, without leading zeros.")
	}
	if slices.Contains(otherProtocols, uint16(n)) {
		return "", refuse(CodeURLPort, "This port belongs to another protocol than HTTP: let your receiver listen on another one, such as 443 or 8443.")
	}
	if scheme == "https" && n == 443 || scheme == "http" && n == 80 {
		return "", nil
	}
	return port, nil
}

// otherProtocols is the bad-port list of the Fetch standard (2.9, port
// blocking), without tcpmux (1), and with Redis and memcached: services that
// might take the bytes of a request for commands of their own.
var otherProtocols = []uint16{
	7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
	101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179,
	389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587,
	601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
	6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080, 11211,
}
