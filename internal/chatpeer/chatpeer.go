// Package chatpeer is the other side of chat messages in tests: what Slack,
// Discord and Teams are documented to accept, as far as a message of this
// library could break it, and what they answer.
//
// It is written from the services' documentation and not from the renderers:
// it does not share a line with them.
package chatpeer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// length counts in units of UTF-16, the strictest way.
func length(s string) int { return len(utf16.Encode([]rune(s))) }

// decode decodes JSON strictly: one value, without a field that is not in v.
func decode(b []byte, v any) error {
	if !utf8.Valid(b) {
		return errors.New("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}

// within says whether a text has 1 to limit characters.
func within(what, s string, limit int) error {
	if n := length(s); n < 1 || n > limit {
		return fmt.Errorf("%s has %d characters; 1 to %d are accepted", what, n, limit)
	}
	return nil
}

// isAddress says whether a link leads to the web.
func isAddress(s string) bool {
	rest, secure := strings.CutPrefix(s, "https://")
	if !secure {
		var plain bool
		if rest, plain = strings.CutPrefix(s, "http://"); !plain {
			return false
		}
	}
	return rest != "" && !strings.ContainsAny(s, " \n\t<>\"|") && len(s) <= 3000
}

// jsonBody reads the body of a request that must be a POST of JSON.
func jsonBody(r *http.Request) ([]byte, error) {
	if t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); t != "application/json" {
		return nil, fmt.Errorf("content type %q", t)
	}
	var b bytes.Buffer
	_, err := b.ReadFrom(http.MaxBytesReader(nil, r.Body, 1<<20))
	return b.Bytes(), err
}
