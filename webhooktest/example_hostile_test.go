package webhooktest_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// TestHostileEndpoint shows what a customer is told whose endpoint sends
// headers without end, and the one whose certificate has expired.
func TestHostileEndpoint(t *testing.T) {
	for _, b := range []webhooktest.Behaviour{webhooktest.EndlessHeaders, webhooktest.CertificateExpired} {
		h := webhooktest.NewHostile(t, b)
		d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
			AllowPrefixes:  []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			AllowPlainHTTP: true,
			TLS:            h.TLS(),
		})
		if err != nil {
			t.Fatal(err)
		}
		a, err := d.TestNew(t.Context(), webhook.Endpoint{
			Account: webhooktest.Account,
			Name:    "CRM Sync",
			URL:     h.URL,
			Events:  []webhook.EventType{events.LeadScored},
		}, events.LeadScored)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%s: %s\n", a.Class, a.Error)
	}
}

func ExampleHostile() {
	runs(TestHostileEndpoint) // as go test does
	// Output:
	// headers_too_large: the answer's headers are larger than 64 KiB
	// tls_certificate_expired: the TLS certificate expired on 2020-01-31
}
