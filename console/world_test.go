package console_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

// A world is a host with the console in it, a dispatcher on a memory store
// that counts, and customers' servers on an in-memory network.
type world struct {
	*testing.T
	d       *webhook.Dispatcher
	store   *counting
	network *webhooktest.Network
	page    http.Handler
	mount   string
	account string
	header  http.Header
	hosts   int
}

const mount = "/settings/webhooks/"

// secret is what must never be seen again.
const secret = "whsec_c2VjcmV0IG9mIHRoZSB0ZXN0cywgMzIgYnl0ZXM="

func newWorld(t *testing.T, opts *console.Options) *world {
	t.Helper()
	w := &world{T: t, store: &counting{Store: webhook.NewMemoryStore(nil), calls: map[string]int{}},
		network: webhooktest.NewNetwork(), mount: mount, account: "acme", header: http.Header{}}
	t.Cleanup(func() { _ = w.network.Close() })
	var err error
	w.d, err = webhook.New(w.store, &webhook.Options{Transport: w.network.Transport(), Retry: webhook.Schedule{time.Millisecond, time.Millisecond, time.Millisecond}, Timeout: time.Second})
	require.NoError(t, err)
	page, err := console.New(w.d, w.who, opts)
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.Handle(mount, page)
	w.page = mux
	return w
}

// who is the host's login: a session that a browser cannot make up.
func (w *world) who(*http.Request) (string, error) { return w.account, nil }

// add makes a webhook whose server answers with that status.
func (w *world) add(name string, status int, body string) webhook.Endpoint {
	w.Helper()
	w.hosts++
	host := fmt.Sprintf("host-%d.example.com", w.hosts)
	w.network.Handle(host, http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}))
	e, err := w.d.CreateEndpoint(w.Context(), webhook.Endpoint{Account: w.account, Name: name, URL: "https://" + host + "/hook",
		Events: []string{events.LeadScored}, Secret: secret, Headers: map[string]string{"X-Token": "token-of-the-customer"}})
	require.NoError(w, err)
	return e
}

// happen emits n events. An endpoint that fails is left alone while many wait
// for it, so they are delivered a few at a time.
func (w *world) happen(n int) {
	w.Helper()
	for i := range n {
		if i%4 == 3 {
			w.deliver()
		}
		_, err := w.d.Emit(w.Context(), webhook.Event{Account: w.account, Type: events.LeadScored,
			Data: events.LeadScoredData{Lead: events.Lead{ID: "lead_1"}}})
		require.NoError(w, err)
	}
}

// deliver lets the dispatcher run until all is decided.
func (w *world) deliver() {
	w.Helper()
	ctx, stop := context.WithCancel(w.Context())
	ran := make(chan error, 1)
	go func() { ran <- w.d.Run(ctx) }()
	require.NoError(w, w.d.Drain(ctx))
	stop()
	require.NoError(w, <-ran)
}

// deliveries are all of a webhook, newest first.
func (w *world) deliveries(e webhook.Endpoint) []webhook.DeliveryRecord {
	w.Helper()
	found, err := w.d.ListDeliveries(w.Context(), webhook.DeliveryQuery{Account: e.Account, Endpoint: e.ID})
	require.NoError(w, err)
	return found
}

func (w *world) stored(e webhook.Endpoint) webhook.EndpointRecord {
	w.Helper()
	r, err := w.d.Endpoint(w.Context(), e.Account, e.ID)
	require.NoError(w, err)
	return r
}

// send sends a request to a path below the mount.
func (w *world) send(method, path, contentType, body string, accept string) *httptest.ResponseRecorder {
	w.Helper()
	r := httptest.NewRequest(method, "https://app.example.com"+w.mount+path, strings.NewReader(body))
	maps.Copy(r.Header, w.header)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Accept", accept)
	rec := httptest.NewRecorder()
	w.page.ServeHTTP(rec, r)
	return rec
}

const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"

// get is a page.
func (w *world) get(path string) *httptest.ResponseRecorder {
	w.Helper()
	return w.send("GET", path, "", "", browser)
}

