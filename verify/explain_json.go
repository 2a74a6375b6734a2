package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// An escaping is the choice of an encoder of JSON: which characters of a string
// it escapes, beside those that it has to.
type escaping struct {
	keep  bool   // leave strings as they are
	also  string // escaped beside quote, backslash and control characters
	ascii bool   // everything beyond ASCII
	slash bool   // a slash, as \/
}

var (
	asItIs        = escaping{keep: true}
	ofThisLibrary = escaping{also: "\u2028\u2029"}
	ofJavaScript  = escaping{}
	ofGo          = escaping{also: "<>&\u2028\u2029"}
	ofPython      = escaping{ascii: true}
	ofPHP         = escaping{ascii: true, slash: true}
)

// encoded returns valid JSON as another encoder would write it, its values and
// the order of its fields kept: without white space between the tokens, or
// spaced with one behind each comma and colon as Python does.
func encoded(body []byte, spaced bool, escapes escaping) []byte {
	out := make([]byte, 0, len(body)+len(body)/8)
	for i := 0; i < len(body); {
		switch c := body[i]; c {
		case ' ', '\t', '\r', '\n':
			i++
		case '"':
			end := i + 1
			for body[end] != '"' {
				if body[end] == '\\' {
					end++
				}
				end++
			}
			end++
			out = escapes.append(out, body[i:end])
			i = end
		default:
			out = append(out, c)
			if spaced && (c == ',' || c == ':') {
				out = append(out, ' ')
			}
			i++
		}
	}
	return out
}

// append adds a string, given with its quotes.
func (e escaping) append(out, quoted []byte) []byte {
	var s string
	if e.keep || bytes.Contains(quoted, []byte(`\ud`)) && !pairs(quoted) || json.Unmarshal(quoted, &s) != nil {
		return append(out, quoted...)
	}
	out = append(out, '"')
	for _, r := range s {
		switch {
		case r == '"', r == '\\', r == '/' && e.slash:
			out = append(out, '\\', byte(r))
		case r < ' ':
			if i := strings.IndexRune("\b\f\n\r\t", r); i >= 0 {
				out = append(out, '\\', "bfnrt"[i])
			} else {
				out = fmt.Appendf(out, `\u%04x`, r)
			}
		case r > 0xffff && e.ascii:
			r -= 0x10000
			out = fmt.Appendf(out, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		case r >= utf8.RuneSelf && e.ascii, strings.ContainsRune(e.also, r):
			out = fmt.Appendf(out, `\u%04x`, r)
		default:
			out = utf8.AppendRune(out, r)
		}
	}
	return append(out, '"')
}

// pairs reports whether a string survives decoding: half of a surrogate pair
// does not.
func pairs(quoted []byte) bool {
	var s string
	return json.Unmarshal(quoted, &s) == nil && !strings.ContainsRune(s, utf8.RuneError)
}
