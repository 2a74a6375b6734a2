package pgstore

import (
	"encoding/hex"
	"strings"
	"unicode/utf8"
)

// escaped begins a text that Postgres could not hold as it is.
const escaped = "\x01"

// text makes any string one that Postgres can hold, each another one. What
// ordinary people write stays as it is.
func text(s string) string {
	if utf8.ValidString(s) && !strings.Contains(s, "\x00") && !strings.HasPrefix(s, escaped) {
		return s
	}
	return escaped + hex.EncodeToString([]byte(s))
}

// untext is the string that text was given.
func untext(s string) string {
	if h, ok := strings.CutPrefix(s, escaped); ok {
		if b, err := hex.DecodeString(h); err == nil {
			return string(b)
		}
	}
	return s
}

// prose drops what Postgres cannot hold from words for people.
func prose(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}

// isID says whether a string is a UUID as this library writes them. Another
// one is not an ID of anything.
func isID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
				return false
			}
		}
	}
	return true
}
