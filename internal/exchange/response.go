package exchange

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// answer is the head of a response, as far as it matters here.
type answer struct {
	version int // 11 is HTTP/1.1
	status  int
	header  http.Header // only what fields names

	chunked bool
	length  int64 // of the body; -1 when chunks or the end of the stream end it
	close   bool  // nothing follows it on its connection
}

// fields are the headers that matter here. The others are checked and
// forgotten, so that an answer's memory does not depend on their number.
var fields = []string{"Connection", "Content-Length", "Keep-Alive", "Location", "Retry-After", "Transfer-Encoding"}

// interim answers precede the final one (RFC 9110, section 15.2).
func (a *answer) interim() bool {
	return a.status >= 100 && a.status <= 199 && a.status != http.StatusSwitchingProtocols
}

// parseStatus takes a status line apart (RFC 9112, section 4).
func (a *answer) parseStatus(line []byte) error {
	proto, rest, _ := bytes.Cut(line, []byte(" "))
	code, _, _ := bytes.Cut(bytes.TrimLeft(rest, " "), []byte(" "))
	v, ok := bytes.CutPrefix(proto, []byte("HTTP/"))
	if !ok || len(v) != 3 || !digits(v[:1]) || v[1] != '.' || !digits(v[2:]) || len(code) != 3 || !digits(code) {
		return errNotHTTP
	}
	a.version = int(v[0]-'0')*10 + int(v[2]-'0')
	a.status = int(code[0]-'0')*100 + int(code[1]-'0')*10 + int(code[2]-'0')
	return nil
}

// parseField takes a header line apart. Like net/http, it lets spaces pass in a
// name, which then is none that matters.
func (a *answer) parseField(line []byte) error {
	name, value, ok := bytes.Cut(line, []byte(":"))
	if !ok || !isFieldName(name) || !isValue(value) {
		return errNotHTTP
	}
	for _, f := range fields {
		if len(f) == len(name) && strings.EqualFold(f, string(name)) {
			if a.header == nil {
				a.header = http.Header{}
			}
			a.header[f] = append(a.header[f], string(bytes.Trim(value, " \t")))
		}
	}
	return nil
}

// frame finds out where the body ends (RFC 9112, section 6.3), and whether the
// connection may be used afterwards (section 9.3).
func (a *answer) frame() error {
	codings, lengths := a.header["Transfer-Encoding"], a.header["Content-Length"]
	if len(codings) > 0 && a.version >= 11 {
		if len(codings) > 1 || !strings.EqualFold(codings[0], "chunked") {
			return errNotHTTP
		}
		a.chunked = true
	}
	a.length = -1
	if len(lengths) > 0 {
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil || slices.ContainsFunc(lengths, func(l string) bool { return l != lengths[0] }) {
			return errNotHTTP
		}
		a.length = int64(n)
	}
	ambiguous := len(codings) > 0 && a.length >= 0 // HTTP/1.0 has no codings, and may be a lie
	switch {
	case a.status/100 == 1, a.status == http.StatusNoContent, a.status == http.StatusNotModified:
		a.chunked, a.length = false, 0
	case a.chunked:
		a.length = -1
	}
	endless := a.length < 0 && !a.chunked
	a.close = ambiguous || endless || a.version/10 != 1 || a.connection("close") ||
		a.version == 10 && !a.connection("keep-alive")
	return nil
}

// connection looks for an option in the Connection header.
func (a *answer) connection(option string) bool {
	for _, line := range a.header["Connection"] {
		for part := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(part, " \t"), option) {
				return true
			}
		}
	}
	return false
}

// worthReading says that the body may end soon, which keeps the connection.
func (a *answer) worthReading() bool {
	return a.chunked || a.length >= 0 && a.length <= maxBodyBytes
}

// isFieldName is a token with spaces in it.
func isFieldName(name []byte) bool {
	for _, c := range name {
		if !tokenByte[c] && c != ' ' {
			return false
		}
	}
	return len(name) > 0
}

func digits(p []byte) bool {
	for _, c := range p {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
