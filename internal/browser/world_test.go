package browser

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/network"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
	"github.com/autoreach/webhook/events"
)

// mount is where the host has the console: deep enough that a link which is not
// relative leads nowhere.
const mount = "/app/settings/webhooks/"

// A world is a host with the console behind its login, a dispatcher that runs,
// and customers' servers on this machine.
type world struct {
	*testing.T
	d        *webhook.Dispatcher
	store    webhook.Store
	options  webhook.Options
	host     *httptest.Server
	holds    atomic.Pointer[func(*http.Request) (done func())]
	receiver *receiver
	ran      chan error
	stop     context.CancelFunc
}

// people may sign in; the login asks for no password.
var people = map[string]struct {
	account string
	admin   bool
}{
	"Ada":   {"acme", true},
	"Bob":   {"acme", false}, // may only look
	"Carol": {"globex", true},
	"Dan":   {"initech", true},
	"Eve":   {"nobody", true}, // of an account that has nothing
}

func newWorld(t *testing.T, store webhook.Store, adjust ...func(*webhook.Options)) *world {
	t.Helper()
	if store == nil {
		store = webhook.NewMemoryStore(nil)
	}
	w := &world{T: t, store: store, receiver: newReceiver(t)}
	roots := x509.NewCertPool()
	roots.AddCert(w.receiver.server.Certificate())
	w.options = webhook.Options{
		AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Retry:         webhook.Schedule{10 * time.Millisecond, 10 * time.Millisecond, 10 * time.Millisecond},
		Timeout:       30 * time.Second,
		Grace:         time.Millisecond,
	}
	w.options.TLS = &tls.Config{RootCAs: roots}
	for _, a := range adjust {
		a(&w.options)
	}
	w.run()
	t.Cleanup(w.end)

	page, err := console.New(w.d, account, &console.Options{Authorize: authorize, Product: "Acme Outreach", BackURL: "/", BackText: "Settings"})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(mount, signedIn(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if hold := w.holds.Load(); hold != nil {
			defer (*hold)(r)()
		}
		page.ServeHTTP(rw, r)
	})))
	mux.HandleFunc("POST /login", login)
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(rw, loginPage()) })
	w.host = httptest.NewServer(mux)
	t.Cleanup(func() {
		w.host.CloseClientConnections()
		w.host.Close()
	})
	return w
}

// hold calls f before every request to the console, and what it returns after.
func (w *world) hold(f func(*http.Request) (done func())) { w.holds.Store(&f) }

// run makes a dispatcher of the options and runs it.
func (w *world) run() {
	w.Helper()
	var err error
	if w.d, err = webhook.New(w.store, &w.options); err != nil {
		w.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	w.stop, w.ran = stop, make(chan error, 1)
	d, ran := w.d, w.ran
	go func() { ran <- d.Run(ctx) }()
}

func (w *world) end() {
	w.stop()
	if err := <-w.ran; err != nil {
		w.Errorf("Run: %v", err)
	}
	w.ran <- nil
}

// The login.

var sessions sync.Map // of cookie to name

func signedIn(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		name, ok := who(r)
		if !ok {
			http.Redirect(rw, r, "/", http.StatusSeeOther)
			return
		}
		next.ServeHTTP(rw, r.WithContext(webhook.WithActor(r.Context(), name)))
	})
}

func who(r *http.Request) (string, bool) {
	c, err := r.Cookie("session")
	if err != nil {
		return "", false
	}
	name, ok := sessions.Load(c.Value)
	if !ok {
		return "", false
	}
	return name.(string), true
}

func account(r *http.Request) (string, error) {
	name, _ := who(r)
	return people[name].account, nil
}

func authorize(r *http.Request, a console.Action) error {
	if name, _ := who(r); people[name].admin || a == console.View || a == console.ViewPayload {
		return nil
	}
	return fmt.Errorf("an administrator may do this")
}

