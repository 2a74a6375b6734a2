package verify

import (
	"bytes"
	"crypto/hmac"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/autoreach/webhook/internal/signature"
)

// A whsec_ secret must hold 16 to 64 bytes: fewer are guessable, and published
// examples have as few as 18.
const (
	minStandardKey = 16
	maxStandardKey = 64
)

// Verifier checks requests against one or more secrets and public keys. It is
// safe for concurrent use. Keep it: a kept Verifier checks an
// X-Webhook-Signature without allocating memory. The zero value is not usable;
// call New.
type Verifier struct {
	keys   []keyPair
	public []*signature.PublicKey
	opt    Options // defaults filled in, secrets removed
}

// keyPair holds the keys of one secret, which differ for whsec_ secrets only.
type keyPair struct {
	body     *signature.Key // X-Webhook-Signature
	standard *signature.Key // webhook-signature; nil under BodyOnly
	given    func() given   // for Explain; a function, because printing would show a field
}

// New returns a Verifier for a secret in the form in which the sender shows it.
//
// For X-Webhook-Signature the key is the UTF-8 bytes of the secret, whatever it
// looks like. For webhook-signature the key is the same unless the secret starts
// with whsec_: then it is the base64 that follows, 16 to 64 bytes.
//
// New refuses a secret without any character that is not a space, so that a
// missing environment variable cannot switch verification off; a secret that
// ends with a line break, which usually comes from a file and is not part of
// it; and, unless Scheme is BodyOnly, a malformed whsec_ secret and the keys
// whsk_ and whpk_, which are for ed25519. Anything else in a secret is used as
// it is, spaces and control characters included. The error names the mistake
// and never holds the secret. nil options are legal.
func New(secret string, opts *Options) (*Verifier, error) {
	opt, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	pair, err := textKeys(secret, opt.Scheme)
	if err != nil {
		return nil, fmt.Errorf("verify: secret: %w", err)
	}
	return build(opt, pair)
}

// NewKey returns a Verifier for a key that is bytes rather than text; both
// schemes use the bytes as they are. Only an empty key is refused. The key is
// copied. nil options are legal.
func NewKey(key []byte, opts *Options) (*Verifier, error) {
	opt, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	pair, err := rawKeys(key)
	if err != nil {
		return nil, fmt.Errorf("verify: key: %w", err)
	}
	return build(opt, pair)
}

// NewPublic returns a Verifier for an ed25519 public key: whpk_ and the base64
// of its 32 bytes. A request must carry webhook-signature with a v1a entry by
// that key, or by one of Options.PublicKeys. Whoever has the key can verify and
// not sign.
//
// There is no other scheme for such keys: Any means ReplayProtected here, and
// BodyOnly is refused. The error names what is wrong with a key, such as a
// private key in its place. nil options are legal.
func NewPublic(key string, opts *Options) (*Verifier, error) {
	opt, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	if opt.Scheme == BodyOnly {
		return nil, errors.New("verify: a public key needs webhook-signature, which Options.Scheme BodyOnly does not look at")
	}
	opt.Scheme = ReplayProtected
	k, err := signature.ParsePublicKey(key)
	if err != nil {
		return nil, fmt.Errorf("verify: public key: %w", err)
	}
	v, err := build(opt)
	if err != nil {
		return nil, err
	}
	v.public = append(v.public, k)
	return v, nil
}

func build(opt Options, first ...keyPair) (*Verifier, error) {
	v := &Verifier{keys: first, opt: opt}
	// Not kept in text, so that printing a Verifier cannot show them.
	v.opt.MoreSecrets, v.opt.MoreKeys = nil, nil
	for i, secret := range opt.MoreSecrets {
		pair, err := textKeys(secret, opt.Scheme)
		if err != nil {
			return nil, fmt.Errorf("verify: Options.MoreSecrets[%d]: %w", i, err)
		}
		v.keys = append(v.keys, pair)
	}
	for i, key := range opt.MoreKeys {
		pair, err := rawKeys(key)
		if err != nil {
			return nil, fmt.Errorf("verify: Options.MoreKeys[%d]: %w", i, err)
		}
		v.keys = append(v.keys, pair)
	}
	for i, key := range opt.PublicKeys {
		k, err := signature.ParsePublicKey(key)
		if err != nil {
			return nil, fmt.Errorf("verify: Options.PublicKeys[%d]: %w", i, err)
		}
		v.public = append(v.public, k)
	}
	return v, nil
}

