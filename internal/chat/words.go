package chat

import (
	"fmt"
	"strings"
	"time"

	"github.com/autoreach/webhook/events"
)

// person is who it is about, as the first thing after the title.
func person(l events.Lead, after string) part {
	p := part{text: []line{{lead(l), say(after)}}}
	if l.Headline != nil {
		if s := inline(*l.Headline, someText); s != "" {
			p.text = append(p.text, line{say(s)})
		}
	}
	return p
}

// lead is the lead's name, in bold, with the profile behind it.
func lead(l events.Lead) span {
	s := bold(name(l))
	for _, u := range []*string{l.XURL, l.LinkedInURL} {
		if u != nil && s.link == "" {
			s.link = safeURL(*u)
		}
	}
	return s
}

func name(l events.Lead) string {
	for _, v := range []*string{l.Name, l.Username, l.Email} {
		if v != nil {
			if s := inline(*v, shortText); s != "" {
				return s
			}
		}
	}
	return "a lead without a name"
}

// who is the name with what the person does.
func who(l events.Lead) string {
	if l.Headline != nil {
		if s := inline(*l.Headline, shortText); s != "" {
			return name(l) + ", " + s
		}
	}
	return name(l)
}

func (n *note) profiles(l events.Lead) {
	n.link("X profile", l.XURL)
	n.link("LinkedIn profile", l.LinkedInURL)
}

func (n *note) prose(label string, text *string) {
	if text != nil {
		if s := inline(*text, longText); s != "" {
			n.add(part{label: label, text: []line{{say(s)}}})
		}
	}
}

func (n *note) finding(f events.Finding) {
	title := inline(f.Title, someText)
	if title == "" {
		return
	}
	text := line{linked(title, f.URL)}
	if f.Summary != nil {
		if s := inline(*f.Summary, longText); s != "" {
			text = append(text, say(": "+s))
		}
	}
	n.add(part{label: "Found on the web", text: []line{text}})
}

// post is the post that surfaced the lead.
func (n *note) post(p events.Post) {
	if p.Text != nil {
		n.add(part{label: "Their post", quote: clip(clean(*p.Text), longText)})
	}
	n.link("Their post", p.URL)
}

// before is the message of the other side that came before the event's.
func (n *note) before(d events.ReplyReceivedData, from events.Direction, label string) {
	recent := d.Conversation.RecentMessages
	for i := len(recent) - 1; i >= 0; i-- {
		if m := recent[i]; m.Direction == from && m.ID != d.Message.ID {
			if s := inline(m.Text, someText); s != "" {
				n.add(part{label: label, text: []line{{say(s)}}})
			}
			return
		}
	}
}

func (p *part) company(c events.Company) { p.joined("Company", c.Name, c.Industry, c.Size) }

func (p *part) scores(s events.Score) {
	var values []string
	for _, x := range []struct {
		name  string
		value *int
	}{{"fit", s.Fit}, {"intent", s.Intent}, {"timing", s.Timing}} {
		if x.value != nil {
			values = append(values, fmt.Sprintf("%s %d", x.name, *x.value))
		}
	}
	if s.Overall != nil {
		text := fmt.Sprintf("%d of 100", *s.Overall)
		if len(values) > 0 {
			text += " (" + strings.Join(values, ", ") + ")"
		}
		p.facts = append(p.facts, fact{"Score", line{say(text)}})
	}
	if s.BuyerState != nil {
		state := words(string(*s.BuyerState))
		p.fact("Buyer state", "%s", &state)
	}
	if s.RecommendedChannel != nil {
		c := channel(*s.RecommendedChannel)
		p.fact("Reach them on", "%s", &c)
	}
}

// list adds the first few of a list.
func (p *part) list(name string, values []string) {
	const few = 6
	var shown []string
	for _, v := range values[:min(few, len(values))] {
		if v = inline(v, shortText); v != "" {
			shown = append(shown, v)
		}
	}
	if len(values) > few {
		shown = append(shown, fmt.Sprintf("%d more", len(values)-few))
	}
	text := strings.Join(shown, ", ")
	p.fact(name, "%s", &text)
}

func foundBy(s events.Source) *string {
	if s.Description != nil {
		return s.Description
	}
	if s.Discovery != nil {
		w := words(string(*s.Discovery))
		return &w
	}
	return nil
}

func channel(c events.Channel) string {
	switch c {
	case events.ChannelX:
		return "X"
	case events.ChannelLinkedIn:
		return "LinkedIn"
	case events.ChannelEmail:
		return "e-mail"
	case "":
		return "an unknown channel"
	}
	return inline(string(c), shortText)
}

// words makes words of a name such as ready_to_buy.
func words(s string) string {
	switch s = strings.Join(strings.Fields(strings.ReplaceAll(s, "_", " ")), " "); s {
	case "id", "url":
		return strings.ToUpper(s)
	}
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		s = string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

func orPicture(text string) string {
	if text == "" {
		return "(a message without text)"
	}
	return text
}

func zoneOf(name *string) *time.Location {
	if name != nil && *name != "" && *name != "Local" { // the sender's own zone is nobody's business
		if zone, err := time.LoadLocation(*name); err == nil {
			return zone
		}
	}
	return time.UTC
}

// inZone is a time in words, with its zone.
func inZone(start, end time.Time, zone *time.Location) string {
	s := start.In(zone).Format("Mon 2 Jan 2006, 15:04")
	if d := end.Sub(start); d > 0 && d < 24*time.Hour {
		s += "–" + end.In(zone).Format("15:04")
	}
	return s + " (" + zone.String() + ")"
}

func minutes(d time.Duration) string {
	m := int(d.Minutes())
	if m%60 == 0 {
		return fmt.Sprintf("%d h", m/60)
	}
	return fmt.Sprintf("%d min", m)
}
