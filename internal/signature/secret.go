package signature

import (
	"crypto/rand"
	"encoding/base64"
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

// StandardKey returns the key bytes that Standard Webhooks uses for a secret.
//
// After the prefix "whsec_" the secret must be padded standard base64 of min to
// max bytes. Any other text stands for its own UTF-8 bytes, whatever its
// length, except that the prefixes of ed25519 keys are refused: the text of a
// public key is known to everyone, and as an HMAC key it would let everyone
// sign.
func StandardKey(secret string, min, max int) ([]byte, error) {
	if strings.HasPrefix(secret, publicPrefix) || strings.HasPrefix(secret, privatePrefix) {
		return nil, fmt.Errorf("%w: %s and %s mark ed25519 keys, a secret starts with %s or with neither",
			ErrPrefix, publicPrefix, privatePrefix, secretPrefix)
	}
	text, ok := strings.CutPrefix(secret, secretPrefix)
	if !ok {
		return []byte(secret), nil
	}
	key, err := decodeKey(text, secretPrefix)
	if err != nil {
		return nil, err
	}
	if len(key) < min || len(key) > max {
		return nil, fmt.Errorf("%w: %d bytes after %s, want %d to %d", ErrLength, len(key), secretPrefix, min, max)
	}
	return key, nil
}

// Generate returns a new secret: "whsec_" and the base64 of 32 random bytes.
// It serves both schemes.
func Generate() string {
	var key [generatedBytes]byte
	rand.Read(key[:]) // never fails: the runtime ends the program instead
	return secretPrefix + base64.StdEncoding.EncodeToString(key[:])
}
