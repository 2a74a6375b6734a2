package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/autoreach/webhook/verify"
)

// receiver is the customer's side: an HTTPS server with one path for each
// webhook. A real receiver imports package verify and nothing else of the
// library; receive has the lines that matter.
type receiver struct {
	*printer
	url    string
	server *http.Server
	client *http.Client // trusts the server
	mux    *http.ServeMux

	mu       sync.Mutex
	requests map[string]int              // to each path, genuine or not
	messages map[string][]verify.Message // genuine ones, for each webhook by name
}

// receive returns a handler for the deliveries of one webhook. Its function
// runs only for requests that are genuine by both signatures that a delivery
// carries. One is enough for a real receiver: verify.ReplayProtected.
func (r *receiver) receive(name, secret string) (http.Handler, error) {
	standard, err := verify.New(secret, &verify.Options{Scheme: verify.ReplayProtected})
	if err != nil {
		return nil, err
	}
	body, err := verify.New(secret, &verify.Options{Scheme: verify.BodyOnly})
	if err != nil {
		return nil, err
	}
	return body.Middleware(standard.Handler(func(ctx context.Context, m verify.Message) error {
		r.mu.Lock()
		r.messages[name] = append(r.messages[name], m)
		n := len(r.messages[name])
		r.mu.Unlock()
		switch {
		case name == flaky && n <= 2:
			r.say("  %-21s verified at %s; it answers 500", m.Event, name)
			return errors.New("the database is down") // answered 500: it is sent again
		case name == silent:
			r.say("  %-21s verified at %s; it does not answer", m.Event, name)
			<-ctx.Done() // the sender hung up
			return ctx.Err()
		}
		r.say("  %-21s verified at %s", m.Event, name)
		return nil // answered 204
	})), nil
}

// path is where a webhook is received.
func path(name string) string { return "/" + strings.ToLower(strings.ReplaceAll(name, " ", "-")) }

// mount begins to receive a webhook and returns its URL.
func (r *receiver) mount(name, secret string) (string, error) {
	h, err := r.receive(name, secret)
	if err != nil {
		return "", err
	}
	r.mux.Handle(path(name), h)
	return r.url + path(name), nil
}

func newReceiver() *receiver {
	r := &receiver{mux: http.NewServeMux(), requests: map[string]int{}, messages: map[string][]verify.Message{}}
	r.server = &http.Server{ReadTimeout: 5 * time.Second, Handler: http.HandlerFunc(r.count)}
	return r
}

// count serves a request and counts it, whether it is genuine or not.
func (r *receiver) count(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests[req.URL.Path]++
	r.mu.Unlock()
	r.mux.ServeHTTP(w, req)
}

// start serves HTTPS on this machine.
func (r *receiver) start(p *printer) error {
	r.printer = p
	l, roots, err := listenTLS()
	if err != nil {
		return err
	}
	go r.server.Serve(l)
	r.url = "https://" + l.Addr().String()
	r.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	return nil
}

// forge sends what somebody without the secret could send to a webhook, and
// returns the status of the answer.
func (r *receiver) forge(name string) (int, error) {
	body := `{"event":"lead.created","timestamp":"2026-11-23T10:15:30.000Z","data":{}}`
	req, err := http.NewRequest("POST", r.url+path(name), strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("X-Webhook-Signature", "sha256="+strings.Repeat("ab", 32))
	res, err := r.client.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// seen counts the requests to a webhook, genuine or not.
func (r *receiver) seen(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests[path(name)]
}

// got says whether exactly one genuine message came to a webhook, with this
// event and this data.
func (r *receiver) got(name, event string, test bool, data any) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	ms := r.messages[name]
	if len(ms) != 1 || ms[0].Event != event || ms[0].Test != test {
		return false
	}
	want, err := json.Marshal(data)
	var got bytes.Buffer
	json.HTMLEscape(&got, ms[0].Data) // as Marshal does
	return err == nil && bytes.Equal(got.Bytes(), want)
}
