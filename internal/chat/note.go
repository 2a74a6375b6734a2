package chat

import (
	"fmt"
	"strings"
	"time"
)

// A note is a message before it has any service's form.
type note struct {
	emoji   string
	title   string // what happened
	summary string // all of it in one line, for notifications and screen readers
	parts   []part // in the order of reading
	links   []span // where to go from here
	footer  line
	colour  int // 0xRRGGBB
}

// A part is one paragraph: exactly one of its kinds is set.
type part struct {
	text  []line // sentences of ours with strangers' words in them
	quote string // a stranger's words, apart
	label string // above a quote, or above text
	facts []fact // names with values
}

type fact struct {
	name  string
	value line
}

// A line is a sequence of spans.
type line []span

// A span is a stranger's text, or ours; with bold or a link, which are ours.
type span struct {
	text string
	bold bool
	link string    // as safeURL returns it
	at   time.Time // an instant instead of a text: in the reader's own zone, where the service can do that
}

func say(text string) span  { return span{text: text} }
func bold(text string) span { return span{text: text, bold: true} }

// linked is a text that leads somewhere, if the address is one.
func linked(text string, url *string) span {
	s := span{text: text}
	if url != nil {
		s.link = safeURL(*url)
	}
	return s
}

// plain is the line as text alone.
func (l line) plain() string {
	var b strings.Builder
	for _, s := range l {
		b.WriteString(s.plain())
	}
	return b.String()
}

func (s span) plain() string {
	if !s.at.IsZero() {
		return s.at.UTC().Format("2 Jan 2006, 15:04 UTC")
	}
	return s.text
}

// The bounds of what strangers wrote, in characters: what a reader takes in at
// a glance. The limits of the services are further out, and kept separately.
const (
	shortText = 150 // names, places
	someText  = 300 // headlines, one value
	longText  = 700 // summaries
	quoteText = 1500
)

// fact adds a fact, unless nothing is known.
func (p *part) fact(name, format string, values ...*string) {
	var known []any
	for _, v := range values {
		s := ""
		if v != nil {
			s = inline(*v, someText)
		}
		if s == "" {
			return
		}
		known = append(known, s)
	}
	p.facts = append(p.facts, fact{name, line{say(fmt.Sprintf(format, known...))}})
}

// joined adds a fact of those values that are known.
func (p *part) joined(name string, values ...*string) {
	var known []string
	for _, v := range values {
		if v != nil {
			if s := inline(*v, shortText); s != "" {
				known = append(known, s)
			}
		}
	}
	if len(known) > 0 {
		p.facts = append(p.facts, fact{name, line{say(clip(strings.Join(known, " · "), someText))}})
	}
}

// add adds a part that says something.
func (n *note) add(p part) {
	if len(p.text) > 0 || p.quote != "" || len(p.facts) > 0 {
		n.parts = append(n.parts, p)
	}
}

// link adds a link, if the address is one and is not there yet.
func (n *note) link(text string, url *string) {
	s := linked(text, url)
	if s.link == "" {
		return
	}
	for _, known := range n.links {
		if known.link == s.link {
			return
		}
	}
	n.links = append(n.links, s)
}
