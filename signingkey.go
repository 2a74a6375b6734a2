package webhook

import (
	"crypto/ed25519"
	"fmt"

	"github.com/autoreach/webhook/internal/signature"
)

// GenerateSigningKey returns a new ed25519 key for [Endpoint].SigningKey: whsk_
// and the base64 of the 64 bytes of an [ed25519.PrivateKey]. [PublicKey] gives
// what the customer verifies with.
func GenerateSigningKey() Secret { return Secret(signature.GeneratePrivate()) }

// NewSigningKey returns the signing key of an ed25519 key that is there
// already. Of a seed of 32 bytes make one by [ed25519.NewKeyFromSeed].
func NewSigningKey(key ed25519.PrivateKey) (Secret, error) {
	text, err := signature.PrivateText(key)
	if err != nil {
		return "", fmt.Errorf("webhook: signing key: %w", err)
	}
	return Secret(text), nil
}

// PublicKey returns the public key of a signing key: whpk_ and the base64 of
// its 32 bytes. Anybody may know it.
func PublicKey(signingKey Secret) (string, error) {
	k, err := signature.ParsePrivateKey(signingKey.Reveal())
	if err != nil {
		return "", fmt.Errorf("webhook: signing key: %w", err)
	}
	return k.Public(), nil
}

func newSigningKey(s Secret) (Key, error) {
	k, err := signature.ParsePrivateKey(s.Reveal())
	return Key{Secret: s, private: k}, err
}

func checkSigningKey(p *problems, key Secret) {
	if key == "" {
		return
	}
	if _, err := signature.ParsePrivateKey(key.Reveal()); err != nil {
		p.add("signing_key", "malformed_key", "", "is no ed25519 key (%v); let one be generated", err)
	}
}