func login(rw http.ResponseWriter, r *http.Request) {
	id := rand.Text()
	sessions.Store(id, r.FormValue("name"))
	http.SetCookie(rw, &http.Cookie{Name: "session", Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
	http.Redirect(rw, r, mount, http.StatusSeeOther)
}

func loginPage() string {
	page := `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Who are you?</title><style>:focus-visible{outline:2px solid}</style><form method="post" action="/login">`
	for name := range people {
		page += fmt.Sprintf(`<button name="name" value="%s" id="%[1]s">%[1]s</button>`, name)
	}
	return page
}

// as gives the tab a session of somebody, without the pages of the login.
func (b *tab) as(name string) {
	b.Helper()
	id := rand.Text()
	sessions.Store(id, name)
	b.do(send(network.SetCookie, network.SetCookieParams{Name: "session", Value: id, URL: b.origin}))
}

// signIn signs somebody in and ends at the list of webhooks.
func (b *tab) signIn(name string) {
	b.Helper()
	b.leaves(func() { b.open("") }) // sends to the login
	b.follow("#" + name)
	b.sees("Webhooks")
}

// A receiver plays the customers' servers. Each path answers as it is told to.
type receiver struct {
	server *httptest.Server
	mu     sync.Mutex
	answer map[string]http.HandlerFunc
	got    map[string][]received
}

type received struct {
	header http.Header
	body   []byte
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{answer: map[string]http.HandlerFunc{}, got: map[string][]received{}}
	r.server = httptest.NewUnstartedServer(r)
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0) // of those that went away
	r.server.StartTLS()
	t.Cleanup(func() {
		r.server.CloseClientConnections()
		r.server.Close()
	})
	return r
}

// ServeHTTP implements [http.Handler].
func (r *receiver) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.got[req.URL.Path] = append(r.got[req.URL.Path], received{req.Header, body})
	answer := r.answer[req.URL.Path]
	r.mu.Unlock()
	if answer == nil {
		answer = says(http.StatusOK, `{"ok":true}`)
	}
	answer(rw, req)
}

// at makes a path answer in that way, and returns its URL.
func (r *receiver) at(path string, answer http.HandlerFunc) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer[path] = answer
	return r.server.URL + path
}

// requests are those to a path.
func (r *receiver) requests(path string) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]received(nil), r.got[path]...)
}

func says(status int, body string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	}
}

func silent(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func moved(to string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Location", to)
		rw.WriteHeader(http.StatusMovedPermanently)
	}
}

// add makes a webhook of Acme.
func (w *world) add(e webhook.Endpoint) webhook.Endpoint {
	w.Helper()
	if e.Account == "" {
		e.Account = "acme"
	}
	if e.Events == nil {
		e.Events = []string{events.LeadScored}
	}
	e, err := w.d.CreateEndpoint(webhook.WithActor(context.Background(), "Ada"), e)
	if err != nil {
		w.Fatal(err)
	}
	return e
}

// happen emits n events of a type; nothing waits for them.
func (w *world) happen(account, event string, n int) {
	w.Helper()
	for range n {
		for _, t := range w.d.EventTypes() {
			if t.Name != event {
				continue
			}
			if _, err := w.d.Emit(context.Background(), webhook.Event{Account: account, Type: event, Data: t.Sample()}); err != nil {
				w.Fatal(err)
			}
		}
	}
}

// settle waits until nothing waits any more.
func (w *world) settle() {
	w.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	if err := w.d.Drain(ctx); err != nil {
		w.Fatal(err)
	}
}

// only is the one webhook of an account.
func (w *world) only(account string) webhook.EndpointRecord {
	w.Helper()
	found, err := w.d.ListEndpoints(context.Background(), webhook.EndpointQuery{Account: account, Limit: 10})
	if err != nil || len(found) != 1 {
		w.Fatalf("%d webhooks of %s (%v), want one", len(found), account, err)
	}
	return found[0]
}

// deliveries are the latest of a webhook, newest first.
func (w *world) deliveries(e webhook.Endpoint) []webhook.DeliveryRecord {
	w.Helper()
	found, err := w.d.ListDeliveries(context.Background(), webhook.DeliveryQuery{Account: e.Account, Endpoint: e.ID, Body: true})
	if err != nil {
		w.Fatal(err)
	}
	return found
}
