package interop

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-github/v84/github"
	stripe "github.com/stripe/stripe-go/v85/webhook"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/verify"
)

// Libraries that know v1 only verify deliveries that carry v1a as well, and are
// not led astray by it.
func TestPeersBesideEd25519(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	host, err := webhook.NewKeySigner(key, 0)
	if err != nil {
		t.Fatal(err)
	}
	signers := []webhook.Signer{host, webhook.BodySigner{}, webhook.StandardSigner{}} // v1a comes first
	for _, s := range secrets {
		endpoint := webhook.Endpoint{Secret: webhook.Secret(s.secret), SigningKey: webhook.GenerateSigningKey()}
		genuine := capturedOf(t, endpoint, signers...)
		entries := strings.Fields(genuine.header.Get("webhook-signature"))
		if len(entries) != 3 {
			t.Fatalf("%d entries, want v1a, v1 and v1a: %q", len(entries), entries)
		}
		asymmetric, v1, own := entries[0], entries[1], entries[2]
		forged := map[string]request{
			"v1a alone":        genuine.with("webhook-signature", asymmetric+" "+own),
			"another v1":       genuine.with("webhook-signature", asymmetric+" v1,"+swapped(v1[3:])+" "+own),
			"v1a called v1":    genuine.with("webhook-signature", "v1,"+own[4:]),
			"half a v1a as v1": genuine.with("webhook-signature", "v1,"+own[4:48]),
			"no signature":     genuine.with("webhook-signature", ""),
			"another time":     genuine.with("webhook-timestamp", strconv.FormatInt(time.Now().Unix()+2, 10)),
		}
		for name, peer := range peers(t, s.secret) {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				e := endpoint
				e.URL = peer + "/verify"
				newSenderOf(t, e, signers...).want(t, http.StatusNoContent)
				wantRefused(t, peer+"/verify", genuine, forged)
			})
		}
	}
}

