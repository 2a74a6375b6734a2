package webhook

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/autoreach/webhook/internal/signature"
)

// KeySigner signs every delivery, of all endpoints, with one ed25519 key of
// the host's that need not be in this process: in a KMS or an HSM. It adds a
// v1a entry to webhook-signature, beside those of [StandardSigner] if that is
// in [Options].Signers too. Publish its PublicKey; receivers verify with that.
//
// While a key is changed two KeySigners can stand in Options.Signers.
//
// A key that does not answer, or answers with an error, fails the attempt,
// within the attempt's timeout; it is repeated like any other. At most 256
// calls of the key are under way at a time.
type KeySigner struct {
	// The key is in a closure, so that printing a KeySigner cannot show it.
	sign   func(ctx context.Context, message []byte) ([]byte, error)
	public *signature.PublicKey
	text   string
	max    int
	calls  chan struct{}
}

// A ContextKey is a [crypto.Signer] that can be told to give up. SignContext
// returns the ed25519 signature of the message itself, not of a hash of it.
// ctx ends with the attempt.
type ContextKey interface {
	crypto.Signer
	SignContext(ctx context.Context, message []byte) ([]byte, error)
}

// maxCalls is how many calls of a key are under way at a time. A key that
// never answers holds so many goroutines and no more.
const maxCalls = 256

// NewKeySigner returns a signer for an ed25519 key: its Public is an
// [ed25519.PublicKey]. The key is called as [crypto.SignMessage] does, with
// crypto.Hash(0), so that it gets the whole message "{id}.{timestamp}.{body}"
// and not a hash; or by SignContext, if it is a [ContextKey]. It has to be safe
// for concurrent use.
//
// maxMessage is how many bytes the key takes; 0 means any number. AWS KMS takes
// 4,096 (https://docs.aws.amazon.com/kms/latest/APIReference/API_Sign.html),
// AWS CloudHSM 16,000
// (https://docs.aws.amazon.com/cloudhsm/latest/userguide/cloudhsm_cli-crypto-sign-ed25519.html).
// [New] then wants an [Options].MaxPayload that leaves 64 bytes for id and
// timestamp, so that an event that is too large is refused when it is emitted
// and not found when it is sent.
func NewKeySigner(key crypto.Signer, maxMessage int) (*KeySigner, error) {
	if key == nil {
		return nil, errors.New("webhook: the key is nil")
	}
	if maxMessage < 0 {
		return nil, fmt.Errorf("webhook: maxMessage is %d bytes, want 0 for no limit or more", maxMessage)
	}
	if k, ok := key.(ed25519.PrivateKey); ok {
		if _, err := signature.PrivateText(k); err != nil {
			return nil, fmt.Errorf("webhook: the key: %w", err)
		}
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok || len(public) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("webhook: the public key is a %T, want an ed25519.PublicKey: v1a signatures are by ed25519 only", key.Public())
	}
	s := &KeySigner{text: signature.PublicText(public), max: maxMessage, calls: make(chan struct{}, maxCalls)}
	var err error
	if s.public, err = signature.ParsePublicKey(s.text); err != nil {
		return nil, fmt.Errorf("webhook: the public key: %w", err)
	}
	s.sign = func(_ context.Context, message []byte) ([]byte, error) {
		return crypto.SignMessage(key, rand.Reader, message, crypto.Hash(0))
	}
	if k, ok := key.(ContextKey); ok {
		s.sign = k.SignContext
	}
	return s, nil
}

// PublicKey returns what receivers verify with: whpk_ and the base64 of the
// public key.
func (k *KeySigner) PublicKey() string { return k.text }

// messageHead is how much longer a message may be than its body: the id of an
// event or a test, the time and two full stops.
const messageHead = 64

func (k *KeySigner) check(p *problems, field string, maxPayload int) {
	switch {
	case k == nil || k.sign == nil:
		p.add(field, "required", "", "is the zero value; make it with NewKeySigner")
	case k.max > 0 && maxPayload > k.max-messageHead:
		p.add(field, "range", itoa(k.max-messageHead), "has a key that takes messages of %d bytes, but Options.MaxPayload is %d; set that to at most %d",
			k.max, maxPayload, k.max-messageHead)
	}
}

// Sign implements [Signer].
func (k *KeySigner) Sign(ctx context.Context, h http.Header, s Signing) error {
	message := signature.StandardMessage(s.ID, s.Timestamp.Unix(), s.Body)
	if k.max > 0 && len(message) > k.max {
		return fmt.Errorf("webhook: the message to sign, which is id, timestamp and body, has %d bytes, and the key takes %d", len(message), k.max)
	}
	sig, err := k.call(ctx, message)
	if err != nil {
		return err
	}
	if !k.public.Verify(message, sig) {
		return errors.New("webhook: the signature does not belong to the public key of the key that made it; it has to be ed25519 (not ed25519ph) over the message itself")
	}
	setStandard(h, s)
	addStandard(h, signature.Asymmetric(sig))
	return nil
}

// call has the message signed, and does not wait for longer than ctx.
func (k *KeySigner) call(ctx context.Context, message []byte) ([]byte, error) {
	select {
	case k.calls <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("webhook: %d calls of the key were under way, and none of them ended in time: %w", maxCalls, ctx.Err())
	}
	type answer struct {
		sig []byte
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		var a answer
		defer func() {
			if r := recover(); r != nil {
				a = answer{err: panicError("the key", r)}
			}
			<-k.calls
			answered <- a
		}()
		a.sig, a.err = k.sign(ctx, message)
	}()
	select {
	case a := <-answered:
		if a.err != nil {
			return nil, fmt.Errorf("webhook: the key could not sign: %w", a.err)
		}
		return a.sig, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("webhook: the key did not sign in time: %w", ctx.Err())
	}
}
