package signature

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"testing"
)

// The vector of Svix's server, which is the one that signs v1a. The example in
// the text of Standard Webhooks prints this signature beside another message.
const (
	vectorPrivate = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	vectorPublic  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	vectorID      = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorUnix    = 1614265330
	vectorBody    = `{"test": 2432232314}`
	vectorEntry   = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
)

func mustPrivate(tb testing.TB, text string) *PrivateKey {
	tb.Helper()
	k, err := ParsePrivateKey(text)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func mustPublic(tb testing.TB, text string) *PublicKey {
	tb.Helper()
	k, err := ParsePublicKey(text)
	if err != nil {
		tb.Fatal(err)
	}
	return k
}

func TestEd25519Vector(t *testing.T) {
	k := mustPrivate(t, vectorPrivate)
	if k.Public() != vectorPublic {
		t.Errorf("public key %s, want %s", k.Public(), vectorPublic)
	}
	if got := k.Standard(vectorID, vectorUnix, []byte(vectorBody)); got != vectorEntry {
		t.Errorf("%s, want %s", got, vectorEntry)
	}
	list, err := ParseSignatures(vectorEntry, Versions{V1a: true})
	if err != nil {
		t.Fatal(err)
	}
	public := mustPublic(t, vectorPublic)
	for message, want := range map[string]bool{
		vectorID + ".1614265330." + vectorBody:  true,
		vectorID + ".1614265331." + vectorBody:  false,
		vectorID + "x.1614265330." + vectorBody: false,
		vectorID + ".1614265330.":               false,
	} {
		if got := list.MatchPublic(public, []byte(message)); got != want {
			t.Errorf("%q: %v, want %v", message, got, want)
		}
	}
	other := mustPublic(t, mustPrivate(t, GeneratePrivate()).Public())
	if list.MatchPublic(other, StandardMessage(vectorID, vectorUnix, []byte(vectorBody))) {
		t.Error("another key's signature was accepted")
	}
}

func TestParsePrivateKey(t *testing.T) {
	enc := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, n)) }
	good := vectorPrivate[len("whsk_"):]
	raw, err := base64.StdEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	swapped := base64.StdEncoding.EncodeToString(append(bytes.Clone(raw[32:]), raw[:32]...))
	for _, c := range []struct {
		text string
		want error
		says string
	}{
		{"whsk_" + good, nil, ""},
		{"", ErrPrefix, "whsk_"},
		{good, ErrPrefix, "whsk_"},
		{"WHSK_" + good, ErrPrefix, "whsk_"},
		{" whsk_" + good, ErrPrefix, "whsk_"},
		{"whsec_" + good, ErrPrefix, "secret"},
		{vectorPublic, ErrPrefix, "public"},
		{"whsk_", ErrLength, "0 bytes"},
		{"whsk_" + enc(32), ErrLength, "seed"},
		{"whsk_" + enc(63), ErrLength, "63 bytes"},
		{"whsk_" + enc(65), ErrLength, "65 bytes"},
		{"whsk_" + enc(64), ErrPair, "second half"},
		{"whsk_" + swapped, ErrPair, "second half"},
		{"whsk_" + strings.TrimRight(good, "="), ErrPadding, "padded"},
		{"whsk_" + good + "=", ErrPadding, "padded"},
		{"whsk_" + strings.TrimSuffix(good, "g==") + "h==", ErrPadding, "bits"},
		{"whsk_" + strings.ReplaceAll(good, "/", "_"), ErrAlphabet, "URL-safe"},
		{"whsk_" + good + "\n", ErrAlphabet, "base64"},
		{"whsk_" + good[:40] + "\r\n" + good[40:], ErrAlphabet, "base64"},
	} {
		k, err := ParsePrivateKey(c.text)
		checkKey(t, c.text, k != nil, err, c.want, c.says)
	}
}

