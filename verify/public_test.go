package verify_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

func mustPublic(tb testing.TB, key string, opts *verify.Options) *verify.Verifier {
	tb.Helper()
	v, err := verify.NewPublic(key, opts)
	if err != nil {
		tb.Fatal(err)
	}
	return v
}

// withEntries is a request's headers with other entries in webhook-signature.
func withEntries(h http.Header, entries ...string) http.Header {
	h = h.Clone()
	h.Set("webhook-signature", strings.Join(entries, " "))
	return h
}

// The keys that a verifier has decide what is looked at: v1 against secrets and
// v1a against public keys, whatever stands in the header beside it.
func TestPublicKeys(t *testing.T) {
	private, public := verifytest.Keys()
	otherPrivate, otherPublic := verifytest.Keys()
	entries := func(secret, signingKey string) []string {
		h := signed(t, secret, body, &verifytest.Options{ID: "evt_1", Time: time.Now(), SigningKey: signingKey})
		return strings.Fields(h.Get("webhook-signature"))
	}
	base := signed(t, secret, body, &verifytest.Options{ID: "evt_1", Time: time.Now()})
	own, wrong := entries(secret, private), entries(oldSecret, otherPrivate)
	v1, v1a, wrongV1, wrongV1a := own[0], own[1], wrong[0], wrong[1]

	secrets := mustNew(t, secret, &verify.Options{Scheme: verify.ReplayProtected})
	keys := mustPublic(t, public, nil)
	both := mustNew(t, secret, &verify.Options{Scheme: verify.ReplayProtected, PublicKeys: []string{public}})
	changed := mustPublic(t, otherPublic, &verify.Options{PublicKeys: []string{public}})
	mixed := mustPublic(t, public, &verify.Options{MoreSecrets: []string{secret}})
	for _, c := range []struct {
		name                                string
		entries                             []string
		secrets, keys, both, changed, mixed error
	}{
		{"v1", []string{v1}, nil, verify.ErrMalformed, nil, verify.ErrMalformed, nil},
		{"v1a", []string{v1a}, verify.ErrMalformed, nil, nil, nil, nil},
		{"v1 and v1a", []string{v1, v1a}, nil, nil, nil, nil, nil},
		{"v1a and v1", []string{v1a, v1}, nil, nil, nil, nil, nil},
		{"v1 and a wrong v1a", []string{v1, wrongV1a}, nil, verify.ErrMismatch, nil, nil, nil},
		{"a wrong v1 and v1a", []string{wrongV1, v1a}, verify.ErrMismatch, nil, nil, nil, nil},
		{"both wrong", []string{wrongV1, wrongV1a}, verify.ErrMismatch, verify.ErrMismatch, verify.ErrMismatch, nil, verify.ErrMismatch},
		{"v1a under the name of v1", []string{"v1," + v1a[4:]}, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed},
		{"v1 under the name of v1a", []string{"v1a," + v1[3:]}, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed},
		{"the fourth v1a", []string{wrongV1a, wrongV1a, wrongV1a, v1a}, verify.ErrMalformed, nil, nil, nil, nil},
		{"the fifth v1a", []string{wrongV1a, wrongV1a, wrongV1a, wrongV1a, v1a}, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed, verify.ErrMalformed},
	} {
		h := withEntries(base, c.entries...)
		for _, x := range []struct {
			name string
			v    *verify.Verifier
			want error
		}{{"secrets", secrets, c.secrets}, {"keys", keys, c.keys}, {"both", both, c.both}, {"changed", changed, c.changed}, {"mixed", mixed, c.mixed}} {
			if err := x.v.VerifyHeaders(body, h); !errors.Is(err, x.want) || (err == nil) != (x.want == nil) {
				t.Errorf("%s, verifier with %s: %v, want %v", c.name, x.name, err, x.want)
			}
		}
	}
	// What is signed is id, time and body.
	h := withEntries(base, v1a)
	if err := keys.VerifyHeaders(append([]byte(" "), body...), h); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("another body: %v", err)
	}
	h.Set("webhook-id", "evt_2")
	if err := keys.VerifyHeaders(body, h); !errors.Is(err, verify.ErrMismatch) {
		t.Errorf("another id: %v", err)
	}
}

