package signature

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

const (
	secretPrefix  = "whsec_" // symmetric secret
	privatePrefix = "whsk_"  // ed25519 private key
	publicPrefix  = "whpk_"  // ed25519 public key
)

// generatedBytes is the length of a generated key.
const generatedBytes = 32

// Errors of StandardKey, one for each mistake. The errors returned wrap them and
// never hold any part of the secret.
var (
	ErrPrefix   = errors.New("prefix")
	ErrAlphabet = errors.New("alphabet")
	ErrPadding  = errors.New("padding")
	ErrLength   = errors.New("length")
)

// StandardKey returns the key bytes that Standard Webhooks uses for a secret.
//
// After the prefix "whsec_" the secret must be padded standard base64 of min to
// max bytes; it is decoded strictly, because lenient decoders have turned a
// mistyped secret into a nearly empty key. Any other text stands for its own
// UTF-8 bytes, whatever its length, except that the prefixes of ed25519 keys
// are refused: the text of a public key is known to everyone, and as an HMAC
// key it would let everyone sign.
func StandardKey(secret string, min, max int) ([]byte, error) {
	if strings.HasPrefix(secret, publicPrefix) || strings.HasPrefix(secret, privatePrefix) {
		return nil, fmt.Errorf("%w: %s and %s mark ed25519 keys, a secret starts with %s or with neither",
			ErrPrefix, publicPrefix, privatePrefix, secretPrefix)
	}
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return []byte(secret), nil
	}
	if i := strings.IndexFunc(text, notBase64); i >= 0 {
		if text[i] == '-' || text[i] == '_' {
			return nil, fmt.Errorf("%w: URL-safe base64 after %s, want the standard alphabet with + and /", ErrAlphabet, secretPrefix)
		}
		return nil, fmt.Errorf("%w: a character after %s is not standard base64", ErrAlphabet, secretPrefix)
	}
	if len(text)%4 != 0 || strings.Contains(strings.TrimSuffix(strings.TrimSuffix(text, "="), "="), "=") {
		return nil, fmt.Errorf("%w: base64 after %s must be padded with = to a multiple of 4 characters", ErrPadding, secretPrefix)
	}
	key, err := strict.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: the last character before the padding after %s has bits that belong to no byte", ErrPadding, secretPrefix)
	}
	if len(key) < min || len(key) > max {
		return nil, fmt.Errorf("%w: %d bytes after %s, want %d to %d", ErrLength, len(key), secretPrefix, min, max)
	}
	return key, nil
}

func notBase64(r rune) bool {
	return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '+' || r == '/' || r == '=')
}

// Generate returns a new secret: "whsec_" and the base64 of 32 random bytes.
// It serves both schemes.
func Generate() string {
	var key [generatedBytes]byte
	rand.Read(key[:]) // never fails: the runtime ends the program instead
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}
