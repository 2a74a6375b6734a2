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

// ErrNoText is Slack's answer to a message that says nothing.
var ErrNoText = errors.New("no_text")

type slackText struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    *bool  `json:"emoji"`
	Verbatim *bool  `json:"verbatim"`
}

// Slack judges the body of a message to an incoming webhook. It knows the
// blocks that a message without interaction is made of.
func Slack(body []byte) error {
	var m struct {
		Text        string            `json:"text"`
		Blocks      []json.RawMessage `json:"blocks"`
		UnfurlLinks *bool             `json:"unfurl_links"`
		UnfurlMedia *bool             `json:"unfurl_media"`
		ThreadTS    string            `json:"thread_ts"`
	}
	if err := decode(body, &m); err != nil {
		return fmt.Errorf("invalid_payload: %w", err)
	}
	switch {
	case m.Text == "" && len(m.Blocks) == 0:
		return ErrNoText
	case m.Text == "":
		return errors.New("no text: notifications and screen readers have nothing to say")
	case length(m.Text) > 40_000:
		return errors.New("msg_too_long")
	case len(m.Blocks) > 50:
		return fmt.Errorf("invalid_blocks: %d blocks", len(m.Blocks))
	}
	if err := mrkdwn(m.Text); err != nil {
		return fmt.Errorf("text: %w", err)
	}
	for i, raw := range m.Blocks {
		if err := slackBlock(raw); err != nil {
			return fmt.Errorf("invalid_blocks: block %d: %w", i, err)
		}
	}
	return nil
}

func slackBlock(raw json.RawMessage) error {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &kind); err != nil {
		return err
	}
	switch kind.Type {
	case "header":
		var b struct {
			Type    string    `json:"type"`
			BlockID string    `json:"block_id"`
			Text    slackText `json:"text"`
		}
		if err := decode(raw, &b); err != nil {
			return err
		}
		if b.Text.Type != "plain_text" {
			return errors.New("a header takes plain_text only")
		}
		return errors.Join(b.Text.check(150))
	case "section":
		var b struct {
			Type    string      `json:"type"`
			BlockID string      `json:"block_id"`
			Text    *slackText  `json:"text"`
			Fields  []slackText `json:"fields"`
		}
		if err := decode(raw, &b); err != nil {
			return err
		}
		if b.Text == nil && len(b.Fields) == 0 || b.Fields != nil && (len(b.Fields) == 0 || len(b.Fields) > 10) {
			return fmt.Errorf("a section takes a text or 1 to 10 fields, not %d", len(b.Fields))
		}
		if b.Text != nil {
			if err := b.Text.check(3000); err != nil {
				return err
			}
		}
		for _, f := range b.Fields {
			if err := f.check(2000); err != nil {
				return err
			}
		}
		return nil
	case "context":
		var b struct {
			Type     string      `json:"type"`
			BlockID  string      `json:"block_id"`
			Elements []slackText `json:"elements"`
		}
		if err := decode(raw, &b); err != nil {
			return err
		}
		if len(b.Elements) == 0 || len(b.Elements) > 10 {
			return fmt.Errorf("a context takes 1 to 10 elements, not %d", len(b.Elements))
		}
		for _, e := range b.Elements {
			if err := e.check(3000); err != nil {
				return err
			}
		}
		return nil
	case "divider":
		return nil
	}
	return fmt.Errorf("unknown block type %q", kind.Type)
}

func (t slackText) check(limit int) error {
	if err := within("a text", t.Text, limit); err != nil {
		return err
	}
	switch t.Type {
	case "plain_text":
		if t.Verbatim != nil {
			return errors.New("verbatim is for mrkdwn only")
		}
		return nil
	case "mrkdwn":
		if t.Emoji != nil {
			return errors.New("emoji is for plain_text only")
		}
		if t.Verbatim == nil || !*t.Verbatim {
			return errors.New("not verbatim: strangers' words could become links and mentions")
		}
		return mrkdwn(t.Text)
	}
	return fmt.Errorf("unknown text type %q", t.Type)
}

var (
	sequence = regexp.MustCompile(`<([^<>]*)>`)
	date     = regexp.MustCompile(`^!date\^[0-9]+\^[^|^]+(\^https?://[^|^]+)?\|[^|]+$`)
	entity   = regexp.MustCompile(`&(amp|lt|gt);`)
)

