package webhook_test

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
)

// verifies says whether a request is genuine by a public key.
func verifies(t *testing.T, publicKey string, r request) bool {
	t.Helper()
	v, err := verify.NewPublic(publicKey, nil)
	require.NoError(t, err)
	return v.VerifyHeaders([]byte(r.body), r.header) == nil
}

// An endpoint's signing key signs beside its secret and without one, is shown
// by its public half only, and an edit keeps, replaces or removes it.
func TestSigningKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		w.run()
		key, next := webhook.GenerateSigningKey(), webhook.GenerateSigningKey()
		public, err := webhook.PublicKey(key)
		require.NoError(t, err)
		nextPublic, err := webhook.PublicKey(next)
		require.NoError(t, err)
		const secret = "0123456789abcdef"
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret, e.SigningKey = secret, key }, nil)
		sent := func() request {
			t.Helper()
			w.emit(1)
			w.drain()
			return rc.requests()[rc.count()-1]
		}
		shown := func(e webhook.Endpoint, want string) {
			t.Helper()
			require.Equal(t, want, e.PublicKey)
			require.Empty(t, e.SigningKey.Reveal())
			b, err := json.Marshal(e)
			require.NoError(t, err)
			require.NotContains(t, string(b), key.Reveal()[5:20])
		}
		shown(e, public)
		shown(w.record(e).Endpoint, public)
		page, err := w.d.ListEndpoints(t.Context(), webhook.EndpointQuery{Account: account})
		require.NoError(t, err)
		shown(page[0].Endpoint, public)

		r := sent()
		require.True(t, verifies(t, public, r))
		require.False(t, verifies(t, nextPublic, r))
		v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected})
		require.NoError(t, err)
		require.NoError(t, v.VerifyHeaders([]byte(r.body), r.header), "the v1 entry is there too")
		require.NoError(t, webhook.Verify(secret, []byte(r.body), r.header.Get("X-Webhook-Signature")))
		require.Regexp(t, `^v1,[^ ]{44} v1a,[^ ]{88}$`, r.header.Get("Webhook-Signature"))

		shown(w.patch(e, webhook.EndpointPatch{Name: webhook.Set("kept")}), public)
		shown(w.patch(e, webhook.EndpointPatch{Secret: webhook.Set(webhook.Secret(""))}), public)
		r = sent()
		require.True(t, verifies(t, public, r))
		require.Regexp(t, `^v1a,[^ ]{88}$`, r.header.Get("Webhook-Signature"), "it signs alone")
		require.Empty(t, r.header.Get("X-Webhook-Signature"))

		shown(w.patch(e, webhook.EndpointPatch{SigningKey: webhook.Set(next)}), nextPublic)
		r = sent()
		require.True(t, verifies(t, nextPublic, r), "the new key, at once")
		require.False(t, verifies(t, public, r), "without overlap")

		var p webhook.EndpointPatch
		require.NoError(t, json.Unmarshal([]byte(`{"signing_key":null}`), &p))
		shown(w.patch(e, p), "")
		r = sent()
		require.Empty(t, r.header.Get("Webhook-Signature"), "unsigned")
		require.NotEmpty(t, r.header.Get("Webhook-Id"))
	})
}

// A rotation of the secret leaves the signing key alone.
func TestSigningKeyInARotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{})
		w.run()
		key := webhook.GenerateSigningKey()
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret, e.SigningKey = "0123456789abcdef", key }, nil)
		_, e, err := w.d.RotateSecret(t.Context(), account, e.ID, "", 0)
		require.NoError(t, err)
		w.emit(1)
		w.drain()
		r := rc.requests()[0]
		require.True(t, verifies(t, e.PublicKey, r))
		require.Regexp(t, `^v1,[^ ]{44} v1,[^ ]{44} v1a,[^ ]{88}$`, r.header.Get("Webhook-Signature"))
	})
}

func TestNewSigningKey(t *testing.T) {
	seed := []byte("an example of a seed, 32 bytes..")
	key, err := webhook.NewSigningKey(ed25519.NewKeyFromSeed(seed))
	require.NoError(t, err)
	require.Equal(t, "REDACTED", fmt.Sprint(key))
	public, err := webhook.PublicKey(key)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(public, "whpk_"))
	for _, bad := range []ed25519.PrivateKey{nil, seed, make([]byte, 64)} {
		_, err := webhook.NewSigningKey(bad)
		require.ErrorContains(t, err, "webhook: signing key: ")
	}
	for _, bad := range []webhook.Secret{"", webhook.Secret(public), "0123456789abcdef", key[:20]} {
		_, err := webhook.PublicKey(bad)
		require.ErrorContains(t, err, "webhook: signing key: ")
	}
}

// A stored key that cannot be read, such as one that was changed in the store,
// fails the attempt; it is never left out in silence.
func TestUnreadableSigningKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Retry: webhook.Schedule{}})
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret = "0123456789abcdef" }, nil)
		found, err := w.store.Endpoints(t.Context(), webhook.EndpointQuery{Account: account, ID: e.ID})
		require.NoError(t, err)
		changed := found[0].Endpoint
		changed.SigningKey = "whsk_AAAA"
		_, err = w.store.PutEndpoint(t.Context(), changed, 0)
		require.NoError(t, err)
		w.run()
		w.emit(1)
		w.drain()
		require.Zero(t, rc.count())
		require.Equal(t, webhook.ClassInternal, w.log(e)[0].Attempts[0].Class)
		require.Empty(t, w.record(e).PublicKey)
	})
}

// What the customer is shown is what they verify with.
func ExampleGenerateSigningKey() {
	var publicKey string
	network := exampleNetwork(func(w http.ResponseWriter, r *http.Request) {
		v, err := verify.NewPublic(publicKey, nil)
		if err != nil {
			panic(err)
		}
		body, _ := io.ReadAll(r.Body)
		fmt.Println("verified:", v.VerifyHeaders(body, r.Header) == nil)
	})
	defer network.Close()

	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Transport: network.Transport()})
	if err != nil {
		panic(err)
	}
	endpoint, err := d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1", Name: "CRM Sync", URL: "https://crm.example.com/hooks",
		Events: []webhook.EventType{events.LeadScored}, SigningKey: webhook.GenerateSigningKey(),
	})
	if err != nil {
		panic(err)
	}
	publicKey = endpoint.PublicKey
	fmt.Printf("%.5s, a secret: %t\n", publicKey, endpoint.HasSecret)

	if _, err := d.Emit(ctx, webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: events.LeadScoredData{}}); err != nil {
		panic(err)
	}
	if err := deliver(d); err != nil {
		panic(err)
	}
	// Output:
	// whpk_, a secret: false
	// verified: true
}
