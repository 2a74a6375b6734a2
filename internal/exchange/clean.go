package exchange

import "unicode/utf8"

// clean makes text of a stranger's bytes that any database stores and any page
// shows: valid UTF-8, line ends as \n, and one U+FFFD for each run of what must
// not pass. The result is never longer than limit. cut says that more followed:
// then a rune that the cut split is left out.
func clean(p []byte, cut bool, limit int) []byte {
	if len(p) == 0 {
		return nil
	}
	out := make([]byte, 0, min(len(p), limit))
	bad := false
	for i := 0; i < len(p); {
		r, size := rune(p[i]), 1
		if r >= utf8.RuneSelf {
			if cut && !utf8.FullRune(p[i:]) {
				break
			}
			r, size = utf8.DecodeRune(p[i:])
		}
		switch {
		case r == '\r':
			if i+1 < len(p) && p[i+1] == '\n' {
				size = 2
			}
			r, bad = '\n', false
		case forbidden(r), r == utf8.RuneError && size == 1:
			r = utf8.RuneError
			if bad {
				i += size
				continue
			}
			bad = true
		default:
			bad = false
		}
		if len(out)+utf8.RuneLen(r) > limit {
			break
		}
		out = utf8.AppendRune(out, r)
		i += size
	}
	return out
}

// forbidden names what is not text: the C0 and C1 controls, DEL, and the
// characters that reorder text on a page (Unicode TR 36, section 2.8).
func forbidden(r rune) bool {
	switch {
	case r == '\t', r == '\n':
		return false
	case r < ' ', r >= 0x7f && r <= 0x9f:
		return true
	}
	return r == 0x061c || r == 0x200e || r == 0x200f ||
		r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
