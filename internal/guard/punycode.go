package guard

import (
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Parameters of Punycode (RFC 3492 5).
const (
	base        = 36
	tmin        = 1
	tmax        = 26
	skew        = 38
	damp        = 700
	initialBias = 72
	initialN    = 0x80

	digits = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// encodePunycode encodes a label (RFC 3492 6.3), without the prefix xn--. It
// reports false for an overflow, which no label of a real name comes near.
func encodePunycode(label string) (string, bool) {
	runes := []rune(label)
	var out strings.Builder
	for _, r := range runes {
		if r < initialN {
			out.WriteByte(byte(r))
		}
	}
	basic := int32(out.Len())
	handled := basic
	if basic > 0 {
		out.WriteByte('-')
	}
	n, delta, bias := rune(initialN), int32(0), int32(initialBias)
	for int(handled) < len(runes) {
		next := rune(math.MaxInt32)
		for _, r := range runes {
			if r >= n && r < next {
				next = r
			}
		}
		if next-n > (math.MaxInt32-delta)/(handled+1) {
			return "", false
		}
		delta += (next - n) * (handled + 1)
		n = next
		for _, r := range runes {
			if r < n {
				if delta == math.MaxInt32 {
					return "", false
				}
				delta++
			}
			if r != n {
				continue
			}
			q := delta
			for k := int32(base); ; k += base {
				t := threshold(k, bias)
				if q < t {
					break
				}
				out.WriteByte(digits[t+(q-t)%(base-t)])
				q = (q - t) / (base - t)
			}
			out.WriteByte(digits[q])
			bias = adapt(delta, handled+1, handled == basic)
			delta = 0
			handled++
		}
		if delta == math.MaxInt32 {
			return "", false
		}
		delta++
		n++
	}
	return out.String(), true
}

// decodePunycode decodes a lower-case label without its prefix (RFC 3492 6.2).
func decodePunycode(encoded string) (string, bool) {
	var out []rune
	rest := encoded
	if i := strings.LastIndexByte(encoded, '-'); i >= 0 {
		out, rest = []rune(encoded[:i]), encoded[i+1:]
	}
	n, i, bias := rune(initialN), int32(0), int32(initialBias)
	for rest != "" {
		start, weight := i, int32(1)
		for k := int32(base); ; k += base {
			if rest == "" {
				return "", false
			}
			digit := int32(strings.IndexByte(digits, rest[0]))
			rest = rest[1:]
			if digit < 0 || digit > (math.MaxInt32-i)/weight {
				return "", false
			}
			i += digit * weight
			t := threshold(k, bias)
			if digit < t {
				break
			}
			if weight > math.MaxInt32/(base-t) {
				return "", false
			}
			weight *= base - t
		}
		length := int32(len(out) + 1)
		bias = adapt(i-start, length, start == 0)
		if i/length > unicode.MaxRune-n {
			return "", false
		}
		n += i / length
		i %= length
		if !utf8.ValidRune(n) { // a surrogate
			return "", false
		}
		out = slices.Insert(out, int(i), n)
		i++
	}
	return string(out), true
}

func threshold(k, bias int32) int32 { return min(max(k-bias, tmin), tmax) }

func adapt(delta, points int32, first bool) int32 {
	if first {
		delta /= damp
	} else {
		delta /= 2
	}
	delta += delta / points
	k := int32(0)
	for ; delta > (base-tmin)*tmax/2; k += base {
		delta /= base - tmin
	}
	return k + (base-tmin+1)*delta/(delta+skew)
}
