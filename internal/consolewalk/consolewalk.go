// Package consolewalk serves the customers' page on a real store, and goes
// through all of it: what a page asks for has to be a query that the store
// answers, and what it changes has to be there afterwards.
package consolewalk

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/console"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

type walk struct {
	*testing.T
	d      *webhook.Dispatcher
	page   http.Handler
	status atomic.Int64 // what the customer's server answers
	id     string       // of the webhook
}

const account = "acme"

// Test goes through the page on a store that is empty.
func Test(t *testing.T, store webhook.Store) {
	w := &walk{T: t}
	w.status.Store(500)
	network := webhooktest.NewNetwork()
	t.Cleanup(func() { _ = network.Close() })
	network.Handle("crm.example.com", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.WriteHeader(int(w.status.Load()))
		_, _ = io.WriteString(rw, "what it said")
	}))
	var err error
	if w.d, err = webhook.New(store, &webhook.Options{Transport: network.Transport(), Retry: webhook.Schedule{time.Millisecond}}); err != nil {
		t.Fatal(err)
	}
	if w.page, err = console.New(w.d, func(*http.Request) (string, error) { return account, nil }, nil); err != nil {
		t.Fatal(err)
	}
	w.sees("", "No webhooks yet")
	w.add()
	w.fail()
	w.mend()
	w.change()
	w.remove()
}

func (w *walk) add() {
	w.does("new", 201, form("a secret of the customer"))
	w.sees("", "CRM Sync", "1 of 10 used", "Nothing was sent yet")
	w.id = w.webhook("")["id"].(string)
	w.does("new/test", 200, form(""))
	w.does(w.id+"/test", 200, form(""))
	w.does(w.id+"/preview", 200, form(""))
}

// fail lets three events die, and looks at every page then.
func (w *walk) fail() {
	w.happen(3)
	w.sees("", "3 deliveries were never delivered", "Error")
	w.sees(w.id, "answered 500 twice", "Lead Scored")
	for _, state := range []string{"delivered", "waiting", "failed", "undelivered"} {
		w.sees(w.id+"?state="+state, "Deliveries")
	}
	n := w.newest()
	w.sees(w.id+"/"+n, "What your endpoint said", "what it said", "lead_1")
	w.sees(w.id+"/"+n+"/payload", `"event":"lead.scored"`)
	w.sees(fmt.Sprintf("%s?before=%s", w.id, n), "Deliveries")
	for path, want := range map[string]string{"new": "Add Webhook", w.id + "/edit": "CRM Sync", w.id + "/enable": "Enable CRM Sync?",
		w.id + "/delete": "Delete CRM Sync?", w.id + "/rotate": "Rotate the secret", w.id + "/signing-key": "Make a key",
		w.id + "/recover": "3 deliveries were never delivered", w.id + "/dismiss": "Dismiss 3 deliveries?", w.id + "/verify": "verify.New", "openapi.json": "3.1.0"} {
		w.sees(path, want)
	}
}

// mend sends them again: one by itself, one by recovery, and one is dismissed.
func (w *walk) mend() {
	w.status.Store(200)
	n := w.newest()
	w.does(w.id+"/"+n+"/resend", 303, nil)
	w.happen(0)
	w.sees(w.id+"/"+n, "sent again")
	w.sees("", "2 deliveries were never delivered", "Healthy")
	w.does(w.id+"/"+w.oldest()+"/dismiss", 303, nil)
	w.does(w.id+"/recover", 200, url.Values{"since": {"custom"}, "since_time": {"2020-01-01T00:00"}})
	w.happen(0)
	if left := w.webhook(w.id)["undelivered"]; left != 0.0 {
		w.Errorf("%v remained undelivered", left)
	}
	w.does(w.id+"/dismiss", 303, nil)
}

