package standin

import (
	"maps"
	"net/http"
	"slices"
)

// An Inbox takes leads for one person, as a tool of theirs would: with a token,
// and with the header Idempotency-Key, by which it recognises a repetition.
type Inbox struct {
	API
	Token string

	leads    map[string]map[string]any // by key
	order    []string
	repeated int
}

// NewInbox starts it. Close it.
func NewInbox() *Inbox {
	i := &Inbox{Token: "local-inbox", leads: map[string]map[string]any{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /leads", i.take)
	i.start(mux, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		reply(w, http.StatusTooManyRequests, object{"error": "too many requests"})
	})
	return i
}

func (i *Inbox) take(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("Idempotency-Key")
	var lead object
	switch {
	case r.Header.Get("Authorization") != "Bearer "+i.Token:
		reply(w, http.StatusUnauthorized, object{"error": "the token is wrong"})
	case key == "":
		reply(w, http.StatusBadRequest, object{"error": "the header Idempotency-Key is required"})
	case !read(r, &lead) || text(lead, "lead_id") == "" || text(lead, "reason") == "":
		reply(w, http.StatusUnprocessableEntity, object{"error": "lead_id and reason are required"})
	case i.leads[key] != nil:
		i.repeated++
		reply(w, http.StatusOK, object{"status": "known"})
	default:
		i.leads[key] = lead
		i.order = append(i.order, key)
		reply(w, http.StatusCreated, object{"status": "taken"})
	}
}

// Leads returns what came, without repetitions, in the order of arrival.
func (i *Inbox) Leads() (out []map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, key := range slices.Clone(i.order) {
		out = append(out, maps.Clone(i.leads[key]))
	}
	return out
}

// Repeated counts the requests that it had taken before.
func (i *Inbox) Repeated() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.repeated
}
