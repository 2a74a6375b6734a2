package xaes

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// The vectors of the specification.
func TestVectors(t *testing.T) {
	for _, v := range []struct {
		key        byte
		additional string
		want       string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		k, err := New(bytes.Repeat([]byte{v.key}, KeySize))
		if err != nil {
			t.Fatal(err)
		}
		nonce, message := []byte("ABCDEFGHIJKLMNOPQRSTUVWX"), []byte("XAES-256-GCM")
		got := k.aead(nonce[:12]).Seal(nil, nonce[12:], message, []byte(v.additional))
		if hex.EncodeToString(got) != v.want {
			t.Errorf("key %d: %x, want %s", v.key, got, v.want)
		}
		opened, err := k.Open(append(nonce, got...), []byte(v.additional))
		if err != nil || !bytes.Equal(opened, message) {
			t.Errorf("key %d opens as %q, %v", v.key, opened, err)
		}
	}
}

// Every change of the sealed message, of its data or of the key is noticed, and
// nothing is sealed twice alike.
func TestOpenRefuses(t *testing.T) {
	k, _ := New(bytes.Repeat([]byte{7}, KeySize))
	other, _ := New(bytes.Repeat([]byte{8}, KeySize))
	sealed := k.Seal([]byte("before"), []byte("message"), []byte("data"))
	sealed, found := bytes.CutPrefix(sealed, []byte("before"))
	if !found || len(sealed) != len("message")+Overhead {
		t.Fatalf("Seal returned %x", sealed)
	}
	if m, err := k.Open(sealed, []byte("data")); err != nil || string(m) != "message" {
		t.Fatalf("Open: %q, %v", m, err)
	}
	refuses := func(what string, k *Key, sealed, data []byte) {
		t.Helper()
		if m, err := k.Open(sealed, data); err == nil {
			t.Errorf("%s: opened as %q", what, m)
		}
	}
	refuses("another key", other, sealed, []byte("data"))
	refuses("other data", k, sealed, []byte("date"))
	for i := range sealed {
		refuses("shorter", k, sealed[:i], []byte("data"))
		changed := bytes.Clone(sealed)
		changed[i] ^= 1
		refuses("changed", k, changed, []byte("data"))
	}
	if bytes.Equal(sealed, k.Seal(nil, []byte("message"), []byte("data"))) {
		t.Error("sealed twice alike")
	}
	if _, err := New(make([]byte, 16)); err == nil {
		t.Error("a key of 16 bytes is taken")
	}
}