func textKeys(secret string, scheme Scheme) (pair keyPair, err error) {
	if strings.TrimSpace(secret) == "" {
		return pair, errors.New("empty, want at least one character that is not a space")
	}
	if last := secret[len(secret)-1]; last == '\n' || last == '\r' {
		return pair, errors.New("ends with a line break, which is probably not part of it: remove it")
	}
	pair.body = signature.NewKey([]byte(secret))
	pair.given = func() given { return given{text: []byte(secret)} }
	if scheme == BodyOnly {
		return pair, nil
	}
	key, err := signature.StandardKey(secret, minStandardKey, maxStandardKey)
	if errors.Is(err, signature.ErrPrefix) {
		return keyPair{}, fmt.Errorf("%w; a public key goes to NewPublic or Options.PublicKeys", err)
	}
	if err != nil {
		return keyPair{}, err
	}
	pair.standard = pair.body
	if string(key) != secret {
		pair.standard = signature.NewKey(key)
	}
	return pair, nil
}

func rawKeys(key []byte) (keyPair, error) {
	if len(key) == 0 {
		return keyPair{}, errors.New("empty")
	}
	key = bytes.Clone(key)
	k := signature.NewKey(key)
	return keyPair{body: k, standard: k, given: func() given { return given{text: key, raw: true} }}, nil
}

// Verify checks a body against the value of its X-Webhook-Signature header,
// which must be the text of the only line of that header. body must be the raw
// bytes as received, before any parsing; it is not kept. nil means genuine.
//
// This scheme has no replay protection. On a Verifier whose Scheme is
// ReplayProtected Verify fails with ErrScheme: use VerifyHeaders. The other
// errors are ErrNoSignature, ErrMalformed and ErrMismatch.
func (v *Verifier) Verify(body []byte, signature string) error {
	if v.opt.Scheme == ReplayProtected {
		return ErrScheme
	}
	sum, err := parseBodyOnly(signature)
	if err != nil {
		return err
	}
	return v.checkBodyOnly(&sum, body)
}

// VerifyHeaders checks a body against the headers of its request, under the
// Scheme of the Verifier. body must be the raw bytes as received; it is not
// kept. The keys of h must be in canonical form, as net/http and the methods of
// http.Header make them; a header under any other key is not seen, which leads
// to a refusal. nil means genuine; the errors are ErrNoSignature, ErrMalformed,
// ErrMismatch, ErrTooOld and ErrTooNew.
func (v *Verifier) VerifyHeaders(body []byte, h http.Header) error {
	var c claim
	if err := v.inspect(h, &c); err != nil {
		return err
	}
	return v.check(&c, body)
}

// check compares the claimed signature with the true one of every secret, and
// has it verified by every public key.
func (v *Verifier) check(c *claim, body []byte) error {
	if !c.standard {
		return v.checkBodyOnly(&c.sum, body)
	}
	for _, k := range v.keys {
		if sum := k.standard.StandardSum(c.id, c.unix, body); c.list.Match(&sum) {
			return nil
		}
	}
	if c.list.LenAsymmetric() > 0 {
		message := signature.StandardMessage(c.id, c.unix, body)
		for _, k := range v.public {
			if c.list.MatchPublic(k, message) {
				return nil
			}
		}
	}
	return ErrMismatch
}

func (v *Verifier) checkBodyOnly(claimed *[signature.Size]byte, body []byte) error {
	for _, k := range v.keys {
		if sum := k.body.Sum(body); hmac.Equal(sum[:], claimed[:]) {
			return nil
		}
	}
	return ErrMismatch
}