func TestParsePublicKey(t *testing.T) {
	enc := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, n)) }
	good := vectorPublic[len("whpk_"):]
	for _, c := range []struct {
		text string
		want error
		says string
	}{
		{"whpk_" + good, nil, ""},
		{"", ErrPrefix, "whpk_"},
		{good, ErrPrefix, "whpk_"},
		{"whsec_" + good, ErrPrefix, "secret"},
		{vectorPrivate, ErrPrefix, "only the sender"},
		{"whpk_" + enc(31), ErrLength, "31 bytes"},
		{"whpk_" + enc(33), ErrLength, "33 bytes"},
		{"whpk_" + enc(64), ErrLength, "64 bytes"},
		{"whpk_" + strings.TrimRight(good, "="), ErrPadding, "padded"},
		{"whpk_" + strings.TrimSuffix(good, "4=") + "5=", ErrPadding, "bits"},
		{"whpk_" + good + " ", ErrAlphabet, "base64"},
		{"whpk_" + base64.StdEncoding.EncodeToString(make([]byte, 32)), ErrWeak, "anybody"},
	} {
		k, err := ParsePublicKey(c.text)
		checkKey(t, c.text, k != nil, err, c.want, c.says)
	}
}

func checkKey(t *testing.T, text string, ok bool, err, want error, says string) {
	t.Helper()
	if !errors.Is(err, want) || ok != (err == nil) || err != nil && !strings.Contains(err.Error(), says) {
		t.Errorf("%q: %v, want %v with %q", text, err, want, says)
	}
	if err == nil || len(text) < 20 {
		return
	}
	if strings.Contains(err.Error(), text[6:16]) || strings.Contains(err.Error(), text[len(text)-10:]) {
		t.Errorf("the error holds the key: %v", err)
	}
}

func TestPrivateText(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, 32)
	key := ed25519.NewKeyFromSeed(seed)
	text, err := PrivateText(key)
	if err != nil {
		t.Fatal(err)
	}
	if k := mustPrivate(t, text); k.Public() != PublicText(key.Public().(ed25519.PublicKey)) {
		t.Error("another key came out")
	}
	for _, bad := range []struct {
		key  ed25519.PrivateKey
		want error
	}{{nil, ErrLength}, {seed, ErrLength}, {make([]byte, 64), ErrPair}} {
		if _, err := PrivateText(bad.key); !errors.Is(err, bad.want) {
			t.Errorf("%d bytes: %v, want %v", len(bad.key), err, bad.want)
		}
	}
	if a, b := GeneratePrivate(), GeneratePrivate(); a == b || mustPrivate(t, a).Public() == mustPrivate(t, b).Public() {
		t.Error("two generated keys are one")
	}
}

func TestPrintingShowsNoPrivateKey(t *testing.T) {
	seed := []byte("0123456789abcdefghijklmnopqrstuv")
	text, err := PrivateText(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	k := mustPrivate(t, text)
	k.Standard("a", 1, nil)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		out := fmt.Sprintf(format, k) + fmt.Sprintf(format, *k)
		for _, leak := range []string{"456789", "52 53 54", "0x34, 0x35", fmt.Sprintf("%x", seed[4:10]), text[5:20]} {
			if strings.Contains(out, leak) {
				t.Errorf("%s: %s", format, out)
			}
		}
	}
}

