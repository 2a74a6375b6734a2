package signature

import (
	"encoding/base64"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var bodyForm = regexp.MustCompile(`\Asha256=[0-9a-fA-F]{64}\z`)

func FuzzParseBody(f *testing.F) {
	k := NewKey([]byte("key"))
	f.Add(k.Body(nil))
	f.Add("sha256=")
	f.Add("sha1=00")
	f.Fuzz(func(t *testing.T, header string) {
		if _, ok := ParseBody(header); ok != bodyForm.MatchString(header) {
			t.Errorf("%q: %v", header, ok)
		}
	})
}

func FuzzParseTimestamp(f *testing.F) {
	for _, s := range []string{"0", "1795429530", "253402300799", "-1", "00", "9223372036854775807"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		unix, ok := ParseTimestamp(text)
		want, err := strconv.ParseInt(text, 10, 64)
		wantOK := err == nil && want >= 0 && want <= MaxTimestamp && strconv.FormatInt(want, 10) == text
		if ok != wantOK || ok && unix != want {
			t.Errorf("%q: %d, %v", text, unix, ok)
		}
	})
}

func FuzzParseSignatures(f *testing.F) {
	k := NewKey([]byte("key"))
	f.Add(k.Standard("a", 1, nil) + " v1a,AAAA " + k.Standard("b", 1, nil))
	f.Add(strings.Repeat(" ", 40))
	f.Add(k.Standard("a", 1, nil) + " " + vectorEntry)
	f.Add(strings.Repeat(vectorEntry+" ", 5))
	f.Fuzz(func(t *testing.T, header string) {
		for _, want := range []Versions{{V1: true}, {V1a: true}, {true, true}} {
			list, err := ParseSignatures(header, want)
			if (err == nil) != (list.n+list.m > 0) {
				t.Fatalf("%d and %d entries, %v", list.n, list.m, err)
			}
			if list.n > 0 && !want.V1 || list.m > 0 && !want.V1a {
				t.Errorf("%q: an entry that was not wanted", header)
			}
			// Each entry kept stands in the header in its only text.
			for _, sum := range list.sums[:list.n] {
				if !strings.Contains(header, "v1,"+base64.StdEncoding.EncodeToString(sum[:])) {
					t.Errorf("%q: an entry out of nowhere", header)
				}
			}
			for _, sig := range list.asymmetric[:list.m] {
				if !strings.Contains(header, "v1a,"+base64.StdEncoding.EncodeToString(sig[:])) {
					t.Errorf("%q: an entry out of nowhere", header)
				}
			}
		}
	})
}

func FuzzParsePrivateKey(f *testing.F) {
	for _, s := range []string{vectorPrivate, "whsk_", "whsk_A===", vectorPublic, "whsec_AAAA", "whsk_" + strings.Repeat("A", 43) + "="} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParsePrivateKey(text)
		if err != nil {
			if rest, ok := strings.CutPrefix(text, "whsk_"); ok && len(rest) > 12 && strings.Contains(err.Error(), rest) {
				t.Errorf("%q: the error holds the key", text)
			}
			return
		}
		b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsk_"))
		if again, errText := PrivateText(b); err != nil || errText != nil || again != text {
			t.Fatalf("%q: decoded leniently: %v, %v", text, err, errText)
		}
		list, err := ParseSignatures(k.Standard("id", 1, []byte(text)), Versions{V1a: true})
		if err != nil || !list.MatchPublic(mustPublic(t, k.Public()), StandardMessage("id", 1, []byte(text))) {
			t.Errorf("%q: it does not verify: %v", text, err)
		}
	})
}

func FuzzParsePublicKey(f *testing.F) {
	for _, s := range []string{vectorPublic, "whpk_", "whpk_A===", vectorPrivate, "whpk_" + strings.Repeat("A", 43) + "="} {
		f.Add(s)
	}
	sig, err := base64.StdEncoding.DecodeString(vectorEntry[len("v1a,"):])
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		k, err := ParsePublicKey(text)
		if err != nil {
			return
		}
		if PublicText(k.key) != text {
			t.Errorf("%q: decoded leniently", text)
		}
		// Whatever the key is, only the one it belongs to gets through.
		if got := k.Verify(StandardMessage(vectorID, vectorUnix, []byte(vectorBody)), sig); got != (text == vectorPublic) {
			t.Errorf("%q: verifies %v", text, got)
		}
	})
}

func FuzzStandardKey(f *testing.F) {
	for _, s := range []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_A===", "whpk_", "text"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		key, err := StandardKey(secret, 16, 64)
		if err != nil {
			if !strings.HasPrefix(secret, "whs") && !strings.HasPrefix(secret, "whpk_") {
				t.Errorf("%q: %v", secret, err)
			}
			return
		}
		if text, ok := strings.CutPrefix(secret, "whsec_"); ok {
			if len(key) < 16 || len(key) > 64 || base64.StdEncoding.EncodeToString(key) != text {
				t.Errorf("%q: decoded leniently", secret)
			}
		} else if string(key) != secret {
			t.Errorf("%q: changed", secret)
		}
	})
}

func FuzzValidID(f *testing.F) {
	f.Add("evt_1")
	f.Add("a.b")
	form := regexp.MustCompile(`\A[!-\-/-~]{1,256}\z`)
	f.Fuzz(func(t *testing.T, id string) {
		if got := ValidID(id); got != form.MatchString(id) {
			t.Errorf("%q: %v", id, got)
		}
	})
}
