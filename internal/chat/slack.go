package chat

import (
	"strconv"
	"strings"
)

// Slack's limits, in characters (docs.slack.dev, Block Kit reference).
const (
	slackBlocks     = 50
	slackHeader     = 150
	slackText       = 3000 // of a section or a context element
	slackFields     = 10   // of a section
	slackField      = 2000
	slackFallback   = 4000 // recommended; more than 40,000 is cut
	slackPerMessage = 12000
)

type slackMessage struct {
	Text   string       `json:"text"` // for notifications and screen readers
	Blocks []slackBlock `json:"blocks"`
	// A stranger's links show no preview of what is behind them.
	UnfurlLinks bool `json:"unfurl_links"`
	UnfurlMedia bool `json:"unfurl_media"`
}

type slackBlock struct {
	Type     string      `json:"type"`
	Text     *slackTexts `json:"text,omitempty"`
	Fields   []slackMark `json:"fields,omitempty"`
	Elements []slackMark `json:"elements,omitempty"`
}

// slackTexts is a header's text, which is plain, or a section's.
type slackTexts struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Emoji    bool   `json:"emoji,omitempty"`
	Verbatim bool   `json:"verbatim,omitempty"`
}

type slackMark struct {
	Type     string `json:"type"`
	Text     string `json:"text"`
	Verbatim bool   `json:"verbatim"` // Slack makes no links and mentions of its own of strangers' words
}

// Slack renders an event for an incoming webhook of Slack.
func Slack(e Event) ([]byte, error) {
	n := compose(e)
	m := slackMessage{Text: slackPlain(n.summary, slackFallback)}
	title, _ := fit(n.emoji+" "+n.title, slackHeader, asIs)
	m.Blocks = append(m.Blocks, slackBlock{Type: "header", Text: &slackTexts{Type: "plain_text", Text: title, Emoji: true}})
	left := slackPerMessage
	for _, p := range n.parts {
		for _, b := range slackPart(p) {
			if left -= b.size(); left > 0 && len(m.Blocks) < slackBlocks-2 {
				m.Blocks = append(m.Blocks, b)
			}
		}
	}
	if len(n.links) > 0 {
		w := writer{left: slackText, escape: slackEscape}
		for i, s := range n.links {
			if i > 0 {
				w.markup("  ·  ")
			}
			w.slack(s)
		}
		m.Blocks = append(m.Blocks, section(w.b.String()))
	}
	w := writer{left: slackText, escape: slackEscape}
	w.slackLine(n.footer)
	m.Blocks = append(m.Blocks, slackBlock{Type: "context", Elements: []slackMark{{"mrkdwn", w.b.String(), true}}})
	return encode(m)
}

func section(text string) slackBlock {
	return slackBlock{Type: "section", Text: &slackTexts{Type: "mrkdwn", Text: text, Verbatim: true}}
}

func (b slackBlock) size() int {
	n := 0
	if b.Text != nil {
		n = size(b.Text.Text)
	}
	for _, f := range b.Fields {
		n += size(f.Text)
	}
	return n
}

func slackPart(p part) []slackBlock {
	w := writer{left: slackText, escape: slackEscape}
	if p.label != "" {
		w.text("*", p.label, "*\n")
	}
	for i, l := range p.text {
		if i > 0 {
			w.markup("\n")
		}
		w.slackLine(l)
	}
	if p.quote != "" {
		for i, l := range strings.Split(p.quote, "\n") {
			if i > 0 {
				w.markup("\n")
			}
			w.markup("> ")
			w.text("", l, "")
		}
	}
	var out []slackBlock
	if w.b.Len() > 0 {
		out = append(out, section(w.b.String()))
	}
	for facts := p.facts; len(facts) > 0; facts = facts[min(slackFields, len(facts)):] {
		b := slackBlock{Type: "section"}
		for _, f := range facts[:min(slackFields, len(facts))] {
			w := writer{left: slackField, escape: slackEscape}
			w.text("*", f.name, "*\n")
			w.slackLine(f.value)
			b.Fields = append(b.Fields, slackMark{"mrkdwn", w.b.String(), true})
		}
		out = append(out, b)
	}
	return out
}

func (w *writer) slackLine(l line) {
	for _, s := range l {
		w.slack(s)
	}
}

func (w *writer) slack(s span) {
	if !s.at.IsZero() {
		if unix := s.at.Unix(); unix > 0 {
			// Each reader sees it in their own zone.
			w.markup("<!date^" + strconv.FormatInt(unix, 10) + "^{date_short_pretty} at {time}|" + s.plain() + ">")
			return
		}
		s.text = s.plain()
	}
	begin, end := "", ""
	if s.bold {
		begin, end = "*", "*"
	}
	if s.link != "" {
		begin, end = begin+"<"+strings.ReplaceAll(s.link, "&", "&amp;")+"|", ">"+end
		s.text = strings.ReplaceAll(s.text, "|", "¦") // one is the separator
	}
	w.text(begin, s.text, end)
}

// slackPlain is a text with all that Slack would take for a control sequence
// escaped.
func slackPlain(s string, n int) string {
	s, _ = fit(s, n, slackEscape)
	return s
}

// slackEscape escapes the three characters that begin or end Slack's control
// sequences: mentions, links, dates.
func slackEscape(_, r rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	}
	return string(r)
}

// EscapeSlack makes a text safe in Slack's markup.
func EscapeSlack(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}
