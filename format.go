package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/autoreach/webhook/internal/chat"
	"github.com/autoreach/webhook/internal/guard"
)

// The formats that every dispatcher knows; see docs/formats.md.
const (
	FormatJSON    = "json"    // the payload itself
	FormatSlack   = "slack"   // a message for an incoming webhook of Slack
	FormatDiscord = "discord" // a message for a webhook of Discord
	FormatTeams   = "teams"   // an Adaptive Card for a webhook of Microsoft Teams' Workflows
)

// A Format says what an endpoint gets instead of the payload, for a receiver
// that takes its own kind of message. [TemplateFormat] makes one of a template.
type Format struct {
	// Name is what [Endpoint.Format] holds: 1 to 40 lower-case letters,
	// digits, - and _. It is stored with endpoints, so it never changes.
	Name string

	// Title is the name that customers see, such as "Slack".
	Title string

	// PerSecond is the rate for endpoints that give none of their own; 0
	// means no limit.
	PerSecond float64

	// Match says for which URLs the format is chosen by itself, when
	// [Endpoint.Format] is empty. Nil means none. It must be a pure and quick
	// function of the URL: deliveries wait for it, and it must not call the
	// dispatcher.
	Match func(*url.URL) bool

	// Render makes the request's body. It is called at every attempt, and the
	// bytes that it returns are what is signed and sent. It must be a pure
	// function of the event and safe for concurrent use: what fails once would
	// fail again, so an error, a panic, a body of more than
	// [Options.MaxPayload] bytes, or one that is not JSON although the content
	// type says so, ends the delivery at once, dead with [ReasonFormat]. The
	// error is shown to the endpoint's owner.
	Render func(FormatEvent) (contentType string, body []byte, err error)
}

// FormatEvent is what a [Format] renders: an event as it is stored.
type FormatEvent struct {
	ID         string // webhook-id
	Account    string
	Type       EventType
	Title      string // of the type; empty if it is not registered any more
	OccurredAt time.Time
	Data       json.RawMessage // the payload's data; not to be changed
	Body       []byte          // the payload: event, timestamp, data; not to be changed
	Test       bool            // a test send, with the type's sample
}

const typeJSON = "application/json"

// formats are those that a dispatcher knows.
type formats []Format

func builtInFormats() formats {
	with := func(render func(chat.Event) ([]byte, error)) func(FormatEvent) (string, []byte, error) {
		return func(e FormatEvent) (string, []byte, error) {
			body, err := render(chat.Event{Type: e.Type, Title: e.Title, OccurredAt: e.OccurredAt, Data: e.Data, Test: e.Test})
			return typeJSON, body, err
		}
	}
	return formats{
		{Name: FormatJSON, Title: "JSON"},
		{Name: FormatSlack, Title: "Slack", PerSecond: 1, Match: guard.IsSlack, Render: with(chat.Slack)},
		{Name: FormatDiscord, Title: "Discord", PerSecond: 0.5, Match: guard.IsDiscord, Render: with(chat.Discord)},
		{Name: FormatTeams, Title: "Microsoft Teams", PerSecond: 1, Render: with(chat.Teams)},
	}
}

// newFormats adds the host's own to those built in. One with the name of one of
// these takes its place, but for json.
func newFormats(own []Format) (formats, error) {
	all := builtInFormats()
	var p problems
	for i, f := range own {
		name := "Options.Formats." + itoa(i)
		if err := checkFormatName(f.Name); err != nil {
			p.add(name, "malformed", "40", "%v", err)
			continue
		}
		if slices.ContainsFunc(own[:i], func(x Format) bool { return x.Name == f.Name }) {
			p.add(name, "duplicate", "", "%q is registered twice", f.Name)
		}
		if f.Name == FormatJSON {
			p.add(name, "reserved", "", "json is the payload itself, which every receiver may rely on; choose another name")
		}
		if f.Title == "" {
			p.add(name, "required", "", "%q has no Title", f.Name)
		}
		if f.Render == nil {
			p.add(name, "required", "", "%q has no Render", f.Name)
		}
		if r := f.PerSecond; r != 0 && !(r >= minPerSecond && r <= maxPerSecond) {
			p.add(name, "range", "0.001 to 10000", "%q has PerSecond %v; use 0.001 to 10000, or 0 for no limit", f.Name, r)
		}
		if at := slices.IndexFunc(all, func(x Format) bool { return x.Name == f.Name }); at >= 0 {
			all[at] = f
		} else {
			all = append(all, f)
		}
	}
	return all, p.err()
}

func checkFormatName(name string) error {
	if name == "" || len(name) > 40 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		return fmt.Errorf("the name %.60q is not one of 1 to 40 lower-case letters, digits, - and _", name)
	}
	return nil
}

