package interop

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/autoreach/webhook/verify"
)

// The published vectors of Standard Webhooks, Svix and GitHub are tested in
// package verify, which accepts their headers. Stripe's header is another; what
// it signs, "time.body" under the text of the secret, is computed like
// X-Webhook-Signature.
func TestStripeVectors(t *testing.T) {
	text, err := os.ReadFile("../../verify/testdata/signature_vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Vectors []struct {
			Scheme, Secret, Timestamp, Body, Expected string
			Valid                                     bool
		}
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, x := range file.Vectors {
		if x.Scheme != "stripe-v1" || !x.Valid {
			continue
		}
		found++
		v, err := verify.New(x.Secret, &verify.Options{Scheme: verify.BodyOnly})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Verify([]byte(x.Timestamp+"."+x.Body), "sha256="+x.Expected); err != nil {
			t.Error(err)
		}
		if v.Verify([]byte(x.Timestamp+"0."+x.Body), "sha256="+x.Expected) == nil {
			t.Error("another time was accepted")
		}
	}
	if found == 0 {
		t.Error("there is no vector of Stripe")
	}
}
