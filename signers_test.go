package webhook_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

func hmacHex(key, text string) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// Several signers at once, each with its header; two secrets while a rotation
// lasts, where there is room for two.
func TestStripeAndGitHubSigners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, webhook.Options{Signers: []webhook.Signer{
			webhook.GitHubSigner{}, webhook.StripeSigner{}, webhook.BodySigner{}, webhook.StandardSigner{},
			webhook.StripeSigner{Header: "acme-signature"}, webhook.GitHubSigner{Header: "X-Acme-Signature-256"},
		}})
		w.run()
		const old, fresh = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "the new secret, as text"
		e, rc := w.endpoint("a.example.com", func(e *webhook.Endpoint) { e.Secret = old }, nil)
		sent := func() request {
			t.Helper()
			w.emit(1)
			w.drain()
			return rc.requests()[rc.count()-1]
		}
		check := func(r request, first string, secrets ...string) {
			t.Helper()
			stamp := r.header.Get("Webhook-Timestamp")
			want := "t=" + stamp
			for _, s := range secrets {
				want += ",v1=" + hmacHex(s, stamp+"."+r.body)
			}
			require.Equal(t, want, r.header.Get("Stripe-Signature"))
			require.Equal(t, want, r.header.Get("Acme-Signature"))
			for _, name := range []string{"X-Hub-Signature-256", "X-Acme-Signature-256", "X-Webhook-Signature"} {
				require.Equal(t, "sha256="+hmacHex(first, r.body), r.header.Get(name), name)
			}
			require.Len(t, strings.Fields(r.header.Get("Webhook-Signature")), len(secrets))
		}
		check(sent(), old, old)
		_, _, err := w.d.RotateSecret(t.Context(), account, e.ID, fresh, 0)
		require.NoError(t, err)
		check(sent(), old, old, fresh)
		_, err = w.d.EndRotation(t.Context(), account, e.ID)
		require.NoError(t, err)
		check(sent(), fresh, fresh)

		w.patch(e, webhook.EndpointPatch{Secret: webhook.Set(webhook.Secret(""))})
		r := sent()
		for _, name := range []string{"Stripe-Signature", "Acme-Signature", "X-Hub-Signature-256"} {
			require.NotContains(t, r.header, name)
		}
	})
}

// The headers of signers are not the customers' to set: the usual ones never,
// others where they are configured.
func TestSignersHeadersAreReserved(t *testing.T) {
	acme, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		Signers: []webhook.Signer{webhook.StripeSigner{Header: "Acme-Proof"}, webhook.StandardSigner{}},
	})
	require.NoError(t, err)
	plain, err := webhook.New(webhook.NewMemoryStore(nil), nil)
	require.NoError(t, err)
	for _, c := range []struct {
		name        string
		plain, acme bool
	}{
		{"Stripe-Signature", true, true}, {"x-hub-signature-256", true, true}, {"X_Hub_Signature", true, true},
		{"Acme-Proof", false, true}, {"acme_proof", false, true}, {"Acme-Proofs", false, false},
	} {
		for d, reserved := range map[*webhook.Dispatcher]bool{plain: c.plain, acme: c.acme} {
			_, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{
				Account: c.name, Name: "n", URL: "https://crm.example.com/", Events: []webhook.EventType{events.LeadScored},
				Headers: map[string]string{c.name: "1"},
			})
			var invalid *webhook.InvalidError
			if !reserved {
				require.NoError(t, err, c.name)
				continue
			}
			require.ErrorAs(t, err, &invalid, c.name)
			require.Equal(t, "headers."+c.name, invalid.Fields[0].Field)
			require.Equal(t, "header_reserved", invalid.Fields[0].Code)
		}
	}
}

func TestSignersAreChecked(t *testing.T) {
	for _, c := range []struct {
		signers []webhook.Signer
		want    string
	}{
		{[]webhook.Signer{webhook.StandardSigner{}, nil}, "Options.Signers.1: is nil"},
		{[]webhook.Signer{webhook.StripeSigner{Header: "Host"}}, "no place for a signature"},
		{[]webhook.Signer{webhook.StripeSigner{Header: "Acme Signature"}}, "letters, digits and hyphens"},
		{[]webhook.Signer{webhook.GitHubSigner{Header: "webhook_signature"}}, "belongs to Standard Webhooks"},
		{[]webhook.Signer{webhook.GitHubSigner{Header: "Webhook-Id"}}, "belongs to Standard Webhooks"},
		{[]webhook.Signer{webhook.BodySigner{}, webhook.GitHubSigner{Header: "x-webhook-signature"}}, "Options.Signers.1: sets x-webhook-signature, as another signer does"},
		{[]webhook.Signer{webhook.StripeSigner{}, webhook.StripeSigner{}}, "as another signer does"},
		{[]webhook.Signer{new(webhook.KeySigner)}, "make it with NewKeySigner"},
		{[]webhook.Signer{(*webhook.KeySigner)(nil)}, "make it with NewKeySigner"},
	} {
		_, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Signers: c.signers})
		require.ErrorContains(t, err, c.want)
	}
	_, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{Signers: []webhook.Signer{webhook.GitHubSigner{Header: "X-Webhook-Signature"}}})
	require.NoError(t, err, "in the place of BodySigner")
}

// A host whose receivers verify as Stripe's do keeps their header, and has the
// other signatures beside it.
func ExampleStripeSigner() {
	network := exampleNetwork(func(w http.ResponseWriter, r *http.Request) {
		fmt.Printf("%.2s %.3s %.7s\n", r.Header.Get("Acme-Signature"), r.Header.Get("Webhook-Signature"), r.Header.Get("X-Webhook-Signature"))
	})
	defer network.Close()

	ctx := context.Background()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		Transport: network.Transport(),
		Signers: []webhook.Signer{
			webhook.BodySigner{}, webhook.StandardSigner{}, webhook.StripeSigner{Header: "Acme-Signature"},
		},
	})
	if err != nil {
		panic(err)
	}
	if _, err := d.CreateEndpoint(ctx, webhook.Endpoint{
		Account: "acct_1", Name: "CRM Sync", URL: "https://crm.example.com/hooks",
		Events: []webhook.EventType{events.LeadScored}, Secret: "correct horse battery staple",
	}); err != nil {
		panic(err)
	}
	if _, err := d.Emit(ctx, webhook.Event{Account: "acct_1", Type: events.LeadScored, Data: events.LeadScoredData{}}); err != nil {
		panic(err)
	}
	if err := deliver(d); err != nil {
		panic(err)
	}
	// Output:
	// t= v1, sha256=
}