// Formats returns the formats that an endpoint can have, json first, those of
// [Options.Formats] last.
func (d *Dispatcher) Formats() []Format { return slices.Clone(d.formats) }

// names lists them, for error messages.
func (fs formats) names() string {
	names := make([]string, len(fs))
	for i, f := range fs {
		names[i] = f.Name
	}
	return strings.Join(names, ", ")
}

// lookup returns the format of that name.
func (fs formats) lookup(name string) (*Format, bool) {
	for i := range fs {
		if fs[i].Name == name {
			return &fs[i], true
		}
	}
	return nil, false
}

// of returns the format of an endpoint: the one that it names, or that its URL
// chooses, or json. Of the URL's the last one counts, which is the host's.
func (fs formats) of(e *Endpoint, u *url.URL) (*Format, error) {
	if e.Format != "" {
		if f, ok := fs.lookup(e.Format); ok {
			return f, nil
		}
		return nil, fmt.Errorf("the format %q is not known to the sender just now", e.Format)
	}
	for i := len(fs) - 1; i > 0; i-- {
		if matches(&fs[i], u) {
			return &fs[i], nil
		}
	}
	return &fs[0], nil
}

// matches asks a format whether a URL is for it; a panic is a no.
func matches(f *Format, u *url.URL) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	if f.Match == nil || u == nil {
		return false
	}
	copied := *u
	return f.Match(&copied)
}

// SentAs returns the name of the format that an endpoint would get, saved or
// not: the one that its Format names, or that its URL chooses, or json.
func (d *Dispatcher) SentAs(e Endpoint) string { return d.sentAs(&e) }

func (d *Dispatcher) sentAs(e *Endpoint) string {
	u, _ := url.Parse(e.URL) // nil for one that does not parse, as when it cannot be decrypted
	f, err := d.formats.of(e, u)
	if err != nil {
		return e.Format
	}
	return f.Name
}

func (d *Dispatcher) checkFormat(p *problems, e *Endpoint) {
	if _, known := d.formats.lookup(e.Format); e.Format != "" && !known {
		p.add("format", "unknown_format", "", "%.60q is not a format; known are %s; leave it empty to have it chosen by the URL", e.Format, d.formats.names())
	}
}

// rendered is what an endpoint is sent.
type rendered struct {
	contentType string
	body        []byte
}

// A formatError is a format that failed: Error is for the endpoint's owner, what
// it wraps for the log.
type formatError struct {
	text  string
	cause error
}

func (e *formatError) Error() string { return e.text }
func (e *formatError) Unwrap() error { return e.cause }

// render makes it of a stored payload. An error is a [*formatError].
func (d *Dispatcher) render(f *Format, id, account string, t EventType, payload []byte, test bool) (out rendered, err error) {
	if f.Render == nil {
		return rendered{typeJSON, payload}, nil
	}
	failed := "the event could not be put into the format " + f.Title + ": "
	defer func() {
		if r := recover(); r != nil {
			out, err = rendered{}, &formatError{failed + "the format is broken", panicError("a format", r)}
		}
	}()
	e := FormatEvent{ID: id, Account: account, Type: t, Body: payload, Test: test}
	var parts struct {
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if err = json.Unmarshal(payload, &parts); err == nil {
		e.OccurredAt, e.Data = parts.Timestamp, parts.Data
		if kind, known := d.catalogue.lookup(t); known {
			e.Title = kind.Title
		}
		out.contentType, out.body, err = f.Render(e)
	}
	if err == nil {
		err = d.judgeRendered(out)
	}
	if err != nil {
		return rendered{}, &formatError{failed + shortened(err), err}
	}
	return out, nil
}

func (d *Dispatcher) judgeRendered(out rendered) error {
	kind, _, err := mime.ParseMediaType(out.contentType)
	switch {
	case err != nil || strings.ContainsFunc(out.contentType, func(r rune) bool { return r < ' ' || r > '~' }):
		return fmt.Errorf("%.60q is not a content type", out.contentType)
	case len(out.body) > d.options.MaxPayload:
		return fmt.Errorf("it made %d bytes; the limit is %d", len(out.body), d.options.MaxPayload)
	case (kind == "application/json" || strings.HasSuffix(kind, "+json")) && !json.Valid(out.body):
		return errors.New("it made text that is not JSON")
	}
	return nil
}

// shortened is an error in a line that can be stored and shown.
func shortened(err error) string {
	const most = 300
	s := strings.Map(func(r rune) rune {
		if !printable(string(r)) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(err.Error(), "?"))
	if len(s) <= most {
		return s
	}
	for s = s[:most]; !utf8.ValidString(s); {
		s = s[:len(s)-1]
	}
	return s + "…"
}
