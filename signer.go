package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/autoreach/webhook/internal/signature"
)

// A Signer adds headers that prove where a request comes from. It is called
// for every attempt, also of endpoints without a secret, then with no keys.
// It must be safe for concurrent use. An error, or a panic, fails the attempt.
type Signer interface {
	Sign(h http.Header, s Signing) error
}

// Signing is what a [Signer] signs.
type Signing struct {
	ID        string    // the event's
	Timestamp time.Time // of this attempt
	Body      []byte    // exactly what is sent; not to be changed
	Keys      []Key     // one for each active secret: while a rotation lasts the old one, then the new one
}

// Key is an active secret of an endpoint, ready for use.
type Key struct {
	Secret   Secret
	body     *signature.Key
	standard *signature.Key
}

// The bounds of a whsec_ secret's key, in bytes, by Standard Webhooks.
const minKey, maxKey = 24, 64

func newKey(s Secret) (Key, error) {
	b, err := signature.StandardKey(s.Reveal(), minKey, maxKey)
	if err != nil {
		return Key{}, err
	}
	return Key{Secret: s, body: signature.NewKey([]byte(s.Reveal())), standard: signature.NewKey(b)}, nil
}

// The names of the headers, in the form that http.Header keeps.
const (
	headerSignature          = "X-Webhook-Signature"
	headerStandardID         = "Webhook-Id"
	headerStandardTimestamp  = "Webhook-Timestamp"
	headerStandardSignatures = "Webhook-Signature"
	headerTest               = "X-Webhook-Test"
)

// BodySigner sets X-Webhook-Signature: sha256= and the lower-case hex of the
// HMAC-SHA256 of the body, under the bytes of the secret as given. It has room
// for one signature: while a rotation lasts it is the old secret's. It does
// not sign the time, so a receiver that relies on it alone can be replayed to.
type BodySigner struct{}

// Sign implements [Signer].
func (BodySigner) Sign(h http.Header, s Signing) error {
	if len(s.Keys) > 0 {
		h[headerSignature] = []string{s.Keys[0].body.Body(s.Body)}
	}
	return nil
}

// StandardSigner sets the three headers of Standard Webhooks
// (https://www.standardwebhooks.com): webhook-id, webhook-timestamp and, for
// endpoints with a secret, webhook-signature with one v1 entry for each active
// secret. A secret that begins with whsec_ is decoded to the key; any other is
// the key itself.
type StandardSigner struct{}

// Sign implements [Signer].
func (StandardSigner) Sign(h http.Header, s Signing) error {
	unix := s.Timestamp.Unix()
	h[headerStandardID] = []string{s.ID}
	h[headerStandardTimestamp] = []string{strconv.FormatInt(unix, 10)}
	if len(s.Keys) == 0 {
		return nil
	}
	entry := s.Keys[0].standard.Standard(s.ID, unix, s.Body)
	if len(s.Keys) > 1 {
		entries := []string{entry}
		for _, k := range s.Keys[1:] {
			entries = append(entries, k.standard.Standard(s.ID, unix, s.Body))
		}
		entry = strings.Join(entries, " ")
	}
	h[headerStandardSignatures] = []string{entry}
	return nil
}
