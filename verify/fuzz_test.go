package verify_test

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

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
