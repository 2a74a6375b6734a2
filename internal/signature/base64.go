package signature

import (
	"errors"
	"fmt"
	"strings"
)

// Errors of keys, one for each mistake. The errors returned wrap them and never
// hold any part of the key.
var (
	ErrPrefix   = errors.New("prefix")
	ErrAlphabet = errors.New("alphabet")
	ErrPadding  = errors.New("padding")
	ErrLength   = errors.New("length")
	ErrPair     = errors.New("key pair")
	ErrWeak     = errors.New("weak key")
)

// decodeKey decodes the base64 that follows a key's prefix: padded, in the
// standard alphabet, strictly, because lenient decoders have turned a mistyped
// secret into a nearly empty key.
func decodeKey(text, prefix string) ([]byte, error) {
	if i := strings.IndexFunc(text, notBase64); i >= 0 {
		if text[i] == '-' || text[i] == '_' {
			return nil, fmt.Errorf("%w: URL-safe base64 after %s, want the standard alphabet with + and /", ErrAlphabet, prefix)
		}
		return nil, fmt.Errorf("%w: a character after %s is not standard base64", ErrAlphabet, prefix)
	}
	if len(text)%4 != 0 || strings.Contains(strings.TrimSuffix(strings.TrimSuffix(text, "="), "="), "=") {
		return nil, fmt.Errorf("%w: base64 after %s must be padded with = to a multiple of 4 characters", ErrPadding, prefix)
	}
	key, err := strict.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: the last character before the padding after %s has bits that belong to no byte", ErrPadding, prefix)
	}
	return key, nil
}

func notBase64(r rune) bool {
	return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '+' || r == '/' || r == '=')
}
