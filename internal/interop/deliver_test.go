package interop

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// secrets are one of each kind. A text beyond ASCII is the harder one.
var secrets = []struct{ name, secret string }{
	{"generated", webhook.GenerateSecret().Reveal()},
	{"text", "schöne Grüße, 秘密の鍵 – 🔑"},
}

// A sender is a dispatcher that delivers every event to one URL, once.
type sender struct {
	*webhook.Dispatcher
	endpoint string
}

const account = "acct_1"

func newSender(t *testing.T, url, secret string) sender {
	t.Helper()
	return newSenderOf(t, webhook.Endpoint{URL: url, Secret: webhook.Secret(secret)})
}

// newSenderOf is newSender for an endpoint with other keys, or other signers.
func newSenderOf(t *testing.T, endpoint webhook.Endpoint, signers ...webhook.Signer) sender {
	t.Helper()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		AllowPrefixes:     []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		AllowPlainHTTP:    true,
		EventsPerEndpoint: len(events.All()),
		Retry:             webhook.Schedule{},
		Signers:           signers,
	})
	if err != nil {
		t.Fatal(err)
	}
	endpoint.Account, endpoint.Name = account, "Peer"
	for _, e := range events.All() {
		endpoint.Events = append(endpoint.Events, e.Name)
	}
	e, err := d.CreateEndpoint(t.Context(), endpoint)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return sender{d, e.ID}
}

// want emits the samples of all events and wants each of them answered with
// the status.
func (s sender) want(t *testing.T, status int) {
	t.Helper()
	for _, e := range events.All() {
		if _, err := s.Emit(t.Context(), webhook.Event{Account: account, Type: e.Name, Data: e.Sample()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := s.ListDeliveries(t.Context(), webhook.DeliveryQuery{Account: account, Endpoint: s.endpoint})
	if err != nil {
		t.Fatal(err)
	}
	if len(page) != len(events.All()) {
		t.Fatalf("%d deliveries are in the log, want %d", len(page), len(events.All()))
	}
	for _, r := range page {
		if a := r.Attempts[0]; a.Status != status {
			t.Errorf("%s was answered %d (%s %s), want %d", r.Type, a.Status, a.Error, a.Response, status)
		}
	}
}

// wantDelivered wants a URL to accept what is signed with its secret, and to
// refuse what is signed with another.
func wantDelivered(t *testing.T, url, secret string) {
	t.Helper()
	newSender(t, url, secret).want(t, http.StatusNoContent)
	newSender(t, url, "somebody else's secret").want(t, http.StatusUnauthorized)
}

// request is one that was received, or a changed copy of one.
type request struct {
	header http.Header
	body   []byte
}

// mailbox keeps the requests that come to its URL.
func mailbox(t *testing.T) (url string, requests chan request) {
	t.Helper()
	requests = make(chan request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		requests <- request{r.Header, body}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// captured is a genuine request.
func captured(t *testing.T, secret string) request {
	t.Helper()
	return capturedOf(t, webhook.Endpoint{Secret: webhook.Secret(secret)})
}

// capturedOf is captured for an endpoint with other keys, or other signers.
func capturedOf(t *testing.T, endpoint webhook.Endpoint, signers ...webhook.Signer) request {
	t.Helper()
	url, requests := mailbox(t)
	endpoint.URL = url
	newSenderOf(t, endpoint, signers...).want(t, http.StatusNoContent)
	return <-requests
}

// post sends the request to a URL and returns the status and the answer.
func (r request) post(t *testing.T, url string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = r.header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(text)
}

// with is a copy of the request with a header set, or without it.
func (r request) with(name, value string) request {
	h := r.header.Clone()
	h.Del(name)
	if value != "" {
		h.Set(name, value)
	}
	return request{h, r.body}
}