// The table holds what makes a key that anybody can sign for, and all of it:
// the points whose order divides 8, in every encoding of 32 bytes.
func TestSmallOrder(t *testing.T) {
	p := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	mod := func(x *big.Int) *big.Int { return x.Mod(x, p) }
	inv := func(x *big.Int) *big.Int { return new(big.Int).ModInverse(x, p) }
	d := mod(new(big.Int).Mul(big.NewInt(-121665), inv(big.NewInt(121666))))
	// A point of order 8 doubles to one of order 4, whose y is 0: so x² = -y²,
	// and the curve -x² + y² = 1 + d·x²·y² gives d·y⁴ + 2·y² - 1 = 0.
	root := new(big.Int).ModSqrt(mod(new(big.Int).Add(big.NewInt(1), d)), p)
	if root == nil {
		t.Fatal("1+d is no square")
	}
	want := []*big.Int{big.NewInt(0), big.NewInt(1), new(big.Int).Sub(p, big.NewInt(1)), p, new(big.Int).Add(p, big.NewInt(1))}
	for _, r := range []*big.Int{root, new(big.Int).Neg(root)} {
		y2 := mod(new(big.Int).Mul(new(big.Int).Sub(r, big.NewInt(1)), inv(d)))
		if y := new(big.Int).ModSqrt(y2, p); y != nil {
			want = append(want, y, new(big.Int).Sub(p, y))
		}
	}
	if len(want) != len(smallOrderY) {
		t.Errorf("%d encodings of y, the table has %d", len(want), len(smallOrderY))
	}
	for _, y := range want {
		b := y.FillBytes(make([]byte, 32))
		slices.Reverse(b)
		for _, sign := range []byte{0, 0x80} {
			b[31] = b[31]&0x7f | sign
			if _, err := ParsePublicKey(PublicText(b)); !errors.Is(err, ErrWeak) {
				t.Errorf("%x: %v, want %v", b, err, ErrWeak)
			}
		}
	}
	// Why they are refused: a signature that no private key made, for any message.
	forged := append(append([]byte{1}, make([]byte, 31)...), make([]byte, 32)...) // R is the neutral point, S is 0
	identity := append([]byte{1}, make([]byte, 31)...)
	if !(&PublicKey{identity}).Verify([]byte("any message"), forged) {
		t.Error("the forged signature does not verify; the test shows nothing")
	}
}

func TestParseSignaturesWanted(t *testing.T) {
	k, a := NewKey([]byte("key")), mustPrivate(t, vectorPrivate)
	v1, v1a := k.Standard("a", 1, nil), a.Standard("a", 1, nil)
	both, only, onlyA := Versions{true, true}, Versions{V1: true}, Versions{V1a: true}
	for _, c := range []struct {
		name, header string
		want         Versions
		n, m         int
		err          error
	}{
		{"both of both", v1 + " " + v1a, both, 1, 1, nil},
		{"v1 of both", v1 + " " + v1a, only, 1, 0, nil},
		{"v1a of both", v1 + " " + v1a, onlyA, 0, 1, nil},
		{"v1 where v1a is wanted", v1, onlyA, 0, 0, ErrNoV1a},
		{"v1a where v1 is wanted", v1a, only, 0, 0, ErrNoV1},
		{"neither", "v2," + v1a[4:], both, 0, 0, ErrNoEntry},
		{"4 v1a", strings.Repeat(v1a+" ", 3) + v1a, both, 0, 4, nil},
		{"5 v1a", strings.Repeat(v1a+" ", 4) + v1a, both, 0, 0, ErrListAsymmetric},
		{"5 v1a that are not wanted", strings.Repeat(v1a+" ", 5) + v1, only, 1, 0, nil},
		{"a v1a value as v1", "v1," + v1a[4:], both, 0, 0, ErrNoEntry},
		{"a v1 value as v1a", "v1a," + v1[3:], both, 0, 0, ErrNoEntry},
		{"upper-case version", "V1A" + v1a[3:], onlyA, 0, 0, ErrNoV1a},
		{"no padding", strings.TrimRight(v1a, "="), onlyA, 0, 0, ErrNoV1a},
		{"63 bytes", "v1a," + strings.Repeat("A", 84), onlyA, 0, 0, ErrNoV1a},
		{"65 bytes", "v1a," + strings.Repeat("A", 87) + "=", onlyA, 0, 0, ErrNoV1a},
		{"unused bits", "v1a," + strings.Repeat("A", 85) + "B==", onlyA, 0, 0, ErrNoV1a},
		{"line breaks", "v1a,\n\n\n\n" + v1a[8:], onlyA, 0, 0, ErrNoV1a},
	} {
		list, err := ParseSignatures(c.header, c.want)
		if !errors.Is(err, c.err) || list.Len() != c.n || list.LenAsymmetric() != c.m {
			t.Errorf("%s: %d and %d entries, %v; want %d and %d, %v", c.name, list.Len(), list.LenAsymmetric(), err, c.n, c.m, c.err)
		}
	}
}
