package webhook

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/autoreach/webhook/internal/signature"
)

// A Signer adds headers that prove where a request comes from. It is called
// for every attempt, also of endpoints without a secret, then with no keys.
// It must be safe for concurrent use. An error, or a panic, fails the attempt.
//
// The time that it takes is a part of the attempt's timeout, and so of the time
// that the endpoint has. ctx ends when that is over, or when the attempt is
// called off: return then.
type Signer interface {
	Sign(ctx context.Context, h http.Header, s Signing) error
}

// Signing is what a [Signer] signs.
type Signing struct {
	ID         string    // the event's
	Timestamp  time.Time // of this attempt
	Body       []byte    // exactly what is sent; not to be changed
	Keys       []Key     // one for each active secret: while a rotation lasts the old one, then the new one
	SigningKey Key       // the endpoint's; the zero value if it has none
}

// Key is an active secret, or the signing key, of an endpoint, ready for use.
type Key struct {
	Secret   Secret
	body     *signature.Key
	standard *signature.Key
	private  *signature.PrivateKey // of a signing key, and nothing else is
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
func (BodySigner) Sign(_ context.Context, h http.Header, s Signing) error {
	if len(s.Keys) > 0 {
		h[headerSignature] = []string{s.Keys[0].body.Body(s.Body)}
	}
	return nil
}

// StandardSigner sets the three headers of Standard Webhooks
// (https://www.standardwebhooks.com): webhook-id, webhook-timestamp and, for
// endpoints with a secret or a signing key, webhook-signature. That has one v1
// entry for each active secret, and a v1a entry for the signing key. A secret
// that begins with whsec_ is decoded to the key; any other is the key itself.
type StandardSigner struct{}

// Sign implements [Signer].
func (StandardSigner) Sign(_ context.Context, h http.Header, s Signing) error {
	setStandard(h, s)
	unix := s.Timestamp.Unix()
	for _, k := range s.Keys {
		addStandard(h, k.standard.Standard(s.ID, unix, s.Body))
	}
	if k := s.SigningKey.private; k != nil {
		addStandard(h, k.Standard(s.ID, unix, s.Body))
	}
	return nil
}

// setStandard sets what the entries of webhook-signature sign beside the body.
func setStandard(h http.Header, s Signing) {
	h[headerStandardID] = []string{s.ID}
	h[headerStandardTimestamp] = []string{strconv.FormatInt(s.Timestamp.Unix(), 10)}
}

// addStandard adds an entry to webhook-signature, which several signers share.
func addStandard(h http.Header, entry string) {
	if before := h[headerStandardSignatures]; len(before) > 0 {
		entry = before[0] + " " + entry
	}
	h[headerStandardSignatures] = []string{entry}
}