// see is a page that has to be there, without its markup.
func (w *world) see(path string) string {
	w.Helper()
	rec := w.get(path)
	require.Equal(w, 200, rec.Code, "%s: %s", path, rec.Body)
	return text(rec.Body.String())
}

// post sends a form.
func (w *world) post(path string, fields ...string) *httptest.ResponseRecorder {
	w.Helper()
	return w.send("POST", path, "application/x-www-form-urlencoded", form(fields...), browser)
}

func form(fields ...string) string {
	v := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		v.Add(fields[i], fields[i+1])
	}
	return v.Encode()
}

// api sends JSON and decodes JSON.
func (w *world) api(method, path, body string, want int) map[string]any {
	w.Helper()
	rec := w.send(method, path, "application/json", body, "application/json")
	require.Equal(w, want, rec.Code, "%s %s: %s", method, path, rec.Body)
	require.Equal(w, "application/json", rec.Header().Get("Content-Type"))
	var out map[string]any
	require.NoError(w, json.Unmarshal(rec.Body.Bytes(), &out))
	return out
}

// counting counts what is asked of a store.
type counting struct {
	webhook.Store
	mu    sync.Mutex
	calls map[string]int
	at    string // the call after which then is called
	then  func()
}

// after has something happen when a call has been answered.
func (c *counting) after(call string, then func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at, c.then = call, then
}

func (c *counting) answered(call string) {
	c.mu.Lock()
	then := c.then
	if c.at != call {
		then = nil
	}
	c.mu.Unlock()
	if then != nil {
		then()
	}
}

func (c *counting) count(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls[name]++
}

// since forgets what was counted and says what it was.
func (c *counting) since() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.calls
	c.calls = map[string]int{}
	return out
}

func (c *counting) Endpoints(ctx context.Context, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	c.count("Endpoints")
	defer c.answered("Endpoints")
	return c.Store.Endpoints(ctx, q)
}

func (c *counting) PutEndpoint(ctx context.Context, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	c.count("PutEndpoint")
	return c.Store.PutEndpoint(ctx, e, limit)
}

func (c *counting) DeleteEndpoint(ctx context.Context, account, id string) error {
	c.count("DeleteEndpoint")
	return c.Store.DeleteEndpoint(ctx, account, id)
}

func (c *counting) Deliveries(ctx context.Context, q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
	c.count("Deliveries")
	return c.Store.Deliveries(ctx, q)
}

func (c *counting) Resend(ctx context.Context, account string, id int64, op string) (int64, error) {
	c.count("Resend")
	return c.Store.Resend(ctx, account, id, op)
}

func (c *counting) Recover(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	c.count("Recover")
	return c.Store.Recover(ctx, q)
}

func (c *counting) Dismiss(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	c.count("Dismiss")
	defer c.answered("Dismiss")
	return c.Store.Dismiss(ctx, q)
}

// changes are those calls that change something.
func changes(calls map[string]int) int {
	return calls["PutEndpoint"] + calls["DeleteEndpoint"] + calls["Resend"] + calls["Recover"] + calls["Dismiss"]
}

// pages are all paths that a webhook and one of its deliveries have.
func pages(id string, n int64) (gets, posts []string) {
	d := fmt.Sprintf("%s/%d", id, n)
	gets = []string{"", "new", id, id + "/edit", id + "/enable", id + "/delete", id + "/rotate", id + "/signing-key", id + "/recover", id + "/dismiss",
		id + "/verify", d, d + "/payload", "openapi.json"}
	posts = []string{"new", "new/test", "new/preview", id + "/edit", id + "/test", id + "/preview", id + "/enable", id + "/disable",
		id + "/rotate", id + "/end-rotation", id + "/signing-key", id + "/remove-signing-key", id + "/recover", id + "/dismiss", d + "/resend", d + "/dismiss", id + "/delete"}
	return gets, posts
}

// at sends a request under another name of the server.
func (w *world) at(host, method, path string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://app.example.com"+w.mount+path, nil)
	r.Host = host
	rec := httptest.NewRecorder()
	w.page.ServeHTTP(rec, r)
	return rec
}
