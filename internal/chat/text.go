package chat

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf16"
)

// clean makes text of what a stranger wrote: line ends are \n, and control
// characters, those that reorder text, and the unassigned are gone. Spaces at
// the ends go, and more than one empty line in a row.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	var b strings.Builder
	ends := 0
	for _, r := range strings.ReplaceAll(s, "\r\n", "\n") {
		switch r {
		case '\r', '\u0085', '\u2028', '\u2029', '\v', '\f':
			r = '\n'
		case '\t', '\u00a0':
			r = ' '
		}
		if r == '\n' {
			if ends++; ends > 2 {
				continue
			}
		} else if ends = 0; !shown(r) {
			continue
		}
		b.WriteRune(r)
	}
	return strings.TrimSpace(b.String())
}

// shown says whether a character may stand in a message. Of the format
// characters only those remain that join letters and emoji.
func shown(r rune) bool {
	switch {
	case r == '\u200c' || r == '\u200d' || r >= 0xE0020 && r <= 0xE007F: // joiners, flags
		return true
	case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Cc, r), unicode.Is(unicode.Co, r), unicode.Is(unicode.Cs, r):
		return false
	}
	return true
}

// inline is clean in one line of at most n characters.
func inline(s string, n int) string {
	return clip(strings.Join(strings.Fields(clean(s)), " "), n)
}

// clip shortens a text to n characters, the last of them an ellipsis then.
func clip(s string, n int) string {
	s, _ = fit(s, n, asIs)
	return s
}

// size counts as the strictest service does: in units of UTF-16.
func size(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

const ellipsis = "…"

// An escaper says how a character is written that comes after another one, 0 at
// the beginning.
type escaper func(before, r rune) string

func asIs(_, r rune) string { return string(r) }

// fit escapes a text and ends it with an ellipsis before it grows beyond n. No
// escape is cut in two.
func fit(s string, n int, escape escaper) (out string, cut bool) {
	var b strings.Builder
	used, room := 0, 0 // room: how much of b leaves room for an ellipsis
	before := rune(0)
	for _, r := range s {
		piece := escape(before, r)
		before = r
		if used += size(piece); used > n {
			if n < 1 {
				return "", true
			}
			return strings.TrimRight(b.String()[:room], " \n") + ellipsis, true
		}
		b.WriteString(piece)
		if used < n {
			room = b.Len()
		}
	}
	return b.String(), false
}

// A writer puts texts between pieces of markup, up to a limit.
type writer struct {
	b      strings.Builder
	left   int
	full   bool // nothing more is written
	escape escaper
}

// text writes a stranger's text between two pieces of markup, as much of it as
// there is room for.
func (w *writer) text(begin, s, end string) {
	n := w.left - size(begin) - size(end)
	if w.full || s == "" {
		return
	}
	if n < 1 {
		begin, s, end, n = "", ellipsis, "", w.left // of what is left out
		w.full = true
	}
	body, cut := fit(s, n, w.escape)
	w.full = w.full || cut
	w.put(begin + body + end)
}

// markup writes what must not be cut.
func (w *writer) markup(s string) {
	if n := size(s); !w.full && n <= w.left {
		w.put(s)
		return
	}
	w.full = true
}

func (w *writer) put(s string) {
	w.b.WriteString(s)
	w.left -= size(s)
}

// maxURL bounds an address in a message, with what its escapes add.
const maxURL = 1000

// safeURL returns an address that may be linked to, or "": http or https, to a
// host of ASCII, without user name. Nothing in it ends a link in any service's
// markup; of what has to be escaped only & is left.
func safeURL(s string) string {
	if len(s) > maxURL {
		return ""
	}
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil ||
		strings.ContainsFunc(u.Host, func(r rune) bool { return r >= 0x7f }) {
		return ""
	}
	var b strings.Builder
	for _, c := range []byte(u.String()) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("<>|\"'`\\^{}()", c) >= 0 {
			const hex = "0123456789ABCDEF"
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
			continue
		}
		b.WriteByte(c)
	}
	if b.Len() > maxURL {
		return ""
	}
	return b.String()
}
