package standin

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
)

// An API is what the stand-ins have in common: a server on this machine, a lock
// for what it keeps, and a limit of requests that can be used up.
type API struct {
	URL string // what takes the place of the real address

	mu       sync.Mutex
	server   *httptest.Server
	requests int // all, refused ones too
	busy     int // requests still to be refused by the limit
}

// start serves h, with the lock held, at a.URL. tooMany answers a request that
// is over the limit.
func (a *API) start(h http.Handler, tooMany http.HandlerFunc) {
	a.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.requests++
		if a.busy > 0 {
			a.busy--
			tooMany(w, r)
			return
		}
		h.ServeHTTP(w, r)
	}))
	a.URL = a.server.URL
}

// Close ends the server.
func (a *API) Close() { a.server.Close() }

// Exhaust uses up the limit of requests for the next n.
func (a *API) Exhaust(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.busy = n
}

// Requests counts the requests until now.
func (a *API) Requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests
}

// object is a JSON object, or what an API keeps of one.
type object = map[string]any

// reply answers with JSON.
func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// read decodes the JSON body of a request, and says whether it is an object.
func read(r *http.Request, into any) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") && json.NewDecoder(r.Body).Decode(into) == nil
}

// text is the field of an object, empty if it is no text.
func text(o object, field string) string {
	s, _ := o[field].(string)
	return s
}

// merge puts the fields of one object over those of another.
func merge(old, changes object) object {
	out := object{}
	for k, v := range old {
		out[k] = v
	}
	for k, v := range changes {
		out[k] = v
	}
	return out
}

// list returns copies of kept objects.
func list[K comparable](kept map[K]object) []object {
	out := []object{}
	for _, o := range kept {
		out = append(out, merge(o, nil))
	}
	return out
}

// address says, roughly, whether a text is an e-mail address.
func address(s string) bool {
	name, host, ok := strings.Cut(s, "@")
	return ok && name != "" && strings.Contains(host, ".") && !strings.ContainsAny(s, " ,;<>")
}
