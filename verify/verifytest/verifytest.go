// Package verifytest signs webhook requests, for the tests of receivers.
//
//	handler := v.Handler(handle)                       // what you want to test
//	req := verifytest.NewRequest(secret, "lead.scored", map[string]any{"score": 87}, nil)
//	rec := httptest.NewRecorder()
//	handler.ServeHTTP(rec, req)                        // rec.Code == 204
//
// The requests carry the same headers as deliveries, made with the same secret,
// so they pass any Verifier for that secret. The functions panic on what can
// only be a mistake in the test, as those of net/http/httptest do.
package verifytest

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"

	"github.com/autoreach/webhook/internal/signature"
	"github.com/autoreach/webhook/verify"
)

// Options vary a signed request. nil and the zero value are legal.
type Options struct {
	// Scheme chooses the signatures: ReplayProtected for webhook-signature
	// only, BodyOnly for X-Webhook-Signature only. Default Any: both, like a
	// delivery.
	Scheme verify.Scheme
	// ID is webhook-id, at most 256 characters. Default a new random one; set
	// it to send the same message twice.
	ID string
	// Time is webhook-timestamp, when the attempt is made. Default now; set it
	// to see old requests refused.
	Time time.Time
	// OccurredAt is the timestamp in the payload of NewRequest, when the event
	// occurred. Default the same as Time.
	OccurredAt time.Time
	// Test sets the header X-Webhook-Test: true, and puts test_ before an ID that
	// does not begin with it.
	Test bool
	// SigningKey adds a v1a entry to webhook-signature, by an ed25519 key such
	// as Keys makes, except under BodyOnly. An empty secret beside it means that
	// it signs alone. Default none.
	SigningKey string
}

// Keys returns a new ed25519 key for Options.SigningKey, and the public key for
// verify.NewPublic.
func Keys() (signingKey, publicKey string) {
	signingKey = signature.GeneratePrivate()
	k, err := signature.ParsePrivateKey(signingKey)
	if err != nil {
		panic("verifytest: " + err.Error())
	}
	return signingKey, k.Public()
}

// NewRequest returns a signed POST to "/" for passing to a handler's ServeHTTP:
// the payload is the event's name, its time and data encoded as JSON. For a
// request to a running server, or with another body, use Sign.
func NewRequest(secret, event string, data any, opts *Options) *http.Request {
	o := opts.withDefaults()
	body, err := json.Marshal(struct {
		Event     string `json:"event"`
		Timestamp string `json:"timestamp"`
		Data      any    `json:"data"`
	}{event, o.OccurredAt.UTC().Format("2006-01-02T15:04:05.000Z"), data})
	if err != nil {
		panic("verifytest: encoding data: " + err.Error())
	}
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.Header.Set("Content-Type", "application/json")
	Sign(r, secret, body, &o)
	return r
}

// Sign makes body the body of r and sets the headers of a delivery signed with
// secret. For webhook-signature a secret that starts with whsec_ must be well
// formed. See Options.SigningKey for an empty one.
func Sign(r *http.Request, secret string, body []byte, opts *Options) {
	o := opts.withDefaults()
	body = bytes.Clone(body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.ContentLength = int64(len(body))
	if r.Header == nil {
		r.Header = make(http.Header)
	}
	for _, name := range []string{"X-Webhook-Signature", "X-Webhook-Test", "webhook-id", "webhook-timestamp", "webhook-signature"} {
		r.Header.Del(name)
	}
	if o.Test {
		r.Header.Set("X-Webhook-Test", "true")
	}
	alone := secret == "" && o.SigningKey != ""
	if o.Scheme != verify.ReplayProtected && !alone {
		r.Header.Set("X-Webhook-Signature", signature.NewKey([]byte(secret)).Body(body))
	}
	if o.Scheme != verify.BodyOnly {
		unix := o.Time.Unix()
		var entries []string
		if !alone {
			// The bounds of a Verifier.
			key, err := signature.StandardKey(secret, 16, 64)
			if err != nil {
				panic("verifytest: secret: " + err.Error())
			}
			entries = append(entries, signature.NewKey(key).Standard(o.ID, unix, body))
		}
		if o.SigningKey != "" {
			key, err := signature.ParsePrivateKey(o.SigningKey)
			if err != nil {
				panic("verifytest: Options.SigningKey: " + err.Error())
			}
			entries = append(entries, key.Standard(o.ID, unix, body))
		}
		r.Header.Set("webhook-id", o.ID)
		r.Header.Set("webhook-timestamp", strconv.FormatInt(unix, 10))
		r.Header.Set("webhook-signature", strings.Join(entries, " "))
	}
}

func (o *Options) withDefaults() Options {
	var out Options
	if o != nil {
		out = *o
	}
	if out.ID == "" {
		out.ID = "evt_" + rand.Text()
	}
	if out.Test && !strings.HasPrefix(out.ID, "test_") {
		out.ID = "test_" + out.ID
	}
	if out.Time.IsZero() {
		out.Time = time.Now()
	}
	if out.OccurredAt.IsZero() {
		out.OccurredAt = out.Time
	}
	return out
}