// A public key protects from replays and cannot be downgraded.
func TestPublicKeysAreReplayProtected(t *testing.T) {
	private, public := verifytest.Keys()
	v := mustPublic(t, public, nil)
	for age, want := range map[time.Duration]error{time.Minute: nil, time.Hour: verify.ErrTooOld, -time.Hour: verify.ErrTooNew} {
		h := signed(t, "", body, &verifytest.Options{Time: time.Now().Add(-age), SigningKey: private})
		if err := v.VerifyHeaders(body, h); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%v old: %v, want %v", age, err, want)
		}
	}
	h := signed(t, secret, body, &verifytest.Options{SigningKey: private})
	if err := v.Verify(body, h.Get("X-Webhook-Signature")); !errors.Is(err, verify.ErrScheme) {
		t.Errorf("Verify: %v, want ErrScheme", err)
	}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		less := h.Clone()
		less.Del(name)
		if err := v.VerifyHeaders(body, less); !errors.Is(err, verify.ErrNoSignature) {
			t.Errorf("without %s: %v, want ErrNoSignature", name, err)
		}
	}
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		h.Del(name)
	}
	if err := v.VerifyHeaders(body, h); !errors.Is(err, verify.ErrNoSignature) {
		t.Errorf("with X-Webhook-Signature alone: %v, want ErrNoSignature", err)
	}
}

func TestNewRefusesPublicKeys(t *testing.T) {
	private, public := verifytest.Keys()
	for _, c := range []struct{ key, want string }{
		{"", "prefix: an ed25519 public key starts with whpk_"},
		{public + "\n", "alphabet"},
		{strings.TrimRight(public, "="), "padding"},
		{"whpk_AAAA", "length: 3 bytes"},
		{private, "only the sender may have"},
		{whsec, "secret"},
		{"whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "anybody could sign"},
	} {
		_, err := verify.NewPublic(c.key, nil)
		checkRefusal(t, "NewPublic", strings.TrimPrefix(c.key, "whsk_"), err, "public key", c.want)
		_, err = verify.New(secret, &verify.Options{PublicKeys: []string{public, c.key}})
		checkRefusal(t, "PublicKeys", strings.TrimPrefix(c.key, "whsk_"), err, "Options.PublicKeys[1]", c.want)
	}
	for _, opts := range []verify.Options{
		{Scheme: verify.BodyOnly},
		{Scheme: 3},
		{PublicKeys: make([]string, 9)},
		{MoreSecrets: []string{""}},
		{Tolerance: -1},
	} {
		if _, err := verify.NewPublic(public, &opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
	_, err := verify.New(secret, &verify.Options{PublicKeys: []string{public}, Scheme: verify.BodyOnly})
	checkRefusal(t, "New", "", err, "Options.PublicKeys", "BodyOnly")
	_, err = verify.New(public, nil)
	checkRefusal(t, "New", public, err, "NewPublic")

	eight := make([]string, 8)
	privates := make([]string, 8)
	for i := range eight {
		privates[i], eight[i] = verifytest.Keys()
	}
	v := mustPublic(t, public, &verify.Options{PublicKeys: eight})
	for _, key := range append(privates, private) {
		if err := v.VerifyHeaders(body, signed(t, "", body, &verifytest.Options{SigningKey: key})); err != nil {
			t.Error(err)
		}
	}
}

func ExampleNewPublic() {
	// The sender has the signing key and shows the public one.
	signingKey, publicKey := verifytest.Keys()

	v, err := verify.NewPublic(publicKey, nil)
	if err != nil {
		panic(err)
	}
	r := httptest.NewRequest(http.MethodPost, "/hooks", nil)
	verifytest.Sign(r, "", []byte(`{"event":"lead.scored","timestamp":"2026-11-23T10:15:30.123Z","data":{}}`),
		&verifytest.Options{SigningKey: signingKey})
	m, err := v.Request(nil, r)
	fmt.Println(m.Event, err)

	r.Header.Set("webhook-id", "another")
	_, err = v.Message(m.Body, r.Header)
	fmt.Println(err)
	// Output:
	// lead.scored <nil>
	// webhook: signature does not match
}
