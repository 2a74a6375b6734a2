package chat

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/autoreach/webhook/events"
)

// compose says what is worth telling of an event. Data that does not have the
// form of package events, as that of a host's own types, is told field by field.
func compose(e Event) note {
	n, ok := known(e)
	if !ok {
		n = generic(e)
	}
	if n.title == "" {
		n.title = e.title()
	}
	n.footer = line{{at: e.OccurredAt}, say(" · " + e.name())}
	if e.Test {
		n.title = "Test: " + n.title
		n.summary = "Test: " + n.summary
		n.footer = append(line{bold("This is a test with sample data"), say(" · ")}, n.footer...)
	}
	n.title, n.summary = inline(n.title, shortText), inline(n.summary, someText)
	return n
}

func (e Event) title() string {
	if t := inline(e.Title, shortText-len("Test: ")); t != "" {
		return t
	}
	return e.name()
}

func (e Event) name() string {
	if s := inline(e.Type, shortText-len("Test: ")); s != "" {
		return s
	}
	return "event"
}

// known composes the events of package events.
func known(e Event) (note, bool) {
	switch e.Type {
	case events.LeadCreated:
		return of(e, created)
	case events.LeadScored:
		return of(e, func(e Event, d events.LeadScoredData) note { return scored(e, events.LeadCreatedData(d)) })
	case events.EnrichmentCompleted:
		return of(e, func(e Event, d events.EnrichmentCompletedData) note { return enriched(e, events.LeadCreatedData(d)) })
	case events.ReplyReceived:
		return of(e, replied)
	case events.MessageSent:
		return of(e, func(e Event, d events.MessageSentData) note {
			return sent(e, "📤", "Message", events.ReplyReceivedData(d))
		})
	case events.AIResponseSent:
		return of(e, func(e Event, d events.AIResponseSentData) note {
			return sent(e, "🤖", "AI response", events.ReplyReceivedData(d))
		})
	case events.MeetingBooked:
		return of(e, booked)
	}
	return note{}, false
}

func of[T any](e Event, compose func(Event, T) note) (note, bool) {
	var probe struct {
		Lead events.Lead `json:"lead"`
	}
	var d T
	if json.Unmarshal(e.Data, &probe) != nil || probe.Lead.ID == "" || json.Unmarshal(e.Data, &d) != nil {
		return note{}, false
	}
	return compose(e, d), true
}

// Colours, for services that show one beside a message.
const (
	blue   = 0x2F6FDE
	green  = 0x2E9E5B
	violet = 0x7A52CC
	grey   = 0x6B7280
)

func created(e Event, d events.LeadCreatedData) note {
	n := note{emoji: "🌱", colour: blue}
	n.summary = e.title() + ": " + who(d.Lead)
	n.add(person(d.Lead, ""))
	var p part
	p.company(d.Enrichment.Company)
	p.fact("Location", "%s", d.Lead.Location)
	p.fact("Email", "%s", d.Lead.Email)
	p.fact("Found by", "%s", foundBy(d.Source))
	p.scores(d.Score)
	n.add(p)
	n.post(d.Source.Post)
	n.profiles(d.Lead)
	n.link("Website", d.Enrichment.Company.URL)
	return n
}

func scored(e Event, d events.LeadCreatedData) note {
	n := note{emoji: "🎯", colour: violet}
	n.summary = e.title() + ": " + who(d.Lead)
	if s := d.Score.Overall; s != nil {
		n.title = fmt.Sprintf("%s: %d of 100", e.title(), *s)
		n.summary = fmt.Sprintf("%s: %d of 100 for %s", e.title(), *s, who(d.Lead))
	}
	n.add(person(d.Lead, ""))
	var p part
	p.scores(d.Score)
	p.company(d.Enrichment.Company)
	p.fact("Location", "%s", d.Lead.Location)
	p.fact("Email", "%s", d.Lead.Email)
	n.add(p)
	n.prose("Suggested outreach", d.Score.OutreachStrategy)
	n.post(d.Source.Post)
	n.profiles(d.Lead)
	n.link("Website", d.Enrichment.Company.URL)
	return n
}

