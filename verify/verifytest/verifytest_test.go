package verifytest_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook/verify"
	"github.com/autoreach/webhook/verify/verifytest"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestNewRequestPassesBothSchemes(t *testing.T) {
	at := time.Now().Add(-time.Minute)
	for _, scheme := range []verify.Scheme{verify.Any, verify.ReplayProtected, verify.BodyOnly} {
		v, err := verify.New(secret, &verify.Options{Scheme: scheme})
		if err != nil {
			t.Fatal(err)
		}
		for _, signWith := range []verify.Scheme{verify.Any, scheme} {
			r := verifytest.NewRequest(secret, "lead.scored", map[string]any{"score": 87},
				&verifytest.Options{Scheme: signWith, ID: "evt_1", Time: at, Test: true})
			m, err := v.Request(nil, r)
			if err != nil || m.Event != "lead.scored" || string(m.Data) != `{"score":87}` || !m.Test || m.Timestamp.Sub(at).Abs() > time.Millisecond {
				t.Errorf("%v signed with %v: %+v, %v", scheme, signWith, m, err)
			}
		}
	}
}

func TestSignWithTheOtherSchemeIsRefused(t *testing.T) {
	for scheme, other := range map[verify.Scheme]verify.Scheme{verify.ReplayProtected: verify.BodyOnly, verify.BodyOnly: verify.ReplayProtected} {
		v, err := verify.New(secret, &verify.Options{Scheme: scheme})
		if err != nil {
			t.Fatal(err)
		}
		r := verifytest.NewRequest(secret, "x", nil, &verifytest.Options{Scheme: other})
		if _, err := v.Request(nil, r); !errors.Is(err, verify.ErrNoSignature) {
			t.Errorf("%v: %v, want ErrNoSignature", scheme, err)
		}
	}
}

func TestSignOverTheWire(t *testing.T) {
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(v.Handler(func(context.Context, verify.Message) error { return nil }))
	defer srv.Close()
	for opts, want := range map[*verifytest.Options]int{
		nil:                                204,
		{Time: time.Now().Add(-time.Hour)}: 401,
		{Time: time.Now().Add(time.Hour)}:  401,
	} {
		r, err := http.NewRequest(http.MethodPost, srv.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = nil
		verifytest.Sign(r, secret, []byte(`{"event":"x","timestamp":"2026-11-23T10:15:30Z","data":{}}`), opts)
		res, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%+v: status %d, want %d", opts, res.StatusCode, want)
		}
	}
}

// The ID of a test says so, and is otherwise as it was set.
func TestIDsOfTests(t *testing.T) {
	for id, want := range map[string]string{"evt_1": "test_evt_1", "test_evt_1": "test_evt_1", "": "test_evt_"} {
		r := verifytest.NewRequest(secret, "x", nil, &verifytest.Options{ID: id, Test: true})
		got := r.Header.Get("webhook-id")
		if id != "" && got != want || id == "" && (!strings.HasPrefix(got, want) || len(got) < len(want)+20) {
			t.Errorf("the ID of %q is %q, want %q", id, got, want)
		}
		if r := verifytest.NewRequest(secret, "x", nil, &verifytest.Options{ID: "evt_1"}); r.Header.Get("webhook-id") != "evt_1" || r.Header.Get("X-Webhook-Test") != "" {
			t.Errorf("no test: %v", r.Header)
		}
	}
}

func TestIDsAreNew(t *testing.T) {
	a, b := verifytest.NewRequest(secret, "x", nil, nil), verifytest.NewRequest(secret, "x", nil, nil)
	if a.Header.Get("webhook-id") == b.Header.Get("webhook-id") {
		t.Error("two requests with one id")
	}
}

func TestMistakesPanic(t *testing.T) {
	for name, fn := range map[string]func(){
		"secret": func() { verifytest.NewRequest("whsec_x", "x", nil, nil) },
		"data":   func() { verifytest.NewRequest(secret, "x", func() {}, nil) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			fn()
		}()
	}
}
