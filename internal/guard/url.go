package guard

import (
	"net/url"
	"strings"
	"unicode/utf8"
)

// MaxURLBytes bounds a URL, as given and as normalised.
const MaxURLBytes = 2048

// URL judges a target by its text and returns it normalised; the error is a
// *[Refusal]. It resolves nothing.
//
// Normalised means: scheme and host in lower case, an international name in its
// A-labels (xn--…), one trailing dot of the host removed (TLS server names carry
// none), an empty port and the scheme's default port dropped, an IPv6 address
// in the form of RFC 5952. Path and query stay byte for byte, dot segments,
// double slashes and percent-encodings included. Nothing else is repaired: a
// URL that two parsers could read differently is refused. URL accepts what it
// returned without a further change.
func (p *Policy) URL(raw string) (*url.URL, error) {
	u, refusal := p.parseURL(raw)
	if refusal != nil {
		return nil, refusal // not a nil *Refusal in an error
	}
	return u, nil
}

func (p *Policy) parseURL(raw string) (*url.URL, *Refusal) {
	if len(raw) > MaxURLBytes {
		return nil, refusedLength()
	}
	if refusal := checkText(raw); refusal != nil {
		return nil, refusal
	}
	scheme, rest, refusal := p.splitScheme(raw)
	if refusal != nil {
		return nil, refusal
	}
	if strings.Contains(rest, "#") {
		return nil, refuse(CodeURLFragment, "Remove the # and what follows: it is never sent.")
	}
	authority, target := rest, ""
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, target = rest[:i], rest[i:]
	}
	if strings.Contains(authority, "@") {
		return nil, refuse(CodeURLUserinfo,
			"Remove the user name and password from the URL: send credentials in a header of your own, such as Authorization.")
	}
	host, port, refusal := splitPort(authority)
	if refusal != nil {
		return nil, refusal
	}
	if host, refusal = p.normaliseHost(scheme, host); refusal != nil {
		return nil, refusal
	}
	if port, refusal = normalisePort(scheme, port); refusal != nil {
		return nil, refusal
	}
	if refusal = checkTarget(target); refusal != nil {
		return nil, refusal
	}
	if port != "" {
		port = ":" + port
	}
	return reparse(scheme+"://"+host+port+target, host+port, target)
}

// reparse hands the text to net/url and refuses whatever it reads otherwise:
// what was judged is what will be dialled and written on the wire.
func reparse(text, host, target string) (*url.URL, *Refusal) {
	if len(text) > MaxURLBytes {
		return nil, refusedLength()
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, refuse(CodeURLCharacter, "This is not a valid URL: check it for typing errors.")
	}
	if !strings.HasPrefix(target, "/") {
		target = "/" + target
	}
	if u.Host != host || u.RequestURI() != target || u.String() != text {
		return nil, refuse(CodeURLCharacter, "This URL can be read in more than one way: write it in its plain form.")
	}
	return u, nil
}

func refusedLength() *Refusal {
	return refuse(CodeURLTooLong, "The URL is too long: use at most 2048 bytes.")
}

// checkText refuses what no part of a URL may hold. Browsers strip some of it
// and read a backslash as a slash, which gives another host.
func checkText(raw string) *Refusal {
	if !utf8.ValidString(raw) {
		return refuse(CodeURLCharacter, "The URL is not valid UTF-8 text: type it again.")
	}
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == ' ':
			return refuse(CodeURLCharacter, "Remove the spaces from the URL, those at its start and end too; write one inside the path as %20.")
		case c < ' ' || c == 0x7f:
			return refuse(CodeURLCharacter, "Remove the line break, tab or other control character from the URL.")
		case c == '\\':
			return refuse(CodeURLCharacter, "Remove the backslash from the URL: use / in paths, or %5C if the backslash is meant.")
		}
	}
	return nil
}

func (p *Policy) splitScheme(raw string) (scheme, rest string, refusal *Refusal) {
	scheme, rest, ok := strings.Cut(raw, "://")
	scheme = asciiLower(scheme)
	switch {
	case ok && scheme == "https", ok && scheme == "http" && p.plainHTTP():
		return scheme, rest, nil
	case p.plainHTTP():
		return "", "", refuse(CodeURLScheme, "The URL has to start with https:// (or http:// for the addresses that the operator opened).")
	default:
		return "", "", refuse(CodeURLScheme, "The URL has to start with https://.")
	}
}

// checkTarget judges path and query. RFC 3986 characters pass, and [ and ],
// which everybody uses in queries; so do {|}^` in the query, since nothing on
// the way rewrites them there. In a path net/http would encode them, and the
// receiver would not see the bytes that were typed.
func checkTarget(target string) *Refusal {
	inQuery := false
	for i := range len(target) {
		c := target[i]
		switch {
		case c >= utf8.RuneSelf:
			return refuse(CodeURLCharacter, "Write characters other than ASCII in the path and query percent-encoded, such as %C3%B6.")
		case c == '%':
			if i+2 >= len(target) || !isHex(target[i+1]) || !isHex(target[i+2]) {
				return refuse(CodeURLCharacter, "A % has to be followed by two hexadecimal digits: write a plain % as %25.")
			}
		case c == '?':
			inQuery = true
		case isAlnum(c), strings.IndexByte("/-._~!$&'()*+,;=:@[]", c) >= 0:
		case inQuery && strings.IndexByte("{|}^`", c) >= 0:
		default:
			return refuse(CodeURLCharacter, "The path or query holds a character that has to be percent-encoded, such as %22 for a quotation mark or %7B for a brace.")
		}
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isHex(c byte) bool   { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
func isAlpha(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }
func isAlnum(c byte) bool { return isDigit(c) || isAlpha(c) }

// asciiLower leaves all but A-Z alone: a letter such as the Kelvin sign must
// not turn into a k here.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}
