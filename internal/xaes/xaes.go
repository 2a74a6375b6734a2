// Package xaes is XAES-256-GCM of C2SP (https://c2sp.org/XAES-256-GCM): AES-256-GCM
// with a nonce of 192 bits. Plain AES-GCM wants its key replaced after 2^32
// random nonces, which a busy sender of webhooks reaches in weeks; here random
// nonces do for as long as the key lives.
package xaes

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
)

const (
	KeySize   = 32
	NonceSize = 24
	// Overhead is how much longer a sealed message is.
	Overhead = NonceSize + 16
)

var errOpen = errors.New("xaes: the message was not sealed with this key, or was changed")

// A Key seals and opens. It is safe for concurrent use.
type Key struct {
	block cipher.Block
	k1    [aes.BlockSize]byte
}

// New returns a key of exactly KeySize bytes.
func New(key []byte) (*Key, error) {
	if len(key) != KeySize {
		return nil, errors.New("xaes: the key has to be 32 bytes long")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	k := &Key{block: block}
	block.Encrypt(k.k1[:], k.k1[:])
	// Doubling in GF(2^128), as in CMAC.
	carry := k.k1[0] >> 7
	for i := range k.k1 {
		k.k1[i] <<= 1
		if i < len(k.k1)-1 {
			k.k1[i] |= k.k1[i+1] >> 7
		}
	}
	k.k1[len(k.k1)-1] ^= 0x87 * carry
	return k, nil
}

// aead is AES-256-GCM with the key that belongs to the first half of a nonce.
func (k *Key) aead(nonce []byte) cipher.AEAD {
	var derived [KeySize]byte
	for i := range byte(2) {
		b := derived[int(i)*aes.BlockSize:][:aes.BlockSize]
		copy(b, []byte{0, i + 1, 'X', 0})
		copy(b[4:], nonce)
		for j := range b {
			b[j] ^= k.k1[j]
		}
		k.block.Encrypt(b, b)
	}
	block, err := aes.NewCipher(derived[:])
	if err != nil {
		panic(err) // the size is right
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

// Seal appends a random nonce and the encrypted message to dst. Open wants the
// same additional data.
func (k *Key) Seal(dst, message, additional []byte) []byte {
	nonce := make([]byte, NonceSize)
	_, _ = rand.Read(nonce) // never fails
	return k.aead(nonce[:12]).Seal(append(dst, nonce...), nonce[12:], message, additional)
}

// Open returns the message that Seal was given.
func (k *Key) Open(sealed, additional []byte) ([]byte, error) {
	if len(sealed) < Overhead {
		return nil, errOpen
	}
	nonce := sealed[:NonceSize]
	message, err := k.aead(nonce[:12]).Open(nil, nonce[12:], sealed[NonceSize:], additional)
	if err != nil {
		return nil, errOpen
	}
	return message, nil
}
