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
	f.Fuzz(func(t *testing.T, header string) {
		list, err := ParseSignatures(header)
		if (err == nil) != (list.Len() > 0) {
			t.Fatalf("%d entries, %v", list.Len(), err)
		}
		// Each entry kept stands in the header in its only text.
		for _, sum := range list.sums[:list.Len()] {
			if !strings.Contains(header, "v1,"+base64.StdEncoding.EncodeToString(sum[:])) {
				t.Errorf("%q: an entry out of nowhere", header)
			}
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
