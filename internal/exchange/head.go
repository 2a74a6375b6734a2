package exchange

import (
	"bytes"
	"net/http"
)

// headScan finds the end of an answer's head in a stream of bytes, stepping
// over interim answers (RFC 9110, section 15.2). It draws the line where
// net/http does: at an empty line that ends in LF or CRLF.
type headScan struct {
	foreign bool  // does not begin as a status line
	later   bool  // past the status line
	line    int   // bytes in the current line
	cr      bool  // the last of them was CR
	spaced  bool  // in the status line: past the version
	digits  uint8 // of the status code
	code    int
}

// feed takes the next bytes and returns how many of them belong to the head,
// and whether it is complete.
func (s *headScan) feed(p []byte) (n int, done bool) {
	for n < len(p) {
		seg, ended := p[n:], false
		if i := bytes.IndexByte(seg, '\n'); i >= 0 {
			seg, ended = seg[:i], true
		}
		if !s.later {
			s.status(seg)
		}
		if len(seg) > 0 {
			s.line += len(seg)
			s.cr = seg[len(seg)-1] == '\r'
		}
		n += len(seg)
		if !ended {
			break
		}
		n++
		empty := s.line == 0 || s.line == 1 && s.cr
		s.line, s.cr = 0, false
		if !s.later {
			s.later = true
			continue
		}
		if !empty {
			continue
		}
		final := s.code < 100 || s.code > 199 || s.code == http.StatusSwitchingProtocols
		*s = headScan{}
		if final {
			return n, true
		}
	}
	return n, false
}

// version begins every status line (RFC 9112, section 4).
const version = "HTTP/"

// status picks the code out of "HTTP/1.1 200 OK".
func (s *headScan) status(seg []byte) {
	for i, b := range seg {
		if at := s.line + i; at < len(version) && b != version[at] {
			s.foreign = true
		}
		switch {
		case b == ' ' && s.digits == 0:
			s.spaced = true
		case !s.spaced || s.digits == 3:
		case b >= '0' && b <= '9':
			s.code = s.code*10 + int(b-'0')
			s.digits++
		default:
			s.digits = 3
		}
	}
}