// change changes all that can be changed.
func (w *walk) change() {
	v := form("")
	v.Set("name", "Renamed")
	v.Set("format", "json")
	v.Set("enabled", "on")
	w.does(w.id+"/edit", 303, v)
	w.sees("", "Renamed")
	w.does(w.id+"/rotate", 200, url.Values{"overlap_hours": {"24"}})
	w.sees(w.id, "Two secrets sign until")
	w.does(w.id+"/end-rotation", 303, nil)
	w.does(w.id+"/signing-key", 303, nil)
	w.sees(w.id, "whpk_")
	w.does(w.id+"/remove-signing-key", 303, nil)
	w.happen(1)
	w.does(w.id+"/disable", 303, nil)
	w.sees(w.id, "Disabled")
	w.does(w.id+"/enable", 303, url.Values{"waiting": {"discard"}})
	w.sees("", "Healthy")
}

func (w *walk) remove() {
	w.does(w.id+"/delete", 303, nil)
	w.sees("", "No webhooks yet")
	if code, _ := w.send("GET", w.id, nil, "text/html"); code != 404 {
		w.Errorf("a webhook that was deleted is answered %d", code)
	}
}

// form is that of the webhook.
func form(secret string) url.Values {
	return url.Values{"name": {"CRM Sync"}, "url": {"https://crm.example.com/hooks"}, "events": {events.LeadScored},
		"test_event": {events.LeadScored}, "secret": {secret}, "headers": {"X-Token: t"}, "timeout_seconds": {"5"}}
}

// happen emits n events and delivers all that waits.
func (w *walk) happen(n int) {
	w.Helper()
	for range n {
		if _, err := w.d.Emit(w.Context(), webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{Lead: events.Lead{ID: "lead_1"}}}); err != nil {
			w.Fatal(err)
		}
	}
	ctx, stop := context.WithCancel(w.Context())
	ran := make(chan error, 1)
	go func() { ran <- w.d.Run(ctx) }()
	err := w.d.Drain(ctx)
	stop()
	if again := <-ran; err != nil || again != nil {
		w.Fatal(err, again)
	}
}

func (w *walk) send(method, path string, body url.Values, accept string) (int, string) {
	r := httptest.NewRequest(method, "https://app.example.com/settings/webhooks/"+path, strings.NewReader(body.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", accept)
	rec := httptest.NewRecorder()
	w.page.ServeHTTP(rec, r)
	return rec.Code, rec.Body.String()
}

// sees is a page that shows these texts, and its JSON is one.
func (w *walk) sees(path string, texts ...string) {
	w.Helper()
	code, page := w.send("GET", path, nil, "text/html")
	for _, text := range texts {
		if code != 200 || !strings.Contains(page, text) {
			w.Errorf("/%s is answered %d and does not say %q:\n%.2000s", path, code, text, page)
		}
	}
	if code, body := w.send("GET", path, nil, "application/json"); code != 200 || !json.Valid([]byte(body)) {
		w.Errorf("/%s as JSON is answered %d: %s", path, code, body)
	}
}

// does sends a form.
func (w *walk) does(path string, want int, v url.Values) {
	w.Helper()
	if code, page := w.send("POST", path, v, "text/html"); code != want {
		w.Fatalf("POST /%s is answered %d, want %d:\n%.2000s", path, code, want, page)
	}
}

// json is what a path says.
func (w *walk) json(path string) map[string]any {
	w.Helper()
	_, body := w.send("GET", path, nil, "application/json")
	var out map[string]any
	if err := json.Unmarshal([]byte(body), &out); err != nil {
		w.Fatal(err)
	}
	return out
}

// webhook is the one that there is, in the list or by itself.
func (w *walk) webhook(path string) map[string]any {
	w.Helper()
	out := w.json(path)
	if all, ok := out["webhooks"].([]any); ok {
		return all[0].(map[string]any)
	}
	return out["webhook"].(map[string]any)
}

func (w *walk) newest() string { return w.delivery(func([]any) int { return 0 }) }
func (w *walk) oldest() string { return w.delivery(func(all []any) int { return len(all) - 1 }) }

// delivery is the ID of one of those that remained undelivered.
func (w *walk) delivery(which func([]any) int) string {
	w.Helper()
	all, _ := w.json(w.id + "?state=undelivered")["deliveries"].([]any)
	if len(all) == 0 {
		w.Fatal("nothing is undelivered")
	}
	return fmt.Sprintf("%.0f", all[which(all)].(map[string]any)["id"])
}