func enriched(e Event, d events.LeadCreatedData) note {
	n := note{emoji: "🔎", colour: blue}
	n.summary = e.title() + ": " + who(d.Lead)
	n.add(person(d.Lead, ""))
	n.prose("", d.Enrichment.Summary)
	var p part
	p.company(d.Enrichment.Company)
	if c := d.Enrichment.Company; c.Headquarters != nil {
		p.fact("Headquarters", "%s", c.Headquarters)
	}
	if len(d.Enrichment.Experience) > 0 {
		x := d.Enrichment.Experience[0]
		p.joined("Position", x.Title, x.Company, x.StartDate)
	}
	if len(d.Enrichment.Education) > 0 {
		x := d.Enrichment.Education[0]
		p.joined("Education", x.Degree, x.Field, x.School)
	}
	p.list("Skills", d.Enrichment.Skills)
	var languages []string
	for _, l := range d.Enrichment.Languages {
		languages = append(languages, l.Name)
	}
	p.list("Languages", languages)
	p.fact("Email", "%s", d.Lead.Email)
	p.scores(d.Score)
	n.add(p)
	if len(d.WebIntelligence.Findings) > 0 {
		n.finding(d.WebIntelligence.Findings[0])
	}
	n.profiles(d.Lead)
	n.link("Website", d.Enrichment.Company.URL)
	return n
}

func replied(e Event, d events.ReplyReceivedData) note {
	n := note{emoji: "💬", colour: green}
	text := clean(d.Message.Text)
	n.summary = e.title() + ": " + name(d.Lead) + ": " + orPicture(text)
	n.add(person(d.Lead, " on "+channel(d.Message.Channel)))
	n.add(part{quote: clip(orPicture(text), quoteText)})
	n.before(d, events.Outbound, "In reply to")
	n.link("Open the conversation", d.Conversation.URL)
	n.profiles(d.Lead)
	return n
}

func sent(e Event, emoji, what string, d events.ReplyReceivedData) note {
	n := note{emoji: emoji, colour: grey}
	text := clean(d.Message.Text)
	n.summary = fmt.Sprintf("%s: to %s: %s", e.title(), name(d.Lead), orPicture(text))
	n.add(part{text: []line{{say(what + " to "), lead(d.Lead), say(" on " + channel(d.Message.Channel))}}})
	n.add(part{quote: clip(orPicture(text), quoteText)})
	n.before(d, events.Inbound, "In reply to")
	n.link("Open the conversation", d.Conversation.URL)
	n.profiles(d.Lead)
	return n
}

func booked(e Event, d events.MeetingBookedData) note {
	m := d.Meeting
	n := note{emoji: "📅", colour: green}
	n.summary = e.title() + ": " + who(d.Lead)
	n.add(person(d.Lead, ""))
	var p part
	if !m.Start.IsZero() {
		zone := zoneOf(m.TimeZone)
		when := inZone(m.Start.Time, m.End.Time, zone)
		n.summary = fmt.Sprintf("%s: %s, %s", e.title(), name(d.Lead), when)
		value := line{{at: m.Start.Time}}
		if d := m.End.Sub(m.Start.Time); d > 0 && d < 24*time.Hour {
			value = append(value, say(" for "+minutes(d)))
		}
		p.facts = append(p.facts, fact{"When", value})
		if zone != time.UTC {
			p.facts = append(p.facts, fact{"Their time", line{say(when)}})
		}
	}
	p.fact("Meeting", "%s", m.Title)
	p.joined("Attendee", m.Attendee.Name, m.Attendee.Email)
	n.add(p)
	n.link("Join", m.JoinURL)
	n.link("Calendar page", m.BookingURL)
	n.profiles(d.Lead)
	return n
}
