package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/autoreach/webhook/internal/xaes"
)

// An EncryptionKey encrypts what a store keeps; see [Options].EncryptionKeys.
// It prints as its ID.
type EncryptionKey struct {
	id   string
	aead *xaes.Key
}

// NewEncryptionKey returns the key of exactly 32 random bytes, from a secret
// manager or such as openssl rand gives.
func NewEncryptionKey(secret []byte) (EncryptionKey, error) {
	aead, err := xaes.New(secret)
	if err != nil {
		return EncryptionKey{}, fmt.Errorf("webhook: an encryption key is 32 random bytes, not %d", len(secret))
	}
	sum := sha256.Sum256(append([]byte("webhook encryption key "), secret...))
	return EncryptionKey{hex.EncodeToString(sum[:4]), aead}, nil
}

// ID tells keys apart. It is stored beside what the key encrypted, and says
// nothing about the key.
func (k EncryptionKey) ID() string { return k.id }

// Format prints the ID, whatever the verb.
func (k EncryptionKey) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "key "+k.id) }

// LogValue logs the ID.
func (k EncryptionKey) LogValue() slog.Value { return slog.StringValue("key " + k.id) }

// sealedPrefix begins everything that is sealed; the key's ID, a colon and the
// message follow.
const sealedPrefix = "sealed:1:"

var errMalformed = errors.New("webhook: what is stored is cut short or changed")

// A keyring seals with its first key and opens with any. What is not sealed
// opens as itself: it was stored before there were keys. The place says where
// something is stored, so that nothing opens in the place of another.
//
// An empty one opens nothing that is sealed: a process whose keys were forgotten
// sends nothing of it. It must not be asked to seal; see encrypted.go.
type keyring []EncryptionKey

func (r keyring) seal(message []byte, place string) []byte {
	k := r[0]
	out := make([]byte, 0, len(sealedPrefix)+len(k.id)+1+len(message)+xaes.Overhead)
	out = append(append(append(out, sealedPrefix...), k.id...), ':')
	return k.aead.Seal(out, message, []byte(place))
}

func (r keyring) open(stored []byte, place string) ([]byte, error) {
	rest, sealed := strings.CutPrefix(string(stored[:min(len(stored), 64)]), sealedPrefix)
	if !sealed {
		return stored, nil
	}
	id, _, ok := strings.Cut(rest, ":")
	if !ok {
		return nil, errMalformed
	}
	for _, k := range r {
		if k.id == id {
			return k.aead.Open(stored[len(sealedPrefix)+len(id)+1:], []byte(place))
		}
	}
	return nil, noKeyError(id)
}

// noKeyError is the ID of a key that is not in the ring.
type noKeyError string

func (id noKeyError) Error() string {
	return fmt.Sprintf("webhook: it is encrypted with key %s, which is not among Options.EncryptionKeys", string(id))
}

// sealText is seal for a place that holds text.
func (r keyring) sealText(s, place string) string {
	if s == "" {
		return ""
	}
	b := r.seal([]byte(s), place)
	at := len(sealedPrefix) + len(r[0].id) + 1
	return string(b[:at]) + base64.RawStdEncoding.EncodeToString(b[at:])
}

func (r keyring) openText(stored, place string) (string, error) {
	rest, sealed := strings.CutPrefix(stored, sealedPrefix)
	if !sealed {
		return stored, nil
	}
	id, text, _ := strings.Cut(rest, ":")
	message, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return "", errMalformed
	}
	b, err := r.open(append([]byte(sealedPrefix+id+":"), message...), place)
	return string(b), err
}

// responseHead is how much of a response is sealed by itself: its base64 fits
// into the 1 KiB that a store keeps of the last one in an endpoint's health.
const responseHead = 640

// sealResponse seals a response in two parts, the second of which may be cut.
func (r keyring) sealResponse(b []byte, place string) []byte {
	if len(b) == 0 {
		return b
	}
	head := b[:min(len(b), responseHead)]
	for len(head) < len(b) && !utf8.RuneStart(b[len(head)]) {
		head = head[:len(head)-1]
	}
	out := r.sealText(string(head), place+" head")
	if tail := b[len(head):]; len(tail) > 0 {
		out += " " + r.sealText(string(tail), place+" tail")
	}
	return []byte(out)
}

// openResponse opens a response, or its first part if the second was cut.
func (r keyring) openResponse(stored []byte, place string) []byte {
	if !strings.HasPrefix(string(stored[:min(len(stored), len(sealedPrefix))]), sealedPrefix) {
		return stored
	}
	head, tail, _ := strings.Cut(string(stored), " ")
	first, err := r.openText(head, place+" head")
	if err != nil {
		return []byte("(cannot be decrypted)")
	}
	if strings.HasPrefix(tail, sealedPrefix) {
		if second, err := r.openText(tail, place+" tail"); err == nil {
			first += second
		}
	}
	return []byte(first)
}

// sealEndpoint returns the endpoint as it is stored: secrets, URL and headers
// sealed.
func (r keyring) sealEndpoint(e Endpoint) Endpoint {
	e.URL = r.sealText(e.URL, e.ID+" url")
	e.Secret = Secret(r.sealText(string(e.Secret), e.ID+" secret"))
	e.OldSecret = Secret(r.sealText(string(e.OldSecret), e.ID+" old secret"))
	e.SigningKey = Secret(r.sealText(string(e.SigningKey), e.ID+" signing key"))
	if len(e.Headers) > 0 {
		b, _ := json.Marshal(e.Headers) // strings
		e.Headers = map[string]string{"": r.sealText(string(b), e.ID+" headers")}
	}
	return e
}

// openEndpoint opens what sealEndpoint sealed. On an error, of a key that is not
// there, the secrets stay sealed and the rest is left out.
func (r keyring) openEndpoint(sealed Endpoint) (Endpoint, error) {
	e := sealed
	var errs [5]error
	var secret, old, key string
	e.URL, errs[0] = r.openText(e.URL, e.ID+" url")
	secret, errs[1] = r.openText(string(e.Secret), e.ID+" secret")
	old, errs[2] = r.openText(string(e.OldSecret), e.ID+" old secret")
	key, errs[4] = r.openText(string(e.SigningKey), e.ID+" signing key")
	e.Secret, e.OldSecret, e.SigningKey = Secret(secret), Secret(old), Secret(key)
	if headers, ok := e.Headers[""]; ok {
		var text string
		if text, errs[3] = r.openText(headers, e.ID+" headers"); errs[3] == nil {
			e.Headers = nil
			errs[3] = json.Unmarshal([]byte(text), &e.Headers)
		}
	}
	if err := errors.Join(errs[:]...); err != nil {
		sealed.URL, sealed.Headers = "", nil
		return sealed, fmt.Errorf("webhook: endpoint %s cannot be decrypted: %w", e.ID, err)
	}
	return e, nil
}

// bodyPlace is where the body of an event is.
func bodyPlace(account, event string) string { return event + " body of " + account }
