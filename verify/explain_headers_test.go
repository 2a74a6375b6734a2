package verify_test

import (
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/autoreach/webhook/verify"
)

func TestExplainHeaders(t *testing.T) {
	sent := delivery(t)
	set := func(name string, values ...string) func(http.Header) {
		return func(h http.Header) {
			h.Del(name)
			for _, v := range values {
				h.Add(name, v)
			}
		}
	}
	change := func(name string, f func(string) string) func(http.Header) {
		return func(h http.Header) { h.Set(name, f(h.Get(name))) }
	}
	sum := func(h string) []byte {
		b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h, "v1,"))
		if err != nil {
			b, err = hex.DecodeString(strings.TrimPrefix(h, "sha256="))
		}
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	bare := func(h http.Header) { set("webhook-id")(h); set("webhook-timestamp")(h); set("webhook-signature")(h) }
	const right = "Apart from its form it is right"
	for name, c := range map[string]struct {
		scheme verify.Scheme
		change func(http.Header)
		want   []string
	}{
		"none":                  {verify.Any, func(h http.Header) { clear(h) }, []string{"no other signature", "no secret at the sender", "proxy"}},
		"one dropped":           {verify.ReplayProtected, set("webhook-id"), []string{"Webhook-Id is absent and Webhook-Timestamp, Webhook-Signature there", "proxy"}},
		"two dropped":           {verify.Any, func(h http.Header) { set("webhook-id")(h); set("webhook-timestamp")(h) }, []string{"Webhook-Id, Webhook-Timestamp are absent"}},
		"three dropped":         {verify.ReplayProtected, bare, []string{"X-Webhook-Signature is there", "do not give up ReplayProtected"}},
		"the other kept":        {verify.BodyOnly, set("X-Webhook-Signature"), []string{"ask for ReplayProtected"}},
		"Svix":                  {verify.Any, func(h http.Header) { clear(h); h.Set("svix-signature", "v1,x") }, []string{"signature header of Svix"}},
		"lower-case keys":       {verify.ReplayProtected, func(h http.Header) { h["webhook-id"] = h["Webhook-Id"]; delete(h, "Webhook-Id") }, []string{"another spelling", "method Set"}},
		"underscores":           {verify.ReplayProtected, func(h http.Header) { h["Webhook_id"] = h["Webhook-Id"]; delete(h, "Webhook-Id") }, []string{"another spelling"}},
		"CGI":                   {verify.BodyOnly, func(h http.Header) { clear(h); h["HTTP_X_WEBHOOK_SIGNATURE"] = []string{"x"} }, []string{"another spelling"}},
		"doubled":               {verify.Any, func(h http.Header) { h.Add("webhook-id", h.Get("webhook-id")) }, []string{"Webhook-Id is there 2 times with the same value"}},
		"two values":            {verify.Any, func(h http.Header) { h.Add("webhook-id", "x") }, []string{"2 times with several values"}},
		"empty":                 {verify.Any, set("webhook-signature", ""), []string{"there and empty"}},
		"folded id":             {verify.Any, change("webhook-id", func(s string) string { return s + ", " + s }), []string{"same value twice on one line"}},
		"folded list":           {verify.Any, change("webhook-signature", func(s string) string { return s + ",v1,x" }), []string{"comma"}},
		"folded body signature": {verify.BodyOnly, change("X-Webhook-Signature", func(s string) string { return s + "," + s }), []string{"same value twice on one line"}},
		"quotes":                {verify.Any, change("webhook-signature", func(s string) string { return `"` + s + `"` }), []string{"white space or quotes", right}},
		"a full stop":           {verify.Any, set("webhook-id", "evt.1"), []string{"without a full stop"}},
		"milliseconds":          {verify.Any, change("webhook-timestamp", func(s string) string { return s + "000" }), []string{"milliseconds"}},
		"a date":                {verify.Any, set("webhook-timestamp", "2026-11-23T10:15:30Z"), []string{"is a date"}},
		"hex":                   {verify.Any, change("webhook-signature", func(s string) string { return "v1," + hex.EncodeToString(sum(s)) }), []string{"Webhook-Signature is in hex", right}},
		"hex, bare":             {verify.Any, change("webhook-signature", func(s string) string { return hex.EncodeToString(sum(s)) }), []string{"Webhook-Signature is in hex", right}},
		"base64 of hex": {verify.Any, change("webhook-signature", func(s string) string {
			return "v1," + base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum(s))))
		}), []string{"base64 of the hex digits", right}},
		"no v1":            {verify.Any, change("webhook-signature", func(s string) string { return s[3:] }), []string{"lacks v1,", right}},
		"unpadded":         {verify.Any, change("webhook-signature", func(s string) string { return strings.TrimRight(s, "=") }), []string{"unpadded", right}},
		"ed25519":          {verify.Any, change("webhook-signature", func(s string) string { return "v1a" + s[2:] }), []string{"ed25519"}},
		"the other's form": {verify.Any, func(h http.Header) { h.Set("webhook-signature", h.Get("X-Webhook-Signature")) }, []string{"form of X-Webhook-Signature"}},
		"Stripe's form":    {verify.Any, set("webhook-signature", "t=1,v1=00"), []string{"form of Stripe's"}},
		"many":             {verify.Any, set("webhook-signature", strings.Repeat("v1,x ", 40)+"v1,x"), []string{"more than"}},
		"base64":           {verify.BodyOnly, change("X-Webhook-Signature", func(s string) string { return "sha256=" + base64.StdEncoding.EncodeToString(sum(s)) }), []string{"is in base64", right}},
		"base64, bare":     {verify.BodyOnly, change("X-Webhook-Signature", func(s string) string { return base64.StdEncoding.EncodeToString(sum(s)) }), []string{"is in base64, without sha256=", right}},
		"hex, no prefix":   {verify.BodyOnly, change("X-Webhook-Signature", func(s string) string { return s[7:] }), []string{"lacks sha256=", right}},
		"capitals":         {verify.BodyOnly, change("X-Webhook-Signature", func(s string) string { return "SHA256=" + s[7:] }), []string{"in capitals", right}},
		"sha1":             {verify.BodyOnly, set("X-Webhook-Signature", "sha1=00"), []string{"another algorithm"}},
		"v1":               {verify.BodyOnly, set("X-Webhook-Signature", "v1,x"), []string{"form of webhook-signature"}},
		"cut":              {verify.BodyOnly, change("X-Webhook-Signature", func(s string) string { return s[:40] }), []string{"cut"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := request(t, sent, nil)
			c.change(r.Header)
			v := mustNew(t, secret, &verify.Options{Scheme: c.scheme})
			if v.VerifyHeaders(sent, r.Header) == nil {
				t.Fatal("the request verifies")
			}
			wantSaid(t, wantDiscreet(t, v.Explain(r, sent), r.Header, secret), c.want...)
			// Before the body is read the same is said, without the proof.
			if text := v.Explain(r, nil); strings.Contains(text, right) || text == "" {
				t.Errorf("without the body: %q", text)
			}
		})
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	wantSaid(t, mustNew(t, secret, nil).Explain(r, nil), "not POST", "redirect")
}
