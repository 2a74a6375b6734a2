package verify

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

var bom = []byte("\xef\xbb\xbf")

// otherBody finds that another form of the body has the claimed signature: the
// one that it had before something on the way changed it.
func (t *trial) otherBody(http.Header) string {
	if len(t.body) > maxExplainBody {
		return ""
	}
	crlf, lf := []byte("\r\n"), []byte("\n")
	for _, f := range []struct {
		body []byte
		says string
	}{
		{bytes.TrimRight(t.body, "\r\n"), "line break at the end of the body: it was added on the way"},
		{join(t.body, lf), "body with a line break at its end: that was removed on the way"},
		{join(t.body, crlf), "body with a CR LF at its end: that was removed on the way"},
		{bytes.TrimSpace(t.body), "white space around the body: it was added on the way"},
		{bytes.TrimPrefix(t.body, bom), "byte order mark in front of the body: it was added on the way"},
		{join(bom, t.body), "body with a byte order mark in front: that was removed on the way"},
		{bytes.ReplaceAll(t.body, crlf, lf), "CR LF in the body where the sender had LF: something treats it as a text file"},
		{bytes.ReplaceAll(bytes.ReplaceAll(t.body, crlf, lf), lf, crlf), "LF in the body where the sender had CR LF: something treats it as a text file"},
		{inflated(t.body), "gzip: the body was compressed on the way, and has to be inflated before it is verified"},
		{unwrapped(t.body), "JSON text around the body: it was encoded once more, as a string"},
		{unbased(t.body), "base64: the runtime hands the body over encoded, so decode it first (isBase64Encoded)"},
		{latin1(t.body), "wrong charset: the bytes of the body were taken for Latin-1 and encoded again as UTF-8"},
	} {
		if len(f.body) > 0 && !bytes.Equal(f.body, t.body) && t.isBody(f.body) {
			what, rest, _ := strings.Cut(f.says, ":")
			if strings.HasPrefix(what, "body with") {
				return "The signature is right for the " + what + ":" + rest + ". Verify the raw bytes."
			}
			return "The signature is right without the " + what + ":" + rest + ". Verify the raw bytes."
		}
	}
	return t.encodedAgain()
}

func join(a, b []byte) []byte { return append(bytes.Clone(a), b...) }

func inflated(body []byte) []byte {
	r, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil
	}
	b, err := io.ReadAll(io.LimitReader(r, maxExplainBody+1))
	if err != nil || len(b) > maxExplainBody {
		return nil
	}
	return b
}

func unwrapped(body []byte) []byte {
	var s string
	if body[0] != '"' || json.Unmarshal(body, &s) != nil {
		return nil
	}
	return []byte(s)
}

func unbased(body []byte) []byte {
	b, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace(body)))
	if err != nil {
		return nil
	}
	return b
}

// latin1 undoes the encoding as UTF-8 of bytes that were taken for Latin-1.
func latin1(body []byte) []byte {
	var b []byte
	for _, r := range string(body) {
		if r > 0xff {
			return nil
		}
		b = append(b, byte(r))
	}
	return b
}

// encodedAgain finds that the body is the sender's JSON, encoded by another
// encoder: it is encoded as each of the usual ones does.
func (t *trial) encodedAgain() string {
	if !json.Valid(t.body) {
		return ""
	}
	orders := [][]byte{t.body}
	if ordered := inOrder(t.body); ordered != nil {
		orders = append(orders, ordered)
	}
	for i, body := range orders {
		for _, spaced := range []bool{false, true} {
			for _, escapes := range []escaping{asItIs, ofThisLibrary, ofJavaScript, ofGo, ofPython, ofPHP} {
				again := encoded(body, spaced, escapes)
				for _, end := range []string{"", "\n"} {
					candidate := join(again, []byte(end))
					if bytes.Equal(candidate, t.body) || !t.isBody(candidate) {
						continue
					}
					var changed []string
					if i > 0 {
						changed = append(changed, "the order of its fields")
					}
					if !bytes.Equal(encoded(t.body, spaced, asItIs), bytes.TrimSpace(t.body)) {
						changed = append(changed, "the white space between its values")
					}
					if !bytes.Equal(again, encoded(body, spaced, asItIs)) {
						changed = append(changed, "which characters are escaped")
					}
					if end != "" || len(changed) == 0 {
						changed = append(changed, "the line break at its end")
					}
					return "The body was parsed and encoded again before it was verified, which changed " + strings.Join(changed, " and ") +
						". Verify the raw bytes, before anything parses them."
				}
			}
		}
	}
	return ""
}

// inOrder returns a payload with its three fields in the order in which this
// library has them, or nil if they are in it already or it is no such payload.
func inOrder(body []byte) []byte {
	var p map[string]json.RawMessage
	names := []string{"event", "timestamp", "data"}
	if json.Unmarshal(body, &p) != nil || len(p) != len(names) {
		return nil
	}
	var b bytes.Buffer
	for i, name := range names {
		value, ok := p[name]
		if !ok {
			return nil
		}
		b.WriteByte("{,,"[i])
		b.WriteString(`"` + name + `":`)
		b.Write(value)
	}
	b.WriteByte('}')
	if bytes.Equal(encoded(b.Bytes(), false, asItIs), encoded(body, false, asItIs)) {
		return nil
	}
	return b.Bytes()
}

// looksLike says what the request shows without proof.
func looksLike(h http.Header, body []byte) string {
	text := bytes.TrimSpace(body[:min(len(body), maxExplainBody)])
	for _, p := range []struct{ prefix, says string }{
		{"[object ", "The body is what JavaScript prints of an object: it was parsed, and then made text. Take the raw body, with express.raw for instance."},
		{"{'", "The body looks like a printed dictionary of Python: it was parsed before it was verified. Take the raw body."},
		{"b'", "The body looks like printed bytes of Python: pass the bytes themselves."},
		{"map[", "The body looks like a printed map of Go: it was parsed before it was verified. Take the raw body."},
		{"Array", "The body is what PHP prints of an array: it was parsed before it was verified. Take php://input."},
	} {
		if bytes.HasPrefix(text, []byte(p.prefix)) {
			return p.says
		}
	}
	compressed := bytes.HasPrefix(body, []byte("\x1f\x8b"))
	switch encoding := h.Get("Content-Encoding"); {
	case encoding != "" && !strings.EqualFold(encoding, "identity") && !compressed:
		return "The request has a Content-Encoding and the body looks inflated: middleware or a proxy did that before it was verified. Verify in front of it."
	case bytes.ContainsRune(body, '\uFFFD'):
		return "The body holds U+FFFD, so it looks like text that was decoded in the wrong charset before it was verified. Take the raw bytes."
	case len(body) > maxExplainBody || !json.Valid(body):
		return ""
	case inOrder(body) != nil:
		return "The fields event, timestamp and data are in another order than this library's: the body looks like JSON that was parsed and encoded again. Take the raw bytes."
	case !bytes.Equal(encoded(body, false, asItIs), body):
		return "The body has white space between its values, which this library's has not: it looks like JSON that was parsed and encoded again. Take the raw bytes."
	}
	return ""
}
