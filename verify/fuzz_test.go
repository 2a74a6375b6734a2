package verify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/internal/signature"
	"github.com/autoreach/webhook/verify"
)

// Whatever the headers hold, nothing panics and only the one true signature of
// each scheme gets through.
func FuzzVerifyHeaders(f *testing.F) {
	now := time.Unix(1795429530, 0)
	v := mustNew(f, whsec, &verify.Options{Now: func() time.Time { return now }, Once: &verify.MemoryOnce{}})
	key, err := signature.StandardKey(whsec, 16, 64)
	if err != nil {
		f.Fatal(err)
	}
	standard, plain := signature.NewKey(key), signature.NewKey([]byte(whsec))
	f.Add(body, plain.Body(body), "", "", "", false)
	f.Add(body, "", "evt_1", "1795429530", standard.Standard("evt_1", now.Unix(), body), false)
	f.Add(body, "sha256=", "evt.1", "-1", "v1, v1a,x  v2", true)
	f.Fuzz(func(t *testing.T, body []byte, value, id, stamp, list string, twice bool) {
		h := make(http.Header)
		for name, value := range map[string]string{"X-Webhook-Signature": value, "webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": list} {
			if value != "" {
				h.Add(name, value)
				if twice {
					h.Add(name, value)
				}
			}
		}
		accepted := v.VerifyHeaders(body, h) == nil
		if id+stamp+list == "" {
			sum, ok := signature.ParseBody(value)
			if want := ok && !twice && sum == plain.Sum(body); accepted != want {
				t.Errorf("accepted %v, want %v", accepted, want)
			}
		} else if accepted {
			unix, _ := signature.ParseTimestamp(stamp)
			if twice || !bytes.Contains([]byte(list), []byte(standard.Standard(id, unix, body))) {
				t.Error("accepted without the true signature")
			}
		}
		rec := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
		r.Header = h
		v.Handler(func(context.Context, verify.Message) error { return nil }).ServeHTTP(rec, r)
		if ran := rec.Code == 204; ran != accepted {
			t.Errorf("status %d, but accepted is %v", rec.Code, accepted)
		}
	})
}

// Whatever the entries of webhook-signature are, only the true ones get
// through, each for the key of its kind.
func FuzzVerifyPublic(f *testing.F) {
	const stamp = "1795429530"
	now := time.Unix(1795429530, 0)
	signingKey, public := "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==",
		"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
	opts := verify.Options{Now: func() time.Time { return now }}
	keys := mustPublic(f, public, &opts)
	opts.Scheme, opts.PublicKeys = verify.ReplayProtected, []string{public}
	both := mustNew(f, secret, &opts)
	private, err := signature.ParsePrivateKey(signingKey)
	if err != nil {
		f.Fatal(err)
	}
	standard := signature.NewKey([]byte(secret))
	v1, v1a := standard.Standard("evt_1", now.Unix(), body), private.Standard("evt_1", now.Unix(), body)
	f.Add(body, "evt_1", v1+" "+v1a)
	f.Add(body, "evt_1", v1a+" v1a,AAAA "+v1a)
	f.Add(body, "evt_2", "v1,"+v1a[4:]+" v1a,"+v1[3:])
	f.Add(body, "evt.1", "v1a, v1a")
	f.Fuzz(func(t *testing.T, body []byte, id, list string) {
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {list}}
		genuine := bytes.Contains([]byte(list), []byte(private.Standard(id, now.Unix(), body)))
		if keys.VerifyHeaders(body, h) == nil && !genuine {
			t.Error("accepted without the true signature")
		}
		genuine = genuine || bytes.Contains([]byte(list), []byte(standard.Standard(id, now.Unix(), body)))
		if both.VerifyHeaders(body, h) == nil && !genuine {
			t.Error("accepted without a true signature")
		}
	})
}

func FuzzNewPublic(f *testing.F) {
	for _, s := range []string{"", "whpk_", "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=", "whpk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", whsec, "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, key string) {
		v, err := verify.NewPublic(key, nil)
		if err != nil {
			return
		}
		if _, err := verify.New(key, nil); err == nil {
			t.Errorf("%q is a public key, and was accepted as a secret", key)
		}
		if v.VerifyHeaders(body, signed(t, key[5:], body, nil)) == nil {
			t.Errorf("%q: it was taken for a secret", key)
		}
	})
}

func FuzzNew(f *testing.F) {
	for _, s := range []string{"", " ", "x\n", whsec, "whsec_", "whpk_x", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, secret string) {
		v, err := verify.New(secret, nil)
		if err != nil {
			return
		}
		if err := v.Verify(body, signature.NewKey([]byte(secret)).Body(body)); err != nil {
			t.Errorf("%q: %v", secret, err)
		}
		if err := v.VerifyHeaders(body, signed(t, secret, body, nil)); err != nil {
			t.Errorf("%q by Standard Webhooks: %v", secret, err)
		}
	})
}

