package signature

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
)

func bare(key []byte, text string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

func TestSumsAreHMAC(t *testing.T) {
	for _, n := range []int{0, 1, 32, 63, 64, 65, 200} {
		key := bytes.Repeat([]byte{'k'}, n)
		k := NewKey(key)
		for range 3 { // the same state again after its reset
			if got := k.Sum([]byte("a"), nil, []byte("bc")); !bytes.Equal(got[:], bare(key, "abc")) {
				t.Errorf("key of %d bytes: wrong sum", n)
			}
			if got := k.StandardSum("evt_1", 1795429530, []byte("{}")); !bytes.Equal(got[:], bare(key, "evt_1.1795429530.{}")) {
				t.Errorf("key of %d bytes: wrong Standard Webhooks sum", n)
			}
		}
	}
}

func TestHeaderValues(t *testing.T) {
	key := []byte("It's a Secret to Everybody")
	k := NewKey(key)
	key[0] = 'x' // the key has its own copy, also for states made later
	k.borrow()
	if got, want := k.Body([]byte("Hello, World!")), "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"; got != want {
		t.Errorf("Body %s, want %s", got, want)
	}
	raw, err := StandardKey("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 24, 64)
	if err != nil {
		t.Fatal(err)
	}
	got := NewKey(raw).Standard("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, []byte(`{"test": 2432232314}`))
	if want := "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("Standard %s, want %s", got, want)
	}
}

func TestKeyConcurrentUse(t *testing.T) {
	k := NewKey([]byte("key"))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			text := strings.Repeat(fmt.Sprint(g), 1000)
			want := bare([]byte("key"), text)
			for range 200 {
				if got := k.Sum([]byte(text)); !bytes.Equal(got[:], want) {
					t.Error("wrong sum")
				}
			}
		})
	}
	wg.Wait()
}

func TestPrintingShowsNoKey(t *testing.T) {
	k := NewKey([]byte("secret"))
	k.Sum(nil)
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(format, k); strings.Contains(text, "secret") || strings.Contains(text, "115") {
			t.Errorf("%s: %s", format, text)
		}
	}
}

func TestParseBody(t *testing.T) {
	digest := strings.Repeat("0123456789abcdef", 4)
	want, _ := hex.DecodeString(digest)
	for header, ok := range map[string]bool{
		"sha256=" + digest:                  true,
		"sha256=" + strings.ToUpper(digest): true,
		"sha256=" + digest[:63]:             false,
		"sha256=" + digest + "0":            false,
		"sha256=" + digest + "\n":           false,
		"sha256=" + digest[:63] + "g":       false,
		"sha256=" + digest[:63] + "\n":      false,
		"sha256=" + digest[:62] + "é":       false,
		"SHA256=" + digest:                  false,
		"sha512=" + digest:                  false,
		" sha256=" + digest[:63]:            false,
		digest:                              false,
		"":                                  false,
		"sha256=":                           false,
	} {
		sum, got := ParseBody(header)
		if got != ok || ok && !bytes.Equal(sum[:], want) {
			t.Errorf("%q: %x, %v, want %v", header, sum, got, ok)
		}
	}
	// Every byte around the digits, so that no class is off by one.
	for c := range 256 {
		_, got := ParseBody("sha256=" + digest[:63] + string([]byte{byte(c)}))
		if want := strings.IndexByte("0123456789abcdefABCDEF", byte(c)) >= 0; got != want {
			t.Errorf("%q as a digit: %v", byte(c), got)
		}
	}
}

func TestParseTimestamp(t *testing.T) {
	for text, want := range map[string]int64{
		"0": 0, "1": 1, "1795429530": 1795429530, "253402300799": MaxTimestamp,
		"": -1, "253402300800": -1, "999999999999": -1, "1000000000000": -1, "00": -1, "01": -1, "-1": -1, "+1": -1, "1 ": -1,
		" 1": -1, "1.0": -1, "1e9": -1, "0x1": -1, "1_0": -1, "١": -1, "9223372036854775807": -1, "18446744073709551617": -1,
	} {
		got, ok := ParseTimestamp(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: %d, %v", text, got, ok)
		}
	}
}

