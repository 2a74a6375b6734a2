package webhooktest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/autoreach/webhook"
)

// Receiver is the other side: it verifies every request, records it, and
// answers what the test scripted, 204 if nothing. A request that does not
// verify is answered 401, as by package verify, and takes nothing from the
// script; so is every request when there is neither a secret nor a public key.
//
// It is an http.Handler. [Start] and [Register] make one that is an endpoint
// of a dispatcher; [NewReceiver] makes one to be mounted anywhere. It is safe
// for concurrent use, but the methods that can end a test belong in the test's
// goroutine.
type Receiver struct {
	t        testing.TB
	endpoint webhook.Endpoint
	network  *Network
	over     context.Context // ends with the test

	mu       sync.Mutex
	secrets  []webhook.Secret
	public   []string // keys
	verifier *verifier
	script   []Answer
	each     func(Request) Answer
	got      []*Request
	attempts map[string]int
	arrived  chan struct{} // closed, and made anew, at every request
}

var _ http.Handler = (*Receiver)(nil)

// NewReceiver returns a receiver that knows the secret. When the test ends it
// lets go of the requests that it hangs on to.
func NewReceiver(t testing.TB, secret webhook.Secret) *Receiver {
	t.Helper()
	over, end := context.WithCancel(context.Background())
	t.Cleanup(end)
	r := &Receiver{
		t: t, over: over,
		each:     func(Request) Answer { return Answer{} },
		attempts: map[string]int{},
		arrived:  make(chan struct{}),
		verifier: &verifier{},
	}
	if secret != "" {
		r.Accept(secret)
	}
	return r
}

// Accept makes the receiver accept a further secret, for instance the new one
// of [webhook.Dispatcher.RotateSecret]. At most 9 in all.
func (r *Receiver) Accept(secret webhook.Secret) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	secrets := append(r.secrets[:len(r.secrets):len(r.secrets)], secret)
	v, err := newVerifier(secrets, r.public)
	if err != nil {
		r.t.Fatalf("webhooktest: the receiver cannot use this secret: %v", err)
	}
	r.secrets, r.verifier = secrets, v
}

// AcceptPublic makes the receiver ask for an ed25519 signature too (v1a), by this
// public key or another one that it was given: [webhook.Endpoint.PublicKey], whpk_
// and base64. It is asked for beside what a secret signs, or alone where there is
// none. At most 9 in all.
func (r *Receiver) AcceptPublic(key string) {
	r.t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	public := append(r.public[:len(r.public):len(r.public)], key)
	v, err := newVerifier(r.secrets, public)
	if err != nil {
		r.t.Fatalf("webhooktest: the receiver cannot use this public key: %v", err)
	}
	r.public, r.verifier = public, v
}

// Endpoint returns the endpoint whose requests come here, as it was
// registered: for its ID, account and URL. It is zero after [NewReceiver].
func (r *Receiver) Endpoint() webhook.Endpoint { return r.endpoint }

// Secret returns the secret that the endpoint was registered with, for
// instance to set up receiving code of your own behind [Handler].
func (r *Receiver) Secret() webhook.Secret {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.secrets) == 0 {
		return ""
	}
	return r.secrets[0]
}

// Network returns the network that the endpoint is on, to mount other hosts.
// It is nil after [NewReceiver].
func (r *Receiver) Network() *Network { return r.network }

// Then appends answers to the script: one for each request to come, in the
// order of arrival. When it is used up, what Always or Each said holds.
func (r *Receiver) Then(answers ...Answer) *Receiver {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.script = append(r.script, answers...)
	return r
}

// Always sets the answer to every request that the script has nothing for.
func (r *Receiver) Always(a Answer) *Receiver { return r.Each(func(Request) Answer { return a }) }

// Each lets a function choose the answer to every request that the script has
// nothing for, for instance by its Attempt or Event. It is called
// concurrently.
func (r *Receiver) Each(choose func(Request) Answer) *Receiver {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.each = choose
	return r
}

// ServeHTTP receives a request.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, maxBody))
	if err != nil { // cut off on its way here
		panic(http.ErrAbortHandler)
	}
	got, answer := r.take(req, body)
	defer func() { r.done(got, 0) }()

	ctx, cancel := context.WithCancel(req.Context())
	defer cancel()
	defer context.AfterFunc(r.over, cancel)()
	req = req.WithContext(ctx)
	req.Body = io.NopCloser(bytes.NewReader(body))
	rw := &responseWriter{ResponseWriter: w, began: func(code int) { r.done(got, code) }}
	answer.answer(rw, req)
	rw.begin(http.StatusOK) // a handler that wrote nothing has said 200
}

// take records a request and chooses its answer.
func (r *Receiver) take(req *http.Request, body []byte) (*Request, Answer) {
	got := &Request{At: time.Now(), Path: req.URL.RequestURI(), Header: req.Header.Clone(), Body: body}
	got.read()
	r.mu.Lock()
	defer r.mu.Unlock()
	got.Err = r.verifier.check(req.Method, req.Header, body)
	got.Verified = got.Err == nil
	r.got = append(r.got, got)
	r.attempts[got.ID]++
	got.N, got.Attempt = len(r.got), r.attempts[got.ID]
	close(r.arrived)
	r.arrived = make(chan struct{})
	if !got.Verified {
		got.Answer = "refused"
		return got, Status(http.StatusUnauthorized)
	}
	answer := r.choose(got)
	got.Answer = answer.String()
	return got, answer
}

// choose is called with the lock held, and lets go of it for the host's
// function.
func (r *Receiver) choose(got *Request) Answer {
	if len(r.script) > 0 {
		a := r.script[0]
		r.script = r.script[1:]
		return a
	}
	each, copied := r.each, got.clone()
	r.mu.Unlock()
	defer r.mu.Lock()
	return each(copied)
}

// done notes the answer, once, before the sender can see it.
func (r *Receiver) done(got *Request, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if got.Done.IsZero() {
		got.Status, got.Done = status, time.Now()
	}
}

// responseWriter tells when the answer begins.
type responseWriter struct {
	http.ResponseWriter
	began func(status int)
	begun bool
}

func (w *responseWriter) begin(code int) {
	if !w.begun && (code >= 200 || code == http.StatusSwitchingProtocols) {
		w.begun = true
		w.began(code)
	}
}

func (w *responseWriter) WriteHeader(code int) {
	w.begin(code)
	w.ResponseWriter.WriteHeader(code)
}

func (w *responseWriter) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// Flush is for handlers that stream.
func (w *responseWriter) Flush() {
	w.begin(http.StatusOK)
	_ = http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap is for http.ResponseController.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