// Whatever comes, an explanation is there exactly when the request does not
// verify, the same each time, short, and without the secret.
func FuzzExplain(f *testing.F) {
	now := time.Unix(1795429530, 0)
	options := func(scheme verify.Scheme) *verify.Options {
		return &verify.Options{Scheme: scheme, Now: func() time.Time { return now }}
	}
	verifiers := []*verify.Verifier{mustNew(f, whsec, options(verify.Any)), mustNew(f, whsec, options(verify.ReplayProtected)), mustNew(f, whsec, options(verify.BodyOnly))}
	withPublic := options(verify.Any)
	withPublic.PublicKeys = []string{"whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="}
	verifiers = append(verifiers, mustNew(f, whsec, withPublic))
	plain := signature.NewKey([]byte(whsec))
	right := plain.Standard("evt_1", now.Unix(), body)
	f.Add(body, plain.Body(body), "", "", "", false)
	f.Add(append(body, '\n'), plain.Body(body), "evt_1", "1795429530", right, false)
	f.Add([]byte(`{"a":"\ud83d \u0000\\","b":[ ]}`), plain.Body(body), "evt_1", "1795429531", right, false)
	f.Add([]byte("\x1f\x8b\x08"), "sha1=00", "evt_1", "1795429530000", "v1,00,v1,00", true)
	f.Add([]byte(`"\u0000"`), "", "evt_1", "0", right, false)
	f.Fuzz(func(t *testing.T, body []byte, value, id, stamp, list string, twice bool) {
		h := make(http.Header)
		for name, value := range map[string]string{"X-Webhook-Signature": value, "webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": list} {
			if value != "" {
				h.Add(name, value)
				if twice {
					h.Add(name, value)
				}
			}
		}
		r := &http.Request{Method: http.MethodPost, Header: h}
		for _, v := range verifiers {
			text := v.Explain(r, body)
			if verified := v.VerifyHeaders(body, h) == nil; verified != (text == "") {
				t.Errorf("verified %v, explained by %q", verified, text)
			}
			if text != v.Explain(r, body) {
				t.Errorf("explained in two ways, one is %q", text)
			}
			if len(text) > 1200 || strings.Contains(text, whsec[6:]) {
				t.Errorf("explained by %q", text)
			}
			v.Explain(r, nil)
		}
	})
}

// Whatever a sender signs, the message has all three fields of the payload, as
// encoding/json reads them one by one, or none; and Decode makes of the data what
// encoding/json does.
func FuzzMessage(f *testing.F) {
	for _, text := range []string{"", "text", `null`, `[]`, `{}`, string(body), `{"event":"lead.scored","timestamp":"2026-11-23T10:15:30Z","data":null} `,
		`{"data":{"lead":{"id":7}},"EVENT":"lead.created","time\u017ftamp":"2026-11-23T10:15:30+23:59"}`, `{"event":"a","timestamp":"2026-11-23T10:15:30Z","data":1,"event":null,"data":2,"Timestamp":null}`,
		`{"event":"a","timestamp":"yesterday","data":1,"timestamp":"2026-11-23T10:15:30Z"}`, `{"event":"\ud800","timestamp":1,"data":"x","more":[{}]}`, `{"event":"","timestamp":"2026-11-23T10:15:30Z","data":{}}`,
		`{"event":"a","timestamp":"2026-11-23T10:15:30Z"}`, `{"event":"a","timestamp":"2026-11-23T10:15:30Z","data":1,"event":7}`, `{"event":"lead.scored","timestamp":"2026-11-23T10:15:30Z","data":{"lead":{"id":"lead_1"},"score":7}}`} {
		f.Add([]byte(text))
	}
	v, key := mustNew(f, secret, nil), signature.NewKey([]byte(secret))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := v.Message(body, http.Header{"X-Webhook-Signature": {key.Body(body)}})
		if err != nil || !bytes.Equal(m.Body, body) || m.ID != "" || m.Test || !m.Attempted.IsZero() {
			t.Fatalf("%q: %v, %+v", body, err, m)
		}
		event, timestamp, data := fields(body)
		if m.Event != event || !m.Timestamp.Equal(timestamp) || !bytes.Equal(m.Data, data) || (m.Data == nil) != (data == nil) {
			t.Errorf("%q is %q at %v with %q, want %q, %v, %q", body, m.Event, m.Timestamp, m.Data, event, timestamp, data)
		}
		decodesAsJSON[json.RawMessage](t, m)
		decodesAsJSON[map[string]any](t, m)
		decodesAsJSON[events.LeadScoredData](t, m)
		decodesAsJSON[*events.ReplyReceivedData](t, m)
	})
}

// fields reads the payload member by member: the last one of a name counts,
// whatever its case, and null leaves text as it was and takes a time away.
func fields(body []byte) (event string, timestamp time.Time, data json.RawMessage) {
	dec := json.NewDecoder(bytes.NewReader(body))
	if open, err := dec.Token(); !json.Valid(body) || err != nil || open != json.Delim('{') {
		return
	}
	var s string
	var at *time.Time
	var d json.RawMessage
	for dec.More() {
		name, err := dec.Token()
		var value json.RawMessage
		if errors.Join(err, dec.Decode(&value)) != nil {
			return
		}
		switch name := name.(string); {
		case strings.EqualFold(name, "event"):
			err = json.Unmarshal(value, &s)
		case strings.EqualFold(name, "timestamp"):
			err = json.Unmarshal(value, &at)
		case strings.EqualFold(name, "data"):
			d = value
		}
		if err != nil {
			return
		}
	}
	if s == "" || at == nil || d == nil {
		return
	}
	return s, *at, d
}

func decodesAsJSON[T any](t *testing.T, m verify.Message) {
	t.Helper()
	var want, zero T
	wantErr := json.Unmarshal(m.Data, &want)
	got, err := verify.Decode[T](m)
	switch {
	case err != nil && !reflect.DeepEqual(got, zero):
		t.Errorf("%q fails with %v, and gives %+v", m.Data, err, got)
	case errors.Is(err, verify.ErrOtherEvent):
	case (err == nil) != (wantErr == nil) || err == nil && !reflect.DeepEqual(got, want):
		t.Errorf("%q: %+v, %v; encoding/json: %+v, %v", m.Data, got, err, want, wantErr)
	}
}
