package verify_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/autoreach/webhook/internal/signature"
	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

const (
	secret    = "a secret of the free kind"
	oldSecret = "the secret before this one"
	whsec     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
)

var body = []byte(`{"event":"lead.scored","timestamp":"2026-11-23T10:15:30.123Z","data":{"score":87}}`)

func mustNew(tb testing.TB, secret string, opts *verify.Options) *verify.Verifier {
	tb.Helper()
	v, err := verify.New(secret, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

func TestNewRefusesSecrets(t *testing.T) {
	for _, c := range []struct{ secret, want string }{
		{"", "empty"},
		{" \t ", "empty"},
		{"\n", "empty"},
		{"\u00a0\u2003", "empty"},
		{secret + "\n", "line break"},
		{secret + "\r\n", "line break"},
		{secret + "\r", "line break"},
		{whsec + "\n", "line break"},
		{"whsec_", "length"},
		{"whsec_AAAA", "length: 3 bytes"},
		{"whsec_AAAAAAAAAAAAAAAAAAAA", "length: 15 bytes"},
		{"whsec_" + strings.Repeat("AAAA", 21) + "AAA=", "length: 65 bytes"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "padding"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS_", "alphabet"},
		{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!", "alphabet"},
		{whsec + " ", "alphabet"},
		{"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "prefix"},
	} {
		_, err := verify.New(c.secret, nil)
		checkRefusal(t, "New", c.secret, err, "secret", c.want)
		_, err = verify.New(secret, &verify.Options{MoreSecrets: []string{oldSecret, c.secret}})
		checkRefusal(t, "MoreSecrets", c.secret, err, "Options.MoreSecrets[1]", c.want)
	}
	if _, err := verify.NewKey(nil, nil); err == nil {
		t.Error("NewKey accepted an empty key")
	}
	_, err := verify.NewKey([]byte{0}, &verify.Options{MoreKeys: [][]byte{{}}})
	checkRefusal(t, "MoreKeys", "", err, "Options.MoreKeys[0]", "empty")
}

func checkRefusal(t *testing.T, where, secret string, err error, wants ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s accepted %q", where, secret)
		return
	}
	for _, want := range wants {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s(%q): %q does not say %q", where, secret, err, want)
		}
	}
	if key := strings.TrimSpace(strings.TrimPrefix(secret, "whsec_")); len(key) > 3 && strings.Contains(err.Error(), key) {
		t.Errorf("%s(%q): the error holds the secret", where, secret)
	}
}

func TestNewAcceptsSecrets(t *testing.T) {
	for _, s := range []string{"x", " x ", "\tx\t", "a\nb", "a\x00b", "\nx", "ключ", "\xff\xfe", "Whsec_AAAA", " whsec_AAAA",
		whsec, "whsec_AAAAAAAAAAAAAAAAAAAAAA==", "whsec_" + strings.Repeat("AAAA", 21) + "AA=="} {
		v := mustNew(t, s, nil)
		if err := v.Verify(body, signature.NewKey([]byte(s)).Body(body)); err != nil {
			t.Errorf("%q: %v", s, err)
		}
		if err := v.VerifyHeaders(body, signed(t, s, body, nil)); err != nil {
			t.Errorf("%q by Standard Webhooks: %v", s, err)
		}
	}
	// Without Standard Webhooks any text will do, by its UTF-8 bytes.
	for _, s := range []string{"whsec_", "whsec_!", "whpk_x"} {
		v := mustNew(t, s, &verify.Options{Scheme: verify.BodyOnly})
		if err := v.Verify(body, signature.NewKey([]byte(s)).Body(body)); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	key := []byte{0, 0xff, '\n'}
	v, err := verify.NewKey(key, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := signature.NewKey(key).Body(body)
	key[0] = 1 // the verifier has its own copy
	if err := v.Verify(body, want); err != nil {
		t.Errorf("raw key: %v", err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for _, c := range []struct {
		opts  verify.Options
		wants []string
	}{
		{verify.Options{Tolerance: -1}, []string{"Options.Tolerance", "24h"}},
		{verify.Options{Tolerance: time.Second - 1}, []string{"Options.Tolerance", "1s"}},
		{verify.Options{Tolerance: 24*time.Hour + 1}, []string{"Options.Tolerance", "24h"}},
		{verify.Options{MaxBody: -1}, []string{"Options.MaxBody", "1073741824"}},
		{verify.Options{MaxBody: 1<<30 + 1}, []string{"Options.MaxBody", "1073741824"}},
		{verify.Options{Scheme: 3}, []string{"Options.Scheme", "Scheme(3)"}},
		{verify.Options{MoreSecrets: make([]string, 9)}, []string{"Options.MoreSecrets", "8"}},
		{verify.Options{MoreSecrets: []string{"x"}, MoreKeys: make([][]byte, 8)}, []string{"Options.MoreKeys", "8"}},
		{verify.Options{Once: &verify.MemoryOnce{}, Scheme: verify.BodyOnly}, []string{"Options.Once", "BodyOnly"}},
		{verify.Options{Explain: true}, []string{"Options.Explain", "Options.Logger"}},
	} {
		_, err := verify.New(secret, &c.opts)
		checkRefusal(t, "New", "", err, c.wants...)
		_, err = verify.NewKey([]byte(secret), &c.opts)
		checkRefusal(t, "NewKey", "", err, c.wants...)
	}
	eight := strings.Fields("a b c d e f g h")
	v := mustNew(t, secret, &verify.Options{MoreSecrets: eight, Tolerance: 24 * time.Hour, MaxBody: 1 << 30})
	for _, s := range append(eight, secret) {
		for _, scheme := range []verify.Scheme{verify.BodyOnly, verify.ReplayProtected} {
			if err := v.VerifyHeaders(body, signed(t, s, body, &verifytest.Options{Scheme: scheme})); err != nil {
				t.Errorf("%q, %v: %v", s, scheme, err)
			}
		}
	}
}

func TestVerifyErrors(t *testing.T) {
	v := mustNew(t, secret, nil)
	good := signature.NewKey([]byte(secret)).Body(body)
	for _, c := range []struct {
		name, value string
		want        error
	}{
		{"good", good, nil},
		{"upper-case digits", "sha256=" + strings.ToUpper(good[7:]), nil},
		{"empty", "", verify.ErrNoSignature},
		{"bare digest", good[7:], verify.ErrMalformed},
		{"upper-case name", "SHA256=" + good[7:], verify.ErrMalformed},
		{"leading space", " " + good, verify.ErrMalformed},
		{"trailing newline", good + "\n", verify.ErrMalformed},
		{"two", good + "," + good, verify.ErrMalformed},
		{"other digest", "sha256=" + strings.Repeat("0", 64), verify.ErrMismatch},
	} {
		if err := v.Verify(body, c.value); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	protected := mustNew(t, secret, &verify.Options{Scheme: verify.ReplayProtected})
	if err := protected.Verify(body, good); !errors.Is(err, verify.ErrScheme) {
		t.Errorf("Verify on a replay-protected verifier: %v", err)
	}
}

// Stripping or adding headers must never lead to a check that is weaker than
// the scheme allows.
func TestSchemes(t *testing.T) {
	const all = "webhook-id webhook-timestamp webhook-signature"
	for _, c := range []struct {
		remove                   string
		any, protected, bodyOnly error
	}{
		{"", nil, nil, nil},
		{"x-webhook-signature", nil, nil, verify.ErrNoSignature},
		{all, nil, verify.ErrNoSignature, nil},
		{"webhook-id", verify.ErrNoSignature, verify.ErrNoSignature, nil},
		{"webhook-timestamp", verify.ErrNoSignature, verify.ErrNoSignature, nil},
		{"webhook-signature", verify.ErrNoSignature, verify.ErrNoSignature, nil},
		{"webhook-id webhook-signature", verify.ErrNoSignature, verify.ErrNoSignature, nil},
		{"webhook-timestamp webhook-signature", verify.ErrNoSignature, verify.ErrNoSignature, nil},
		{"webhook-id webhook-timestamp", verify.ErrNoSignature, verify.ErrNoSignature, nil},
		{all + " x-webhook-signature", verify.ErrNoSignature, verify.ErrNoSignature, verify.ErrNoSignature},
	} {
		h := signed(t, whsec, body, nil)
		for _, name := range strings.Fields(c.remove) {
			h.Del(name)
		}
		for scheme, want := range map[verify.Scheme]error{verify.Any: c.any, verify.ReplayProtected: c.protected, verify.BodyOnly: c.bodyOnly} {
			v := mustNew(t, whsec, &verify.Options{Scheme: scheme})
			if err := v.VerifyHeaders(body, h); !errors.Is(err, want) {
				t.Errorf("%v without %q: %v, want %v", scheme, c.remove, err, want)
			}
		}
	}
	// Under Any a wrong Standard Webhooks signature is not made good by a right
	// X-Webhook-Signature.
	h := signed(t, whsec, body, nil)
	h.Set("webhook-id", "evt_other")
	if err := mustNew(t, whsec, nil).VerifyHeaders(body, h); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("changed id: %v", err)
	}
}

func TestStandardHeaders(t *testing.T) {
	now := time.Unix(1795429530, 0)
	v := mustNew(t, whsec, &verify.Options{Scheme: verify.ReplayProtected, Now: func() time.Time { return now }})
	good := signed(t, whsec, body, &verifytest.Options{Time: now, ID: "evt_1"})
	sig := good.Get("webhook-signature")
	other := signed(t, oldSecret, body, &verifytest.Options{Time: now, ID: "evt_1"}).Get("webhook-signature")
	for _, c := range []struct {
		name, header string
		values       []string
		want         error
	}{
		{"unknown versions are passed over", "webhook-signature", []string{"v2," + sig[3:] + " v1a,AAAA " + sig}, nil},
		{"one of several", "webhook-signature", []string{other + " " + sig + " " + other}, nil},
		{"32 entries", "webhook-signature", []string{strings.Repeat("v1a,x ", 31) + sig}, nil},
		{"33 entries", "webhook-signature", []string{strings.Repeat("v1a,x ", 32) + sig}, verify.ErrMalformed},
		{"10,000 entries", "webhook-signature", []string{strings.Repeat(sig+" ", 9999) + sig}, verify.ErrMalformed},
		{"1 MiB", "webhook-signature", []string{sig + strings.Repeat("A", 1<<20)}, verify.ErrMalformed},
		{"only an unknown version", "webhook-signature", []string{"v2," + sig[3:]}, verify.ErrMalformed},
		{"no version", "webhook-signature", []string{sig[3:]}, verify.ErrMalformed},
		{"part of a signature", "webhook-signature", []string{sig[:11]}, verify.ErrMalformed},
		{"no padding", "webhook-signature", []string{strings.TrimRight(sig, "=")}, verify.ErrMalformed},
		{"other signature", "webhook-signature", []string{other}, verify.ErrMismatch},
		{"comma instead of space", "webhook-signature", []string{sig + "," + sig}, verify.ErrMalformed},
		{"two lines of signatures", "webhook-signature", []string{sig, sig}, verify.ErrMalformed},
		{"two lines of ids", "webhook-id", []string{"evt_1", "evt_1"}, verify.ErrMalformed},
		{"two lines of timestamps", "webhook-timestamp", []string{"1795429530", "1795429530"}, verify.ErrMalformed},
		{"empty id", "webhook-id", []string{""}, verify.ErrNoSignature},
		{"long id", "webhook-id", []string{strings.Repeat("a", 257)}, verify.ErrMalformed},
		{"full stop in the id", "webhook-id", []string{"evt.1"}, verify.ErrMalformed},
		{"space in the id", "webhook-id", []string{"evt 1"}, verify.ErrMalformed},
		{"sign", "webhook-timestamp", []string{"+1795429530"}, verify.ErrMalformed},
		{"leading zero", "webhook-timestamp", []string{"01795429530"}, verify.ErrMalformed},
		{"fraction", "webhook-timestamp", []string{"1795429530.0"}, verify.ErrMalformed},
		{"overflow", "webhook-timestamp", []string{"18446744075504981146"}, verify.ErrMalformed},
		{"the end of time", "webhook-timestamp", []string{"9223372036854775807"}, verify.ErrMalformed},
		{"year 9999", "webhook-timestamp", []string{"253402300799"}, verify.ErrTooNew},
		{"the epoch", "webhook-timestamp", []string{"0"}, verify.ErrTooOld},
		{"another second", "webhook-timestamp", []string{"1795429531"}, verify.ErrMismatch},
	} {
		h := good.Clone()
		h[http.CanonicalHeaderKey(c.header)] = c.values
		if err := v.VerifyHeaders(body, h); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
}

func TestTwoLinesOfXWebhookSignature(t *testing.T) {
	h := signed(t, secret, body, &verifytest.Options{Scheme: verify.BodyOnly})
	h.Add("X-Webhook-Signature", h.Get("X-Webhook-Signature"))
	if err := mustNew(t, secret, nil).VerifyHeaders(body, h); !errors.Is(err, verify.ErrMalformed) {
		t.Errorf("%v, want ErrMalformed", err)
	}
}

func TestTolerance(t *testing.T) {
	const sent = 1795429530
	for _, c := range []struct {
		age       time.Duration
		tolerance time.Duration
		want      error
		says      string
	}{
		{0, 0, nil, ""},
		{299 * time.Second, 0, nil, ""},
		{299*time.Second + 999*time.Millisecond, 0, nil, ""},
		{300 * time.Second, 0, verify.ErrTooOld, "300 seconds old"},
		{301 * time.Second, 0, verify.ErrTooOld, "301 seconds old"},
		{-299 * time.Second, 0, nil, ""},
		{-300 * time.Second, 0, nil, ""},
		{-301 * time.Second, 0, verify.ErrTooNew, "301 seconds ahead"},
		{-301*time.Second + 900*time.Millisecond, 0, verify.ErrTooNew, "300 seconds ahead"},
		{1 << 62, 0, verify.ErrTooOld, ""},
		{-1 << 62, 0, verify.ErrTooNew, ""},
		{9 * time.Second, 10 * time.Second, nil, ""},
		{10 * time.Second, 10 * time.Second, verify.ErrTooOld, "tolerance is 10"},
	} {
		now := time.Unix(sent, 0).Add(c.age)
		v := mustNew(t, secret, &verify.Options{Tolerance: c.tolerance, Now: func() time.Time { return now }})
		err := v.VerifyHeaders(body, signed(t, secret, body, &verifytest.Options{Time: time.Unix(sent, 0)}))
		if !errors.Is(err, c.want) || c.want != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("age %v: %v, want %v saying %q", c.age, err, c.want, c.says)
		}
	}
	// Clocks at the ends of what time.Time holds.
	for _, now := range []time.Time{{}, time.Unix(1<<40, 0), time.Unix(-1<<40, 0)} {
		v := mustNew(t, secret, &verify.Options{Now: func() time.Time { return now }})
		if err := v.VerifyHeaders(body, signed(t, secret, body, nil)); err == nil {
			t.Errorf("accepted at %v", now)
		}
	}
}

// The receiver of a rotating webhook needs both secrets: X-Webhook-Signature is
// made with the old one until the overlap ends.
func TestRotation(t *testing.T) {
	v := mustNew(t, secret, &verify.Options{MoreSecrets: []string{oldSecret}, MoreKeys: [][]byte{{1, 2, 3}}})
	for _, s := range []string{secret, oldSecret, "\x01\x02\x03"} {
		for _, scheme := range []verify.Scheme{verify.BodyOnly, verify.ReplayProtected} {
			if err := v.VerifyHeaders(body, signed(t, s, body, &verifytest.Options{Scheme: scheme})); err != nil {
				t.Errorf("%q, %v: %v", s, scheme, err)
			}
		}
	}
	if err := v.VerifyHeaders(body, signed(t, "a third secret", body, nil)); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("unknown secret: %v", err)
	}
}

func TestPrintingShowsNoSecret(t *testing.T) {
	v := mustNew(t, secret, &verify.Options{MoreSecrets: []string{oldSecret}, MoreKeys: [][]byte{[]byte(oldSecret)}})
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, value := range []any{v, *v} {
			text := fmt.Sprintf(format, value)
			for _, s := range []string{secret, oldSecret, fmt.Sprint([]byte(oldSecret)), fmt.Sprintf("%#v", []byte(oldSecret))[7:40]} {
				if strings.Contains(text, s) {
					t.Errorf("%s prints a secret: %s", format, text)
				}
			}
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	v := mustNew(t, whsec, &verify.Options{MoreSecrets: []string{secret}})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			own := append(bytes.Clone(body), strconv.Itoa(g)...)
			h := signed(t, []string{whsec, secret}[g%2], own, nil)
			for range 200 {
				if v.VerifyHeaders(own, h) != nil || v.Verify(own, h.Get("X-Webhook-Signature")) != nil {
					t.Error("a genuine request was refused")
				}
				if v.VerifyHeaders(body, h) == nil {
					t.Error("a forged request was accepted")
				}
			}
		})
	}
	wg.Wait()
}
