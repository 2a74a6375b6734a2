package signature

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"strconv"
	"strings"
)

// PrivateKey is an ed25519 key that signs. It is safe for concurrent use. The
// key's bytes live in a closure only, so that printing a PrivateKey cannot show
// them.
type PrivateKey struct {
	sign   func(message []byte) []byte
	public string
}

// ParsePrivateKey decodes "whsk_" and the padded standard base64 of the 64
// bytes that Go and libsodium have for a private key: the seed of 32 bytes and
// the public key.
//
// The public half must belong to the seed: a signature with another one gives
// the private key away to whoever also has a good signature of the message.
func ParsePrivateKey(text string) (*PrivateKey, error) {
	encoded, ok := strings.CutPrefix(text, privatePrefix)
	switch {
	case strings.HasPrefix(text, publicPrefix):
		return nil, fmt.Errorf("%w: %s marks a public key, which cannot sign; the private key starts with %s", ErrPrefix, publicPrefix, privatePrefix)
	case strings.HasPrefix(text, secretPrefix):
		return nil, fmt.Errorf("%w: %s marks a secret, which is no ed25519 key; a private key starts with %s", ErrPrefix, secretPrefix, privatePrefix)
	case !ok:
		return nil, fmt.Errorf("%w: an ed25519 private key starts with %s", ErrPrefix, privatePrefix)
	}
	b, err := decodeKey(encoded, privatePrefix)
	if err != nil {
		return nil, err
	}
	switch len(b) {
	case ed25519.PrivateKeySize:
	case ed25519.SeedSize:
		return nil, fmt.Errorf("%w: %d bytes after %s are a seed alone, want %d: the seed and the public key", ErrLength, len(b), privatePrefix, ed25519.PrivateKeySize)
	default:
		return nil, fmt.Errorf("%w: %d bytes after %s, want %d", ErrLength, len(b), privatePrefix, ed25519.PrivateKeySize)
	}
	return newPrivateKey(b)
}

func newPrivateKey(b []byte) (*PrivateKey, error) {
	key := ed25519.NewKeyFromSeed(b[:ed25519.SeedSize])
	if !bytes.Equal(key, b) {
		return nil, fmt.Errorf("%w: the second half is not the public key of the first", ErrPair)
	}
	return &PrivateKey{
		sign:   func(message []byte) []byte { return ed25519.Sign(key, message) },
		public: PublicText(ed25519.PublicKey(key[ed25519.SeedSize:])),
	}, nil
}

// PrivateText returns the text of a key that ParsePrivateKey accepts.
func PrivateText(key ed25519.PrivateKey) (string, error) {
	if len(key) != ed25519.PrivateKeySize {
		return "", fmt.Errorf("%w: %d bytes, want the %d of an ed25519.PrivateKey", ErrLength, len(key), ed25519.PrivateKeySize)
	}
	if _, err := newPrivateKey(key); err != nil {
		return "", err
	}
	return privatePrefix + strict.EncodeToString(key), nil
}

// GeneratePrivate returns the text of a new private key.
func GeneratePrivate() string {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err) // never: the runtime ends the program instead
	}
	return privatePrefix + strict.EncodeToString(key)
}

// Public returns the text of the public key: "whpk_" and its base64.
func (k *PrivateKey) Public() string { return k.public }

// Standard returns one entry of webhook-signature: "v1a," and the padded
// standard base64 of the ed25519 signature of "{id}.{unix}.{body}".
func (k *PrivateKey) Standard(id string, unix int64, body []byte) string {
	return Asymmetric(k.sign(StandardMessage(id, unix, body)))
}

// StandardMessage returns "{id}.{unix}.{body}", what Standard Webhooks signs.
func StandardMessage(id string, unix int64, body []byte) []byte {
	const digits = 20 // of an int64, with its sign
	m := make([]byte, 0, len(id)+1+digits+1+len(body))
	m = append(append(m, id...), '.')
	m = append(strconv.AppendInt(m, unix, 10), '.')
	return append(m, body...)
}

// Asymmetric returns the entry of webhook-signature for an ed25519 signature.
func Asymmetric(sig []byte) string { return asymmetricPrefix + strict.EncodeToString(sig) }

// PublicKey is an ed25519 key that verifies.
type PublicKey struct{ key ed25519.PublicKey }

// ParsePublicKey decodes "whpk_" and the padded standard base64 of 32 bytes.
// Points of small order are refused: signatures by such a "key" can be made by
// anybody, without a private key.
func ParsePublicKey(text string) (*PublicKey, error) {
	encoded, ok := strings.CutPrefix(text, publicPrefix)
	switch {
	case strings.HasPrefix(text, privatePrefix):
		return nil, fmt.Errorf("%w: %s marks a private key, which only the sender may have; the public key starts with %s", ErrPrefix, privatePrefix, publicPrefix)
	case strings.HasPrefix(text, secretPrefix):
		return nil, fmt.Errorf("%w: %s marks a secret, which is no ed25519 key; a public key starts with %s", ErrPrefix, secretPrefix, publicPrefix)
	case !ok:
		return nil, fmt.Errorf("%w: an ed25519 public key starts with %s", ErrPrefix, publicPrefix)
	}
	b, err := decodeKey(encoded, publicPrefix)
	if err != nil {
		return nil, err
	}
	if len(b) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("%w: %d bytes after %s, want %d", ErrLength, len(b), publicPrefix, ed25519.PublicKeySize)
	}
	if smallOrder(b) {
		return nil, fmt.Errorf("%w: anybody could sign for the key after %s", ErrWeak, publicPrefix)
	}
	return &PublicKey{b}, nil
}

// PublicText returns the text of a public key that ParsePublicKey accepts.
func PublicText(key ed25519.PublicKey) string { return publicPrefix + strict.EncodeToString(key) }

// smallOrder reports whether b encodes one of the eight points of the curve
// whose order divides 8, in any of their encodings. The bit of the sign of x is
// left out.
func smallOrder(b []byte) bool {
	var y [ed25519.PublicKeySize]byte
	copy(y[:], b)
	y[len(y)-1] &= 0x7f
	for i := range smallOrderY {
		if y == smallOrderY[i] {
			return true
		}
	}
	return false
}

// smallOrderY are the y coordinates of those points in little endian: 1, 0, -1
// and the two of order 8, and p and p+1, which stand for 0 and 1 too.
var smallOrderY = [...][ed25519.PublicKeySize]byte{
	{0x01},
	{},
	{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
	{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
	{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
}

// Verify reports whether sig is the key's signature of the message.
func (k *PublicKey) Verify(message, sig []byte) bool { return ed25519.Verify(k.key, message, sig) }