func TestValidID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "0191d7f8-0000-7000-8000-000000000000": true, strings.Repeat("a", 256): true, "!~": true,
		"": false, strings.Repeat("a", 257): false, "a.b": false, ".": false, "a b": false, "a\n": false, "é": false, "\x7f": false,
	} {
		if got := ValidID(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}

func TestParseSignatures(t *testing.T) {
	k := NewKey([]byte("key"))
	a, b := k.Standard("a", 1, nil), k.Standard("b", 1, nil)
	v1a := "v1a," + strings.Repeat("A", 86) + "=="
	for _, c := range []struct {
		name, header string
		n            int
		err          error
	}{
		{"one", a, 1, nil},
		{"two", a + " " + b, 2, nil},
		{"with ed25519", v1a + " " + a, 1, nil},
		{"with things that are no signature", " , x v1, v1,AAAA " + a + " ", 1, nil},
		{"32", strings.Repeat(a+" ", 31) + a, 32, nil},
		{"33", strings.Repeat(a+" ", 32) + a, 0, ErrListEntries},
		{"33 empty", strings.Repeat(" ", 32), 0, ErrListEntries},
		{"long", strings.Repeat("a", 4097), 0, ErrListTooLong},
		{"as long as possible", a + " v9," + strings.Repeat("a", 4096-len(a)-4), 1, nil},
		{"empty", "", 0, ErrNoV1},
		{"upper-case version", "V1" + a[2:], 0, ErrNoV1},
		{"URL-safe alphabet", "v1," + strings.Repeat("-", 43) + "=", 0, ErrNoV1},
		{"no padding", a[:46], 0, ErrNoV1},
		{"more padding", a + "=", 0, ErrNoV1},
		{"unused bits", "v1," + strings.Repeat("A", 42) + "B=", 0, ErrNoV1},
		{"line breaks", "v1,\n\n\n\n" + a[7:], 0, ErrNoV1},
		{"33 bytes", "v1," + strings.Repeat("A", 44), 0, ErrNoV1},
		{"31 bytes", "v1," + strings.Repeat("A", 42) + "==", 0, ErrNoV1},
		{"tab between", a + "\t" + b, 0, ErrNoV1},
	} {
		list, err := ParseSignatures(c.header, Versions{V1: true})
		if !errors.Is(err, c.err) || list.Len() != c.n {
			t.Errorf("%s: %d entries, %v; want %d, %v", c.name, list.Len(), err, c.n, c.err)
		}
	}
	list, _ := ParseSignatures(b+" "+a, Versions{V1: true})
	sum, other := k.StandardSum("a", 1, nil), k.StandardSum("c", 1, nil)
	if !list.Match(&sum) || list.Match(&other) || list.Match(new([Size]byte)) {
		t.Error("Match is wrong")
	}
}

func TestStandardKey(t *testing.T) {
	enc := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xfb}, n)) }
	for _, c := range []struct {
		secret string
		want   error
	}{
		{"whsec_" + enc(24), nil},
		{"whsec_" + enc(64), nil},
		{"whsec_" + enc(23), ErrLength},
		{"whsec_" + enc(65), ErrLength},
		{"whsec_", ErrLength},
		{"whsec_" + strings.TrimRight(enc(25), "="), ErrPadding},
		{"whsec_" + enc(25) + "=", ErrPadding},
		{"whsec_" + enc(25) + "====", ErrPadding},
		{"whsec_====", ErrPadding},
		{"whsec_" + enc(25) + enc(25), ErrPadding},
		{"whsec_" + strings.Repeat("A", 32) + "AB==", ErrPadding}, // unused bits
		{"whsec_" + strings.NewReplacer("+", "-", "/", "_").Replace(enc(24)), ErrAlphabet},
		{"whsec_" + enc(24) + "\n", ErrAlphabet},
		{"whsec_" + enc(12) + "\r\n" + enc(12), ErrAlphabet},
		{"whsec_ " + enc(24), ErrAlphabet},
		{"whsec_é", ErrAlphabet},
		{"whsk_" + enc(64), ErrPrefix},
		{"whpk_" + enc(32), ErrPrefix},
	} {
		key, err := StandardKey(c.secret, 24, 64)
		if !errors.Is(err, c.want) || (err == nil) != (key != nil) {
			t.Errorf("%q: %v, want %v", c.secret, err, c.want)
		}
		if err != nil && len(c.secret) > 16 && strings.Contains(err.Error(), c.secret[6:16]) {
			t.Errorf("the error holds the secret: %v", err)
		}
	}
	for _, s := range []string{"", "x", "WHSEC_AAAA", " whsec_AAAA", "whsec-AAAA", "\xff"} {
		if key, err := StandardKey(s, 24, 64); err != nil || string(key) != s {
			t.Errorf("%q: %q, %v; want its own bytes", s, key, err)
		}
	}
}

func TestGenerate(t *testing.T) {
	a, b := Generate(), Generate()
	key, err := StandardKey(a, 32, 32)
	if a == b || err != nil || bytes.Equal(key, make([]byte, 32)) {
		t.Errorf("%v", err)
	}
}
