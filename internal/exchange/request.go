package exchange

import (
	"errors"
	"slices"
	"strconv"
	"strings"
)

// appendHead writes the request line and the headers. What could end a line or
// the head early is refused, wherever it comes from.
func appendHead(b []byte, r *Request) ([]byte, error) {
	target := r.URL.RequestURI()
	if !visible(target) || !visible(r.URL.Host) {
		return nil, errors.New("exchange: the URL holds a space, a control character or a character beyond ASCII")
	}
	b = append(b, "POST "...)
	b = append(b, target...)
	b = append(b, " HTTP/1.1\r\nHost: "...)
	b = append(b, r.URL.Host...)
	b = append(b, "\r\nContent-Length: "...)
	b = strconv.AppendInt(b, int64(len(r.Body)), 10)
	b = append(b, "\r\n"...)

	var few [32]string
	names := few[:0]
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if !isToken(name) {
			return nil, errors.New("exchange: a header's name holds a character that is not allowed")
		}
		if framing(name) {
			continue
		}
		for _, value := range r.Header[name] {
			if !isValue(value) {
				return nil, errors.New("exchange: header " + name + " holds a control character")
			}
			b = append(b, name...)
			b = append(b, ": "...)
			b = append(b, value...)
			b = append(b, "\r\n"...)
		}
	}
	return append(b, "\r\n"...), nil
}

// visible says that s is printable ASCII without a space, and not empty.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}

// isToken is RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		if !tokenByte[s[i]] {
			return false
		}
	}
	return len(s) > 0
}

var tokenByte = func() (t [256]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" {
		t[c] = true
	}
	return t
}()

// isValue is RFC 9110, section 5.5, with the obsolete bytes beyond ASCII.
func isValue[T string | []byte](s T) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// framing names the headers that are the exchange's own.
func framing(name string) bool {
	return slices.ContainsFunc(ownHeaders, func(own string) bool { return strings.EqualFold(own, name) })
}

var ownHeaders = []string{"Content-Length", "Host", "Trailer", "Transfer-Encoding"}
