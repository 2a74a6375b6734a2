package interop

import (
	"bytes"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/autoreach/webhook/verify/verifytest"
)

// tampered returns changed copies of a genuine request, by what was done. A
// receiver that judges by Standard Webhooks refuses each.
func tampered(t *testing.T, secret string, r request) map[string]request {
	t.Helper()
	unix, err := strconv.ParseInt(r.header.Get("webhook-timestamp"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	id, signature := r.header.Get("webhook-id"), r.header.Get("webhook-signature")
	unsigned := r.with("webhook-signature", "")
	return map[string]request{
		"another body":           {r.header, bytes.Replace(r.body, []byte("lead"), []byte("Lead"), 1)},
		"a longer body":          {r.header, append(bytes.Clone(r.body), ' ')},
		"another id":             r.with("webhook-id", id+"0"),
		"another time":           r.with("webhook-timestamp", strconv.FormatInt(unix+1, 10)),
		"another signature":      r.with("webhook-signature", "v1,"+swapped(signature[len("v1,"):])),
		"another version":        r.with("webhook-signature", "v2,"+signature[len("v1,"):]),
		"a cut signature":        r.with("webhook-signature", signature[:len("v1,")+8]),
		"no signature":           unsigned,
		"no id":                  r.with("webhook-id", ""),
		"no time":                r.with("webhook-timestamp", ""),
		"no headers of standard": unsigned.with("webhook-id", "").with("webhook-timestamp", ""),
		"an hour old":            signedAt(t, secret, r.body, time.Now().Add(-time.Hour)),
		"an hour ahead":          signedAt(t, secret, r.body, time.Now().Add(time.Hour)),
	}
}

// bodyTampered is tampered for a receiver that judges by X-Webhook-Signature.
func bodyTampered(r request) map[string]request {
	signature := r.header.Get("x-webhook-signature")
	return map[string]request{
		"another body":      {r.header, bytes.Replace(r.body, []byte("lead"), []byte("Lead"), 1)},
		"a longer body":     {r.header, append(bytes.Clone(r.body), ' ')},
		"another signature": r.with("x-webhook-signature", "sha256="+swapped(signature[len("sha256="):])),
		"a cut signature":   r.with("x-webhook-signature", signature[:len("sha256=")+8]),
		"a bare digest":     r.with("x-webhook-signature", signature[len("sha256="):]),
		"no signature":      r.with("x-webhook-signature", ""),
		"no kind of body":   r.with("Content-Type", ""), // Express reads none
	}
}

// swapped is the text with another first character.
func swapped(s string) string {
	if s[0] == '0' {
		return "1" + s[1:]
	}
	return "0" + s[1:]
}

func signedAt(t *testing.T, secret string, body []byte, at time.Time) request {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, "http://localhost", nil)
	if err != nil {
		t.Fatal(err)
	}
	verifytest.Sign(req, secret, body, &verifytest.Options{Time: at})
	return request{req.Header, body}
}

// wantRefused wants a URL to take a genuine request, and to answer each of the
// tampered ones 401.
func wantRefused(t *testing.T, url string, genuine request, tampered map[string]request) {
	t.Helper()
	if status, answer := genuine.post(t, url); status != http.StatusNoContent {
		t.Errorf("the genuine request: %d %s, want 204", status, answer)
	}
	for what, r := range tampered {
		if status, answer := r.post(t, url); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s, want 401", what, status, answer)
		}
	}
}
