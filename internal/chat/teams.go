package chat

import "strings"

// teamsBytes bounds a message for Teams, which takes 28 KB with what it adds.
const teamsBytes = 24 << 10

type teamsMessage struct {
	Type        string            `json:"type"`
	Summary     string            `json:"summary"`
	Attachments []teamsAttachment `json:"attachments"`
}

type teamsAttachment struct {
	ContentType string    `json:"contentType"`
	ContentURL  *string   `json:"contentUrl"`
	Content     teamsCard `json:"content"`
}

type teamsCard struct {
	Schema       string         `json:"$schema"`
	Type         string         `json:"type"`
	Version      string         `json:"version"`
	FallbackText string         `json:"fallbackText"`
	Body         []teamsBlock   `json:"body"`
	MSTeams      map[string]any `json:"msteams"`
}

// A teamsBlock is a RichTextBlock: its runs are shown as they are, while the
// text of a TextBlock and of a Fact is Markdown.
type teamsBlock struct {
	Type      string     `json:"type"`
	Inlines   []teamsRun `json:"inlines"`
	Spacing   string     `json:"spacing,omitempty"`
	Separator bool       `json:"separator,omitempty"`
}

type teamsRun struct {
	Type         string       `json:"type"`
	Text         string       `json:"text"`
	Size         string       `json:"size,omitempty"`
	Weight       string       `json:"weight,omitempty"`
	Subtle       bool         `json:"isSubtle,omitempty"`
	Italic       bool         `json:"italic,omitempty"`
	SelectAction *teamsAction `json:"selectAction,omitempty"`
}

type teamsAction struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

// Teams renders an event for a webhook of Microsoft Teams' Workflows: a message
// with one Adaptive Card.
func Teams(e Event) ([]byte, error) {
	n := compose(e)
	for {
		b, err := encode(teams(n))
		if err != nil || len(b) <= teamsBytes || len(n.parts) == 0 {
			return b, err
		}
		n.parts = n.parts[:len(n.parts)-1]
	}
}

func teams(n note) teamsMessage {
	card := teamsCard{
		Schema: "http://adaptivecards.io/schemas/adaptive-card.json", Type: "AdaptiveCard", Version: "1.4",
		FallbackText: plainWords(n.summary), MSTeams: map[string]any{"width": "Full"},
	}
	add := func(spacing string, runs ...teamsRun) {
		if len(runs) > 0 {
			card.Body = append(card.Body, teamsBlock{Type: "RichTextBlock", Inlines: runs, Spacing: spacing})
		}
	}
	title := run(n.emoji + " " + n.title)
	title.Size, title.Weight = "Large", "Bolder"
	add("", title)
	for _, p := range n.parts {
		spacing := "Medium"
		if p.label != "" {
			label := run(p.label)
			label.Weight = "Bolder"
			add(spacing, label)
			spacing = "Small"
		}
		for _, l := range p.text {
			add(spacing, runs(l)...)
			spacing = "None"
		}
		if p.quote != "" {
			for l := range strings.SplitSeq(p.quote, "\n") {
				if l == "" {
					l = " "
				}
				words := run(l)
				words.Italic = true
				add(spacing, words)
				spacing = "None"
			}
		}
		for _, f := range p.facts {
			name := run(f.name + ": ")
			name.Weight = "Bolder"
			add(spacing, append([]teamsRun{name}, runs(f.value)...)...)
			spacing = "None"
		}
	}
	var links []teamsRun
	for i, s := range n.links {
		if i > 0 {
			links = append(links, run("  ·  "))
		}
		links = append(links, runs(line{s})...)
	}
	add("Medium", links...)
	footer := runs(n.footer)
	for i := range footer {
		footer[i].Size, footer[i].Subtle = "Small", true
	}
	add("Medium", footer...)
	return teamsMessage{Type: "message", Summary: plainWords(n.summary), Attachments: []teamsAttachment{{
		ContentType: "application/vnd.microsoft.card.adaptive", Content: card,
	}}}
}

func run(text string) teamsRun { return teamsRun{Type: "TextRun", Text: text} }

func runs(l line) []teamsRun {
	var out []teamsRun
	for _, s := range l {
		text := s.plain()
		if text == "" {
			continue
		}
		r := run(text)
		if s.bold {
			r.Weight = "Bolder"
		}
		if s.link != "" {
			r.SelectAction = &teamsAction{Type: "Action.OpenUrl", URL: s.link}
		}
		out = append(out, r)
	}
	return out
}

// plainWords replaces in a line what Markdown or HTML would read, where a client
// may show it as either.
func plainWords(s string) string { return lookAlikes.Replace(s) }

var lookAlikes = strings.NewReplacer("<", "‹", ">", "›", "[", "(", "]", ")", "{", "(", "}", ")",
	"*", "∗", "_", "-", "`", "'", "|", "¦", "~", "–", "#", "＃", `\`, "/")