// mrkdwn judges control sequences: links and dates are let through, mentions of
// whatever kind are not, and no character of theirs stands alone.
func mrkdwn(s string) error {
	for _, m := range sequence.FindAllStringSubmatch(s, -1) {
		in := m[1]
		switch {
		case strings.HasPrefix(in, "!date"):
			if !date.MatchString(in) {
				return fmt.Errorf("malformed date <%s>", in)
			}
		case strings.HasPrefix(in, "!"), strings.HasPrefix(in, "@"), strings.HasPrefix(in, "#"):
			return fmt.Errorf("mentions <%s>", in)
		default:
			address, text, _ := strings.Cut(in, "|")
			if !isAddress(address) || strings.Contains(text, "|") || strings.TrimSpace(text) == "" {
				return fmt.Errorf("malformed link <%s>", in)
			}
		}
	}
	rest := sequence.ReplaceAllStringFunc(s, func(m string) string {
		return strings.ReplaceAll(m[1:len(m)-1], "|", " ")
	})
	// A quotation's > at the beginning of a line is ours.
	for l := range strings.SplitSeq(rest, "\n") {
		l = entity.ReplaceAllString(strings.TrimPrefix(l, "> "), "")
		if i := strings.IndexAny(l, "<>&"); i >= 0 && l != ">" {
			return fmt.Errorf("%q is not escaped in %q", l[i], l)
		}
	}
	return nil
}

// A SlackServer answers as hooks.slack.com does. Its paths are those of
// webhooks that it knows.
type SlackServer struct {
	Hooks map[string]string // path: "" when all is well, or an error of Slack's such as "channel_is_archived"
	Limit time.Duration     // between two messages to a path; 0 does not limit

	mu    sync.Mutex
	got   [][]byte
	last  map[string]time.Time
	wrong []error
}

// slackErrors are the errors that depend on the webhook, with their status
// (docs.slack.dev, "Sending messages using incoming webhooks").
var slackErrors = map[string]int{
	"user_not_found": 400, "no_text": 400, "invalid_payload": 400, "too_many_attachments": 400,
	"invalid_token": 403, "action_prohibited": 403, "team_disabled": 403, "posting_to_general_channel_denied": 403,
	"no_service": 404, "no_service_id": 404, "no_team": 404, "channel_not_found": 404, "no_active_hooks": 404,
	"channel_is_archived": 410, "rollup_error": 500,
}

// ServeHTTP answers a message.
func (s *SlackServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	status, text, wrong := s.answer(r, w.Header())
	s.mu.Lock()
	if wrong != nil {
		s.wrong = append(s.wrong, wrong)
	}
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

func (s *SlackServer) answer(r *http.Request, h http.Header) (status int, text string, wrong error) {
	trouble, known := s.Hooks[r.URL.Path]
	switch {
	case r.Method != http.MethodPost:
		return 405, "method_not_allowed", nil
	case !known:
		return 404, "no_service", nil
	case trouble != "":
		return slackErrors[trouble], trouble, nil
	}
	if wait := s.wait(r.URL.Path); wait > 0 {
		h.Set("Retry-After", fmt.Sprint(int(wait.Seconds())+1))
		return 429, "rate_limited", nil
	}
	body, err := jsonBody(r)
	if err != nil {
		return 400, "invalid_payload", err
	}
	if err := Slack(body); errors.Is(err, ErrNoText) {
		return 400, "no_text", err
	} else if err != nil {
		return 400, "invalid_payload", fmt.Errorf("%w in %s", err, body)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, body)
	return 200, "ok", nil
}

// wait is how much too early a message comes.
func (s *SlackServer) wait(path string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	if wait := s.Limit - time.Since(s.last[path]); wait > 0 {
		return wait
	}
	s.last[path] = time.Now()
	return 0
}

// Posted returns the messages that were accepted.
func (s *SlackServer) Posted() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([][]byte(nil), s.got...)
}

// Wrong says what was wrong with the messages that were not.
func (s *SlackServer) Wrong() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return errors.Join(s.wrong...)
}