// Node's own ed25519 verifies what endpoints' keys and the host's sign, and
// package verify what node signs.
func TestNodeEd25519(t *testing.T) {
	signingKey := webhook.GenerateSigningKey()
	publicKey, err := webhook.PublicKey(signingKey)
	if err != nil {
		t.Fatal(err)
	}
	peer := serve(t, []string{
		"WEBHOOK_SECRET=" + secrets[0].secret, "SIGNING_KEY=" + signingKey.Reveal(), "PUBLIC_KEY=" + publicKey,
	}, node(t), "peers.mjs") + "/ed25519"

	t.Run("verify", func(t *testing.T) {
		alone := webhook.Endpoint{URL: peer + "/verify", SigningKey: signingKey}
		newSenderOf(t, alone).want(t, http.StatusNoContent)
		beside := alone
		beside.Secret = "a secret beside the key"
		newSenderOf(t, beside).want(t, http.StatusNoContent)
		other := alone
		other.SigningKey = webhook.GenerateSigningKey()
		newSenderOf(t, other).want(t, http.StatusUnauthorized)

		genuine := capturedOf(t, webhook.Endpoint{SigningKey: signingKey})
		wantRefused(t, peer+"/verify", genuine, ed25519Tampered(genuine))
	})
	t.Run("sign", func(t *testing.T) {
		v, err := verify.NewPublic(publicKey, nil)
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(v.Handler(func(context.Context, verify.Message) error { return nil }))
		defer server.Close()
		r := request{http.Header{}, []byte(`{"event":"lead.created","timestamp":"2026-11-23T10:15:30.123Z","data":{"name":"Zoë ‹&› 🚀"}}`)}
		r = r.with("webhook-id", "msg_1").with("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
		_, signature := r.post(t, peer+"/sign")
		r = r.with("webhook-signature", signature)
		wantRefused(t, server.URL, r, ed25519Tampered(r))
	})
	t.Run("host's key", func(t *testing.T) {
		host, err := webhook.NewKeySigner(remoteKey{peer + "/sign", t, publicKey}, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		newSenderOf(t, webhook.Endpoint{URL: peer + "/verify"}, host).want(t, http.StatusNoContent)
	})
}

// remoteKey is a key in another process, like one in a KMS: node has it.
type remoteKey struct {
	url    string
	t      *testing.T
	public string
}

func (k remoteKey) Public() crypto.PublicKey {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(k.public, "whpk_"))
	if err != nil {
		k.t.Error(err)
	}
	return ed25519.PublicKey(b)
}

func (k remoteKey) Sign(_ io.Reader, message []byte, _ crypto.SignerOpts) ([]byte, error) {
	return k.SignContext(context.Background(), message)
}

func (k remoteKey) SignContext(ctx context.Context, message []byte) ([]byte, error) {
	id, rest, _ := strings.Cut(string(message), ".")
	stamp, body, _ := strings.Cut(rest, ".")
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, k.url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", stamp)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(strings.TrimPrefix(string(text), "v1a,"))
}

// ed25519Tampered are changed copies of a request with one v1a entry.
func ed25519Tampered(r request) map[string]request {
	signature := r.header.Get("webhook-signature")
	return map[string]request{
		"another body":      {r.header, append([]byte(" "), r.body...)},
		"another id":        r.with("webhook-id", r.header.Get("webhook-id")+"0"),
		"another time":      r.with("webhook-timestamp", strconv.FormatInt(time.Now().Unix()+2, 10)),
		"another signature": r.with("webhook-signature", "v1a,"+swapped(signature[len("v1a,"):])),
		"another version":   r.with("webhook-signature", "v1,"+signature[len("v1a,"):]),
		"no signature":      r.with("webhook-signature", ""),
	}
}

// foreign are libraries of those whose headers the other signers set.
var foreign = map[string]struct {
	signer webhook.Signer
	header string
	verify func(body []byte, header, secret string) error
	both   bool // has room for two signatures
}{
	"stripe":             {webhook.StripeSigner{}, "Stripe-Signature", stripe.ValidatePayload, true},
	"stripe, own header": {webhook.StripeSigner{Header: "Acme-Signature"}, "Acme-Signature", stripe.ValidatePayload, true},
	"github": {webhook.GitHubSigner{}, github.SHA256SignatureHeader, func(body []byte, header, secret string) error {
		return github.ValidateSignature(header, body, []byte(secret))
	}, false},
}

// What the other signers sign, Stripe's and GitHub's own libraries verify, all
// of it in one delivery; in a rotation with the secrets that there is room for.
func TestForeignSigners(t *testing.T) {
	const other = "somebody else's secret"
	signers := []webhook.Signer{webhook.BodySigner{}, webhook.StandardSigner{}}
	for _, f := range foreign {
		signers = append(signers, f.signer)
	}
	for _, s := range secrets {
		for name, f := range foreign {
			t.Run(s.name+"/"+name, func(t *testing.T) {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, err := io.ReadAll(r.Body)
					if err == nil {
						err = f.verify(body, r.Header.Get(f.header), r.URL.Query().Get("secret"))
					}
					if err != nil {
						http.Error(w, err.Error(), http.StatusUnauthorized)
						return
					}
					w.WriteHeader(http.StatusNoContent)
				}))
				defer server.Close()
				address := func(secret string) string { return server.URL + "/?secret=" + url.QueryEscape(secret) }
				newSenderOf(t, webhook.Endpoint{URL: address(s.secret), Secret: webhook.Secret(s.secret)}, signers...).want(t, http.StatusNoContent)
				newSenderOf(t, webhook.Endpoint{URL: address(s.secret), Secret: other}, signers...).want(t, http.StatusUnauthorized)

				genuine := capturedOf(t, webhook.Endpoint{Secret: webhook.Secret(s.secret)}, signers...)
				value := genuine.header.Get(f.header)
				last := "0"
				if strings.HasSuffix(value, last) {
					last = "1"
				}
				wantRefused(t, address(s.secret), genuine, map[string]request{
					"another body":      {genuine.header, append([]byte(" "), genuine.body...)},
					"another signature": genuine.with(f.header, value[:len(value)-1]+last),
					"no signature":      genuine.with(f.header, ""),
				})

				box, requests := mailbox(t)
				rotating := newSenderOf(t, webhook.Endpoint{URL: box, Secret: webhook.Secret(s.secret)}, signers...)
				if _, _, err := rotating.RotateSecret(t.Context(), account, rotating.endpoint, other, 0); err != nil {
					t.Fatal(err)
				}
				rotating.want(t, http.StatusNoContent)
				during := <-requests
				if err := f.verify(during.body, during.header.Get(f.header), s.secret); err != nil {
					t.Errorf("the old secret, during a rotation: %v", err)
				}
				if err := f.verify(during.body, during.header.Get(f.header), other); (err == nil) != f.both {
					t.Errorf("the new secret, during a rotation: %v", err)
				}
			})
		}
	}
}
