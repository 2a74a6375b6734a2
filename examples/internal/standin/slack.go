package standin

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// A Slack takes the posts to incoming webhooks of Slack.
type Slack struct {
	API
	posted   map[string][]map[string]any // by path
	archived map[string]bool
}

// NewSlack starts it. Close it.
func NewSlack() *Slack {
	s := &Slack{posted: map[string][]map[string]any{}, archived: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /services/{team}/{hook}/{token}", s.post)
	s.start(mux, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		s.answer(w, http.StatusTooManyRequests, "rate_limited")
	})
	return s
}

// Hook adds an incoming webhook of a channel and returns its URL, which is the
// only credential that there is.
func (s *Slack) Hook(channel string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	path := "/services/T0LOCAL/B0LOCAL/" + channel
	s.posted[path] = []map[string]any{}
	return s.URL + path
}

// Archive archives the channel of an incoming webhook.
func (s *Slack) Archive(hook string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.archived[strings.TrimPrefix(hook, s.URL)] = true
}

// Posted returns what was posted to an incoming webhook.
func (s *Slack) Posted(hook string) []map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]map[string]any{}, s.posted[strings.TrimPrefix(hook, s.URL)]...)
}

func (*Slack) answer(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func (s *Slack) post(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	var m map[string]any
	switch _, known := s.posted[path]; {
	case !known:
		s.answer(w, http.StatusNotFound, "no_service")
	case s.archived[path]:
		s.answer(w, http.StatusGone, "channel_is_archived")
	case !read(r, &m):
		s.answer(w, http.StatusBadRequest, "invalid_payload")
	case text(m, "text") == "" && m["blocks"] == nil:
		s.answer(w, http.StatusBadRequest, "no_text")
	case m["channel"] != nil || m["username"] != nil: // an app's webhook has its own
		s.answer(w, http.StatusForbidden, "action_prohibited")
	case !blocks(m["blocks"]):
		s.answer(w, http.StatusBadRequest, "invalid_blocks")
	default:
		s.posted[path] = append(s.posted[path], m)
		s.answer(w, http.StatusOK, "ok")
	}
}

// blocks says whether Slack takes these blocks, of the kinds in use here.
func blocks(v any) bool {
	if v == nil {
		return true
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return false
	}
	type textObject struct{ Type, Text string }
	var all []struct {
		Type     string
		Text     *textObject
		Elements []struct {
			Type string
			URL  string
			Text json.RawMessage // an object in a button, a text elsewhere
		}
	}
	if json.Unmarshal(raw, &all) != nil || len(all) == 0 || len(all) > 50 {
		return false
	}
	within := func(t *textObject, limit int, types ...string) bool {
		if t == nil {
			return false
		}
		n := utf8.RuneCountInString(t.Text)
		return n >= 1 && n <= limit && strings.Contains(strings.Join(types, " "), t.Type) && t.Type != ""
	}
	for _, b := range all {
		ok := false
		switch b.Type {
		case "header":
			ok = within(b.Text, 150, "plain_text")
		case "section":
			ok = within(b.Text, 3000, "mrkdwn", "plain_text")
		case "divider":
			ok = true
		case "context":
			ok = len(b.Elements) >= 1 && len(b.Elements) <= 10
			for _, e := range b.Elements {
				var t string
				ok = ok && json.Unmarshal(e.Text, &t) == nil && within(&textObject{e.Type, t}, 2000, "mrkdwn", "plain_text")
			}
		case "actions":
			ok = len(b.Elements) >= 1 && len(b.Elements) <= 25
			for _, e := range b.Elements {
				var t textObject
				ok = ok && e.Type == "button" && len(e.URL) <= 3000 && json.Unmarshal(e.Text, &t) == nil && within(&t, 75, "plain_text")
			}
		}
		if !ok {
			return false
		}
	}
	return true
}
