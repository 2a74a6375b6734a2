package signature

import (
	"encoding/hex"
	"strings"
)

const bodyPrefix = "sha256="

// Body returns the value of X-Webhook-Signature for a body:
// "sha256=" and the HMAC-SHA256 of the body in lower-case hex.
func (k *Key) Body(body []byte) string {
	sum := k.Sum(body)
	var text [len(bodyPrefix) + 2*Size]byte
	copy(text[:], bodyPrefix)
	hex.Encode(text[len(bodyPrefix):], sum[:])
	return string(text[:])
}

// ParseBody decodes the value of X-Webhook-Signature. It accepts
// ^sha256=[0-9a-fA-F]{64}$ and nothing else: no white space, no list, no other
// algorithm. Hex of either case is accepted because the bytes are compared,
// not the text.
func ParseBody(header string) (sum [Size]byte, ok bool) {
	if len(header) != len(bodyPrefix)+2*Size || !strings.HasPrefix(header, bodyPrefix) {
		return sum, false
	}
	digits := header[len(bodyPrefix):]
	for i := range sum {
		hi, lo := nibble(digits[2*i]), nibble(digits[2*i+1])
		if hi > 15 || lo > 15 {
			return [Size]byte{}, false
		}
		sum[i] = hi<<4 | lo
	}
	return sum, true
}

// nibble returns the value of a hex digit, and more than 15 for any other byte.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
