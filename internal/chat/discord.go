package chat

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// Discord's limits, in characters (discord.com/developers, message resource).
const (
	discordTitle       = 256
	discordDescription = 4096
	discordFields      = 25
	discordName        = 256
	discordValue       = 1024
	discordFooter      = 2048
	discordTotal       = 6000 // of all of these together
)

type discordMessage struct {
	Embeds          []discordEmbed  `json:"embeds"`
	AllowedMentions allowedMentions `json:"allowed_mentions"`
}

// allowedMentions without anything in it: nobody is notified by @everyone,
// roles or names, wherever they stand.
type allowedMentions struct {
	Parse []string `json:"parse"`
}

type discordEmbed struct {
	Title       string              `json:"title"`
	Description string              `json:"description,omitempty"`
	Color       int                 `json:"color"`
	Fields      []discordField      `json:"fields,omitempty"`
	Footer      *discordFooterField `json:"footer,omitempty"`
	Timestamp   string              `json:"timestamp,omitempty"`
}

type discordField struct {
	Name   string `json:"name"`
	Value  string `json:"value"`
	Inline bool   `json:"inline"`
}

type discordFooterField struct {
	Text string `json:"text"`
}

// Discord renders an event for a webhook of Discord.
func Discord(e Event) ([]byte, error) {
	n := compose(e)
	embed := discordEmbed{Color: n.colour}
	left := discordTotal
	take := func(w *writer) string {
		s := w.b.String()
		left -= size(s)
		return s
	}
	write := func(limit int) *writer { return &writer{left: min(limit, left), escape: discordEscape} }

	embed.Title = clip(n.emoji+" "+n.title, discordTitle) // the host's words
	left -= size(embed.Title)

	footer := e.name()
	if e.Test {
		footer = "This is a test with sample data · " + footer
	}
	footer = clip(footer, discordFooter) // no markup there
	embed.Footer = &discordFooterField{footer}
	left -= size(footer)
	embed.Timestamp = e.OccurredAt.UTC().Format(time.RFC3339)

	links := write(discordValue)
	for i, s := range n.links {
		if i > 0 {
			links.markup(" · ")
		}
		links.discord(s)
	}
	left -= size("Links") + size(take(links))

	w := write(discordDescription)
	for _, p := range n.parts {
		if w.b.Len() > 0 && (len(p.text) > 0 || p.quote != "") {
			w.markup("\n\n")
		}
		w.discordPart(p)
	}
	embed.Description = strings.TrimSpace(take(w))
	for _, p := range n.parts {
		for _, f := range p.facts {
			name, value := write(discordName), write(discordValue)
			name.text("", f.name, "")
			for _, s := range f.value {
				value.discord(s)
			}
			if n := size(name.b.String() + value.b.String()); n > left || len(embed.Fields) == discordFields-1 {
				continue
			}
			embed.Fields = append(embed.Fields, discordField{take(name), take(value), true})
		}
	}
	if links.b.Len() > 0 {
		embed.Fields = append(embed.Fields, discordField{Name: "Links", Value: links.b.String()})
	}
	return encode(discordMessage{Embeds: []discordEmbed{embed}, AllowedMentions: allowedMentions{Parse: []string{}}})
}

func (w *writer) discordPart(p part) {
	if len(p.text) == 0 && p.quote == "" {
		return
	}
	if p.label != "" {
		w.text("**", p.label, "**\n")
	}
	for i, l := range p.text {
		if i > 0 {
			w.markup("\n")
		}
		for _, s := range l {
			w.discord(s)
		}
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
}

func (w *writer) discord(s span) {
	if !s.at.IsZero() {
		if unix := s.at.Unix(); unix > 0 {
			w.markup("<t:" + strconv.FormatInt(unix, 10) + ":f>") // in each reader's own zone
			return
		}
		s.text = s.plain()
	}
	begin, end := "", ""
	if s.bold {
		begin, end = "**", "**"
	}
	if s.link != "" {
		begin, end = begin+"[", "]("+s.link+")"+end
	}
	w.text(begin, s.text, end)
}

// discordEscape puts a backslash before whatever Discord's Markdown gives a
// meaning where it stands, and into addresses, which would become links.
func discordEscape(before, r rune) string {
	special := false
	switch r {
	case '\\', '*', '_', '~', '`', '|', '>', '<', '[', ']', '@':
		special = true
	case '#', '-', '+': // a heading, a list, at the beginning of a line
		special = before == 0 || before == '\n' || before == ' '
	case '.': // a numbered list
		special = '0' <= before && before <= '9'
	case '/':
		special = before == ':'
	}
	if special {
		return `\` + string(r)
	}
	return string(r)
}

// EscapeDiscord makes a text safe in Discord's markup.
func EscapeDiscord(s string) string {
	s, _ = fit(s, math.MaxInt, discordEscape)
	return s
}
