package webhook

import "github.com/autoreach/webhook/verify"

// Verify says whether signature, the value of X-Webhook-Signature, belongs to
// body under secret: nil if it does. It compares in constant time. body is the
// raw request body, as received.
//
// It is for whoever has the root package at hand. Receivers import package
// verify instead, which also protects from replays, reads requests within
// bounds and serves as a handler.
func Verify(secret string, body []byte, signature string) error {
	v, err := verify.New(secret, nil)
	if err != nil {
		return err
	}
	return v.Verify(body, signature)
}

// The names of package verify that most receivers need.
type (
	// Verifier is [verify.Verifier].
	Verifier = verify.Verifier
	// VerifyOptions is [verify.Options].
	VerifyOptions = verify.Options
)

// NewVerifier is [verify.New].
func NewVerifier(secret string, opts *VerifyOptions) (*Verifier, error) {
	return verify.New(secret, opts)
}
