package signature

import (
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
	MaxSignatureBytes = 4096 // webhook-signature as a whole
	// MaxTimestamp is the last second of the year 9999. Below it no difference
	// of two times can overflow.
	MaxTimestamp = 253402300799
)

const versionPrefix = "v1,"

// encodedSize is the length of a signature in padded base64.
const encodedSize = (Size + 2) / 3 * 4

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
	ErrListTooLong = errors.New("longer than 4096 bytes")
	ErrListEntries = errors.New("more than 32 entries")
	ErrNoV1        = errors.New("no entry of the form v1,<base64 of 32 bytes>")
)

// Signatures holds the v1 entries of a webhook-signature header.
type Signatures struct {
	sums [MaxSignatures][Size]byte
	n    int
}

// ParseSignatures decodes webhook-signature: entries "{version},{value}"
// separated by single spaces. A v1 value must be the padded standard base64 of
// exactly 32 bytes. Entries of other versions, and entries that are no
// signature at all, can match nothing and are passed over as the reference
// libraries do, so that a sender may add versions; they count towards the
// bounds. At least one v1 entry must remain.
func ParseSignatures(header string) (list Signatures, err error) {
	if len(header) > MaxSignatureBytes {
		return list, ErrListTooLong
	}
	if strings.Count(header, " ") >= MaxSignatures {
		return list, ErrListEntries
	}
	for rest, more := header, true; more; {
		var entry string
		entry, rest, more = strings.Cut(rest, " ")
		if parseEntry(entry, &list.sums[list.n]) {
			list.n++
		}
	}
	if list.n == 0 {
		return list, ErrNoV1
	}
	return list, nil
}

func parseEntry(entry string, sum *[Size]byte) bool {
	if len(entry) != len(versionPrefix)+encodedSize || !strings.HasPrefix(entry, versionPrefix) {
		return false
	}
	var text [encodedSize]byte
	copy(text[:], entry[len(versionPrefix):])
	// The decoder skips line breaks; what it skips is missing in n.
	var decoded [encodedSize / 4 * 3]byte
	n, err := strict.Decode(decoded[:], text[:])
	if err != nil || n != Size {
		return false
	}
	copy(sum[:], decoded[:])
	return true
}

// Match reports whether sum is one of the signatures. Each comparison takes the
// same time whatever the bytes are.
func (l *Signatures) Match(sum *[Size]byte) bool {
	for i := range l.sums[:l.n] {
		if hmac.Equal(l.sums[i][:], sum[:]) {
			return true
		}
	}
	return false
}

// Len returns the number of v1 entries.
func (l *Signatures) Len() int { return l.n }
