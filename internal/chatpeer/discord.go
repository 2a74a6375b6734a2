package chatpeer

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"
)

// Discord judges the body of a message to a webhook, by the limits of the
// message resource in Discord's documentation.
func Discord(body []byte) error {
	var m struct {
		Content string `json:"content"`
		Embeds  []struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			URL         string `json:"url"`
			Color       int    `json:"color"`
			Timestamp   string `json:"timestamp"`
			Footer      *struct {
				Text string `json:"text"`
			} `json:"footer"`
			Fields []struct {
				Name   string `json:"name"`
				Value  string `json:"value"`
				Inline bool   `json:"inline"`
			} `json:"fields"`
		} `json:"embeds"`
		AllowedMentions *struct {
			Parse []string `json:"parse"`
		} `json:"allowed_mentions"`
	}
	if err := decode(body, &m); err != nil {
		return err
	}
	if m.Content == "" && len(m.Embeds) == 0 {
		return errors.New("cannot send an empty message")
	}
	if m.AllowedMentions == nil || m.AllowedMentions.Parse == nil || len(m.AllowedMentions.Parse) > 0 {
		return errors.New("allowed_mentions lets somebody be notified")
	}
	if length(m.Content) > 2000 || len(m.Embeds) > 10 {
		return errors.New("content or embeds are too many")
	}
	total := 0
	var errs []error
	check := func(what, s string, limit int, optional bool) {
		total += length(s)
		if s != "" || !optional {
			errs = append(errs, within(what, s, limit))
		}
		if s != strings.TrimSpace(s) { // Discord trims, and what is left may be too short
			errs = append(errs, fmt.Errorf("%s begins or ends with white space: %q", what, s))
		}
	}
	for _, e := range m.Embeds {
		check("title", e.Title, 256, true)
		check("description", e.Description, 4096, true)
		errs = append(errs, markdown(e.Description))
		if e.Footer != nil {
			check("footer", e.Footer.Text, 2048, false)
		}
		if e.Color < 0 || e.Color > 0xFFFFFF {
			errs = append(errs, fmt.Errorf("colour %d", e.Color))
		}
		if _, err := time.Parse(time.RFC3339, e.Timestamp); e.Timestamp != "" && err != nil {
			errs = append(errs, err)
		}
		if len(e.Fields) > 25 {
			errs = append(errs, fmt.Errorf("%d fields", len(e.Fields)))
		}
		for _, f := range e.Fields {
			check("field name", f.Name, 256, false)
			check("field value", f.Value, 1024, false)
			errs = append(errs, markdown(f.Name), markdown(f.Value))
		}
	}
	if total > 6000 {
		errs = append(errs, fmt.Errorf("%d characters in all", total))
	}
	return errors.Join(errs...)
}

var (
	escapedMark = regexp.MustCompile(`\\[^0-9A-Za-z\s]`)
	ourLink     = regexp.MustCompile(`\[[^\[\]]*\]\((https?://[^()\s]+)\)`)
	list        = regexp.MustCompile(`^ *(#{1,3} |[-+] |-# |[0-9]+\. )`)
	ourTime     = regexp.MustCompile(`<t:[0-9]+:f>`)
)

// markdown judges what is left of a text when escapes and the sender's own
// markup are taken away: nothing that Discord would give a meaning.
func markdown(s string) error {
	rest := escapedMark.ReplaceAllString(s, "×") // shown as it is
	rest = ourTime.ReplaceAllString(ourLink.ReplaceAllString(rest, ""), "")
	rest = strings.ReplaceAll(rest, "**", "")
	for l := range strings.SplitSeq(rest, "\n") {
		l = strings.TrimPrefix(strings.TrimPrefix(l, ">"), " ")
		if i := strings.IndexAny(l, "\\*_~`|<>[]@"); i >= 0 {
			return fmt.Errorf("%q has a meaning in %q", l[i], l)
		}
		if list.MatchString(l) {
			return fmt.Errorf("%q begins a list or a heading", l)
		}
		if strings.Contains(l, "://") {
			return fmt.Errorf("an address becomes a link in %q", l)
		}
	}
	return nil
}

// A DiscordServer answers as the webhooks of discord.com do.
type DiscordServer struct {
	Hooks map[string]bool // paths that it knows

	mu    sync.Mutex
	got   [][]byte
	wrong []error
}

// ServeHTTP answers a message: 204 without a body, or JSON with a code.
func (s *DiscordServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fail := func(status, code int, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]any{"code": code, "message": message})
	}
	switch {
	case r.Method != http.MethodPost:
		fail(405, 0, "405: Method Not Allowed")
		return
	case !s.Hooks[r.URL.Path]:
		fail(404, 10015, "Unknown Webhook")
		return
	}
	body, err := jsonBody(r)
	if err == nil {
		err = Discord(body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.wrong = append(s.wrong, fmt.Errorf("%w in %s", err, body))
		fail(400, 50035, "Invalid Form Body")
		return
	}
	s.got = append(s.got, body)
	w.WriteHeader(204)
}

// Posted returns the messages that were accepted.
func (s *DiscordServer) Posted() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.got...)
}

// Wrong says what was wrong with the messages that were not.
func (s *DiscordServer) Wrong() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.wrong...)
}
