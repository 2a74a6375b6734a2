// Package signature computes and parses the signatures of a webhook delivery:
// X-Webhook-Signature (HMAC-SHA256 of the body, in hex) and the two schemes of
// Standard Webhooks (v1, HMAC-SHA256, and v1a, ed25519, of
// "{id}.{timestamp}.{body}", in base64). It does no I/O and reads no clock; the sender and the verifier
// share it so that both sides follow one set of rules.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"hash"
	"strconv"
	"sync"
	"sync/atomic"
)

// Size is the length of a signature in bytes, before hex or base64.
const Size = sha256.Size

// Key is an HMAC-SHA256 key. It is safe for concurrent use: each computation
// borrows a hash state that has the key already mixed in, and resets it, so
// that a kept Key allocates nothing in steady state.
type Key struct {
	// The key's bytes live in the hash states, and those behind closures and in
	// the pool only, so that nothing that prints a Key can show them.
	mac func() hash.Hash

	lent atomic.Bool   // whether own's is; a key that is used now and then needs no other
	own  func() *state // always the same
	more sync.Pool
}

// state is what one computation needs. The buffers are part of it because
// slices that pass through the hash.Hash interface would be allocated anew
// each time if they were local variables.
type state struct {
	mac  hash.Hash
	used bool // mac is to be reset
	sum  [Size]byte
	head []byte // "{id}.{timestamp}."
}

// NewKey returns the key with the bytes b, which are copied. Any length is
// legal for HMAC, zero included; refusing weak keys is the caller's task.
func NewKey(b []byte) *Key {
	b = append([]byte(nil), b...)
	k := &Key{mac: func() hash.Hash { return hmac.New(sha256.New, b) }}
	// Made at once, so that a key which the platform refuses (a short one under
	// FIPS 140-only) shows when the program starts and not at the first request.
	s := &state{mac: k.mac()}
	k.own = func() *state { return s }
	return k
}

// borrow returns a state that nobody else has.
func (k *Key) borrow() *state {
	s := k.own()
	if !k.lent.CompareAndSwap(false, true) {
		if s, _ = k.more.Get().(*state); s == nil {
			s = &state{mac: k.mac()}
		}
	}
	if s.used {
		s.mac.Reset()
	}
	s.used = true
	return s
}

// finish ends the computation and gives the state back.
func (k *Key) finish(s *state) [Size]byte {
	s.mac.Sum(s.sum[:0])
	sum := s.sum
	if s == k.own() {
		k.lent.Store(false)
	} else {
		k.more.Put(s)
	}
	return sum
}

// Sum returns the HMAC of the parts, one after the other.
func (k *Key) Sum(parts ...[]byte) [Size]byte {
	s := k.borrow()
	for _, p := range parts {
		s.mac.Write(p)
	}
	return k.finish(s)
}

// StandardSum returns the HMAC of "{id}.{unix}.{body}" without copying the body.
func (k *Key) StandardSum(id string, unix int64, body []byte) [Size]byte {
	s := k.borrow()
	s.head = append(append(s.head[:0], id...), '.')
	s.head = append(strconv.AppendInt(s.head, unix, 10), '.')
	s.mac.Write(s.head)
	s.mac.Write(body)
	return k.finish(s)
}
