package signature

import (
	"crypto/ed25519"
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"strings"
)

// Bounds on the Standard Webhooks headers. They leave room for the rotation of
// many keys and keep the work on a hostile request small.
const (
	MaxIDBytes        = 256  // webhook-id
	MaxSignatures     = 32   // entries of webhook-signature, of any version
	MaxAsymmetric     = 4    // of them v1a, where those are wanted: each is a verification, v1 only a comparison
	MaxSignatureBytes = 4096 // webhook-signature as a whole
	// MaxTimestamp is the last second of the year 9999. Below it no difference
	// of two times can overflow.
	MaxTimestamp = 253402300799
)

const (
	versionPrefix    = "v1,"
	asymmetricPrefix = "v1a,"
)

// The lengths of signatures in padded base64.
const (
	encodedSize           = (Size + 2) / 3 * 4
	encodedAsymmetricSize = (ed25519.SignatureSize + 2) / 3 * 4
)

// strict refuses encodings whose unused bits are not zero, so that a signature
// has one text only.
var strict = base64.StdEncoding.Strict()

// Standard returns one entry of webhook-signature: "v1," and the HMAC-SHA256 of
// "{id}.{unix}.{body}" in padded standard base64. The body is not copied.
func (k *Key) Standard(id string, unix int64, body []byte) string {
	sum := k.StandardSum(id, unix, body)
	var text [len(versionPrefix) + encodedSize]byte
	copy(text[:], versionPrefix)
	strict.Encode(text[len(versionPrefix):], sum[:])
	return string(text[:])
}

// ValidID reports whether id may stand in webhook-id: 1 to MaxIDBytes bytes of
// visible ASCII without a full stop. The full stop separates the parts of the
// signed text; without it in the id that text has one reading only.
func ValidID(id string) bool {
	if id == "" || len(id) > MaxIDBytes {
		return false
	}
	for i := 0; i < len(id); i++ {
		if c := id[i]; c <= ' ' || c > '~' || c == '.' {
			return false
		}
	}
	return true
}

// ParseTimestamp decodes webhook-timestamp: unix seconds in decimal digits, no
// sign, no leading zero, no white space, at most MaxTimestamp.
func ParseTimestamp(text string) (unix int64, ok bool) {
	const maxDigits = 12 // of MaxTimestamp
	if text == "" || len(text) > maxDigits || (text[0] == '0' && len(text) > 1) {
		return 0, false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		unix = unix*10 + int64(c-'0')
	}
	if unix > MaxTimestamp {
		return 0, false
	}
	return unix, true
}

// Errors of ParseSignatures. Each says the bound or the form, never the header.
var (
	ErrListTooLong    = errors.New("longer than 4096 bytes")
	ErrListEntries    = errors.New("more than 32 entries")
	ErrListAsymmetric = errors.New("more than 4 v1a entries")
	ErrNoV1           = errors.New("no entry of the form v1,<base64 of 32 bytes>")
	ErrNoV1a          = errors.New("no entry of the form v1a,<base64 of 64 bytes>")
	ErrNoEntry        = errors.New("no entry of the form v1,<base64 of 32 bytes> or v1a,<base64 of 64 bytes>")
)

// Versions says which entries of webhook-signature are wanted. It comes from
// the keys that a verifier has.
type Versions struct {
	V1  bool // HMAC-SHA256
	V1a bool // ed25519
}

// Signatures holds the wanted entries of a webhook-signature header.
type Signatures struct {
	sums       [MaxSignatures][Size]byte
	n          int
	asymmetric [MaxAsymmetric][ed25519.SignatureSize]byte
	m          int
}

// ParseSignatures decodes webhook-signature: entries "{version},{value}"
// separated by single spaces. A v1 value must be the padded standard base64 of
// exactly 32 bytes, a v1a value that of 64. Entries of versions that are not
// wanted, and entries that are no signature at all, can match nothing and are
// passed over as the reference libraries do, so that a sender may add versions;
// they count towards the bounds. At least one wanted entry must remain.
func ParseSignatures(header string, want Versions) (list Signatures, err error) {
	if len(header) > MaxSignatureBytes {
		return list, ErrListTooLong
	}
	if strings.Count(header, " ") >= MaxSignatures {
		return list, ErrListEntries
	}
	for rest, more := header, true; more; {
		var entry string
		entry, rest, more = strings.Cut(rest, " ")
		var sig [ed25519.SignatureSize]byte
		switch {
		case want.V1 && parseEntry(entry, versionPrefix, list.sums[list.n][:]):
			list.n++
		case want.V1a && parseEntry(entry, asymmetricPrefix, sig[:]):
			if list.m == MaxAsymmetric {
				return Signatures{}, ErrListAsymmetric
			}
			list.asymmetric[list.m] = sig
			list.m++
		}
	}
	switch {
	case list.n+list.m > 0:
		return list, nil
	case !want.V1a:
		return list, ErrNoV1
	case !want.V1:
		return list, ErrNoV1a
	}
	return list, ErrNoEntry
}

// parseEntry decodes an entry into sig, which has the length of its signature.
func parseEntry(entry, prefix string, sig []byte) bool {
	encoded := (len(sig) + 2) / 3 * 4
	if len(entry) != len(prefix)+encoded || !strings.HasPrefix(entry, prefix) {
		return false
	}
	var text [encodedAsymmetricSize]byte
	copy(text[:], entry[len(prefix):])
	// The decoder skips line breaks; what it skips is missing in n.
	var decoded [encodedAsymmetricSize / 4 * 3]byte
	n, err := strict.Decode(decoded[:], text[:encoded])
	if err != nil || n != len(sig) {
		return false
	}
	copy(sig, decoded[:])
	return true
}

// Match reports whether sum is one of the v1 signatures. Each comparison takes
// the same time whatever the bytes are.
func (l *Signatures) Match(sum *[Size]byte) bool {
	for i := range l.sums[:l.n] {
		if hmac.Equal(l.sums[i][:], sum[:]) {
			return true
		}
	}
	return false
}

// MatchPublic reports whether one of the v1a signatures is the key's of the
// message.
func (l *Signatures) MatchPublic(key *PublicKey, message []byte) bool {
	for i := range l.asymmetric[:l.m] {
		if key.Verify(message, l.asymmetric[i][:]) {
			return true
		}
	}
	return false
}

// Len returns the number of v1 entries.
func (l *Signatures) Len() int { return l.n }

// LenAsymmetric returns the number of v1a entries.
func (l *Signatures) LenAsymmetric() int { return l.m }
