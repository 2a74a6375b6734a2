package interop

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	svix "github.com/svix/svix-webhooks/go"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/verify"
)

// goPeer is what the two Go modules have in common.
type goPeer interface {
	Verify(payload []byte, headers http.Header) error
	Sign(id string, at time.Time, payload []byte) (string, error)
}

// peers starts the libraries that are tested against, with a secret, and
// returns their URLs by name. POST to URL/verify answers 204 or 401, POST to
// URL/sign answers the signature.
func peers(t *testing.T, secret string) map[string]string {
	t.Helper()
	npm := serve(t, []string{"WEBHOOK_SECRET=" + secret}, node(t), "peers.mjs")
	golang := httptest.NewServer(goPeers(t, secret))
	t.Cleanup(golang.Close)
	return map[string]string{
		"npm standardwebhooks": npm + "/standardwebhooks",
		"npm svix":             npm + "/svix",
		"go standardwebhooks":  golang.URL + "/standardwebhooks",
		"go svix":              golang.URL + "/svix",
	}
}

func goPeers(t *testing.T, secret string) http.Handler {
	t.Helper()
	var s, x goPeer
	var errS, errX error
	if strings.HasPrefix(secret, "whsec_") {
		s, errS = standardwebhooks.NewWebhook(secret)
		x, errX = svix.NewWebhook(secret)
	} else {
		s, errS = standardwebhooks.NewWebhookRaw([]byte(secret))
		x, errX = svix.NewWebhookRaw([]byte(secret))
	}
	if errS != nil || errX != nil {
		t.Fatal(errS, errX)
	}
	mux := http.NewServeMux()
	for name, p := range map[string]goPeer{"standardwebhooks": s, "svix": x} {
		mux.HandleFunc("/"+name+"/verify", func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			if err == nil {
				err = p.Verify(body, r.Header)
			}
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnauthorized)
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
		mux.HandleFunc("/"+name+"/sign", func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			unix, errTime := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
			signature, errSign := p.Sign(r.Header.Get("webhook-id"), time.Unix(unix, 0), body)
			if err != nil || errTime != nil || errSign != nil {
				t.Error(err, errTime, errSign)
			}
			io.WriteString(w, signature)
		})
	}
	return mux
}

func TestPeers(t *testing.T) {
	for _, s := range secrets {
		urls := peers(t, s.secret)
		t.Run("verify/"+s.name, func(t *testing.T) { peersVerify(t, urls, s.secret) })
		t.Run("sign/"+s.name, func(t *testing.T) { peersSign(t, urls, s.secret) })
	}
}

// What the library delivers, its peers verify, and nothing that was changed on
// the way.
func peersVerify(t *testing.T, urls map[string]string, secret string) {
	genuine := captured(t, secret)
	forged := tampered(t, secret, genuine)
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			wantDelivered(t, url+"/verify", secret)
			wantRefused(t, url+"/verify", genuine, forged)
		})
	}
}

// What the peers sign, package verify accepts, and nothing that was changed on
// the way.
func peersSign(t *testing.T, urls map[string]string, secret string) {
	v, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected})
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 100)
	server := httptest.NewServer(v.Handler(func(_ context.Context, m verify.Message) error {
		got <- m.ID
		return nil
	}))
	defer server.Close()
	for name, url := range urls {
		t.Run(name, func(t *testing.T) {
			r := request{http.Header{}, []byte(`{"event":"lead.created","timestamp":"2026-11-23T10:15:30.123Z","data":{"name":"Zoë ‹&› 🚀"}}`)}
			r = r.with("webhook-id", "msg_1").with("webhook-timestamp", strconv.FormatInt(time.Now().Unix(), 10))
			_, signature := r.post(t, url+"/sign")
			r = r.with("webhook-signature", signature)
			wantRefused(t, server.URL, r, tampered(t, secret, r))
			if n := len(got); n != 1 {
				t.Errorf("%d requests were handled, want the genuine one", n)
			}
			for len(got) > 0 {
				if id := <-got; id != "msg_1" {
					t.Errorf("its id is %q, want msg_1", id)
				}
			}
		})
	}
}

// While a secret is rotated, peers with the old one and peers with the new one
// verify the same deliveries; then only the new one does.
func TestPeersRotation(t *testing.T) {
	const before, after = "the secret of last year", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	url, requests := mailbox(t)
	s := newSender(t, url, before)
	if _, _, err := s.RotateSecret(t.Context(), account, s.endpoint, webhook.Secret(after), 0); err != nil {
		t.Fatal(err)
	}
	s.want(t, http.StatusNoContent)
	during := <-requests

	if _, err := s.EndRotation(t.Context(), account, s.endpoint); err != nil {
		t.Fatal(err)
	}
	for len(requests) > 0 { // the rest of those during the rotation
		<-requests
	}
	if a, err := s.Test(t.Context(), account, s.endpoint, events.LeadCreated, webhook.EndpointPatch{}); err != nil || a.Status != http.StatusNoContent {
		t.Fatal(a.Error, err)
	}
	afterwards := <-requests

	old, fresh := peers(t, before), peers(t, after)
	for name := range old {
		for _, c := range []struct {
			what, url string
			r         request
			status    int
		}{
			{"the old secret, during the overlap", old[name], during, http.StatusNoContent},
			{"the new secret, during the overlap", fresh[name], during, http.StatusNoContent},
			{"the old secret, afterwards", old[name], afterwards, http.StatusUnauthorized},
			{"the new secret, afterwards", fresh[name], afterwards, http.StatusNoContent},
		} {
			if status, answer := c.r.post(t, c.url+"/verify"); status != c.status {
				t.Errorf("%s with %s: %d %s, want %d", name, c.what, status, answer, c.status)
			}
		}
	}
}
