package console

import (
	"errors"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/autoreach/webhook"
)

// A form is the page on which a webhook is added or edited: what was typed,
// what is wrong with it, and the result of a test.
type form struct {
	Webhook *webhookView // nil for a new one
	Limits  webhook.Limits
	Version int64

	Name, URL, Secret               string
	Events                          []string
	Format                          string
	Headers                         string // a line for each
	Timeout, MaxInFlight, PerSecond string
	FIFO                            bool
	Enabled                         string // on, off or discard
	Remove                          bool   // the secret
	Test                            string // the event of a test

	SentAs string // the format that holds for what is typed; empty where there is no URL yet

	Errors  map[string]string // by field
	Problem string
	Result  *testView
	Preview *previewView
}

// kept stands for the value of a header that is not shown.
const kept = "••••••••"

type choicesView struct {
	Webhook *webhookView `json:"webhook"` // null for a new one
	Events  []eventView  `json:"events"`
	PerHook int          `json:"events_per_webhook"`
	Formats []formatView `json:"formats"`
}

func (v *visit) newForm() (*answer, error) {
	f := &form{Limits: v.d.Limits(v.account), Enabled: "on"}
	return v.formAnswer(f, 0), nil
}

func (v *visit) editForm() (*answer, error) {
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	return v.formAnswer(v.formOf(r), 0), nil
}

// formOf is the form of a stored webhook.
func (v *visit) formOf(r webhook.EndpointRecord) *form {
	f := &form{Webhook: v.webhookView(r), Limits: v.d.Limits(v.account), Version: r.Version,
		Name: r.Name, Events: r.Events, Format: r.Format, FIFO: r.FIFO, Enabled: "on"}
	f.URL = f.Webhook.URL // as much of it as the role shows
	if !r.Enabled {
		f.Enabled = "off"
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
		lines = append(lines, name+": "+kept)
	}
	f.Headers = strings.Join(lines, "\n")
	f.Timeout, f.PerSecond = decimal(r.Timeout.Seconds()), decimal(r.PerSecond)
	f.MaxInFlight = decimal(float64(r.MaxInFlight))
	return f
}

// decimal is a number of a form; 0 is the default, an empty field.
func decimal(n float64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatFloat(n, 'f', -1, 64)
}

func (v *visit) formAnswer(f *form, status int) *answer {
	title := "Add Webhook"
	if f.Webhook != nil {
		title = "Edit " + f.Webhook.Name
	}
	if f.Test == "" && len(f.Events) > 0 {
		f.Test = f.Events[0]
	}
	if f.Errors == nil {
		f.Errors = map[string]string{}
	}
	if f.Format != "" || f.URL != "" {
		f.SentAs = v.d.SentAs(webhook.Endpoint{URL: strings.TrimSpace(f.URL), Format: f.Format})
	}
	return &answer{status: status, page: "form", title: title, data: f,
		json: choicesView{f.Webhook, v.eventTypes(), f.Limits.EventsPerEndpoint, v.formats()}}
}

// fill takes what was typed, and returns what it says.
func (v *visit) fill(f *form) (input, error) {
	if err := v.parseForm(); err != nil {
		return input{}, err
	}
	p := v.r.PostForm
	f.Errors = map[string]string{}
	f.Name, f.URL, f.Secret, f.Headers = p.Get("name"), p.Get("url"), p.Get("secret"), p.Get("headers")
	f.Events, f.Format, f.Test, f.Enabled = p["events"], p.Get("format"), p.Get("test_event"), p.Get("enabled")
	f.Timeout, f.MaxInFlight, f.PerSecond = p.Get("timeout_seconds"), p.Get("max_in_flight"), p.Get("per_second")
	f.FIFO, f.Remove = p.Has("in_order"), p.Has("remove_secret")
	if !slices.Contains([]string{"", "on", "off", "discard"}, f.Enabled) { // it must not pass for off
		return input{}, badForm()
	}
	var err error
	if f.Version, err = v.seen(); err != nil {
		return input{}, err
	}
	in := input{Version: f.Version, Name: webhook.Set(strings.TrimSpace(f.Name)), URL: webhook.Set(strings.TrimSpace(f.URL)),
		Events: webhook.Set(f.Events), Format: webhook.Set(f.Format), FIFO: webhook.Set(f.FIFO), Test: f.Test}
	if f.Secret != "" || f.Remove {
		in.Secret = webhook.Set(f.Secret)
	}
	if f.Secret != "" && f.Remove {
		f.Errors["secret"] = "is both entered and removed; choose one"
	}
	in.Timeout = webhook.Set(f.float("timeout_seconds", f.Timeout))
	in.PerSecond = webhook.Set(f.float("per_second", f.PerSecond))
	n := f.float("max_in_flight", f.MaxInFlight)
	if n != math.Trunc(n) {
		f.Errors["max_in_flight"] = "is not a whole number"
	}
	in.MaxInFlight = webhook.Set(int(n)) // an int can hold all that float lets through
	headers := map[string]*string{}
	for _, line := range strings.Split(f.Headers, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name, value = strings.TrimSpace(name), strings.TrimSpace(value)
		if !ok || name == "" {
			f.Errors["headers"] = "have a line without a name and a colon; write Name: value, one on each line"
			continue
		}
		headers[name] = &value
		if value == kept {
			headers[name] = nil
		}
	}
	in.Headers = webhook.Set(headers)
	return in, nil
}

// float reads a number of the form.
func (f *form) float(field, s string) float64 {
	n, ok := readNumber(s)
	if !ok {
		f.Errors[field] = notNumber
	}
	return n
}

const notNumber = "is not a number that can be used here"

// readNumber reads what was typed as a number; an empty field is 0, the default.
func readNumber(s string) (n float64, ok bool) {
	s = strings.TrimSpace(strings.Replace(s, ",", ".", 1))
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= -1e6 && n <= 1e6) { // NaN is neither
		return 0, false
	}
	return n, true
}

// blame puts refused fields into the form. It says whether err was about them.
func (f *form) blame(err error) bool {
	var invalid *webhook.InvalidError
	if !errors.As(err, &invalid) {
		return false
	}
	f.wrong(invalid.Fields)
	return true
}

func (f *form) wrong(fields []webhook.FieldError) {
	if f.Errors == nil { // a page was asked for with a body of JSON
		f.Errors = map[string]string{}
	}
	for _, e := range fields {
		field, text := formField(e.Field), e.Message
		_, rest, _ := strings.Cut(e.Field, ".")
		switch {
		case field == "account" || field == "actor":
			f.Problem = "Your account " + text + "."
			continue
		case field == "events" && e.Code == "required":
			text = "Choose what it shall be sent for."
		case rest != "" && isSentence(text):
			text = "Of " + rest + ": " + text
		case rest != "":
			text = rest + " " + text
		}
		if f.Errors[field] != "" {
			text = f.Errors[field] + "; " + text
		}
		f.Errors[field] = text
	}
}

// fieldLabels are the names of fields at the top of a form that was refused.
var fieldLabels = []struct{ field, label string }{
	{"name", "Name"}, {"url", "URL"}, {"events", "Event"}, {"format", "Format"}, {"secret", "Signing secret"}, {"headers", "Headers"},
	{"timeout_seconds", "Timeout"}, {"per_second", "Most a second"}, {"max_in_flight", "Most at a time"}, {"test_event", "Event of the test"},
}

// A mistake is a field with what is wrong with it.
type mistake struct{ Field, Label, Text string }

// Mistakes are what is wrong, in the order of the form.
func (f *form) Mistakes() []mistake {
	var out []mistake
	for _, l := range fieldLabels {
		if text := f.Errors[l.field]; text != "" {
			join := " "
			if isSentence(text) {
				join = ": "
			}
			out = append(out, mistake{l.field, l.label, join + text})
		}
	}
	return out
}

// Error is what is wrong with a field.
func (f *form) Error(field string) string { return f.Errors[field] }

// Wrong is that as a sentence, of a thing such as "The URL".
func (f *form) Wrong(field, thing string) string {
	text := f.Errors[field]
	if text == "" {
		return ""
	}
	if !isSentence(text) {
		text = thing + " " + text
	}
	return strings.TrimSuffix(text, ".") + "."
}

// isSentence says whether a mistake is told in a sentence of its own, and not
// as what its field is.
func isSentence(text string) bool { return text != "" && unicode.IsUpper(rune(text[0])) }

// Has says whether an event is chosen.
func (f *form) Has(event string) bool { return slices.Contains(f.Events, event) }

// Advanced says whether anything below Advanced is set or wrong.
func (f *form) Advanced() bool {
	for _, field := range []string{"headers", "timeout_seconds", "max_in_flight", "per_second"} {
		if f.Error(field) != "" {
			return true
		}
	}
	return f.Headers+f.Timeout+f.MaxInFlight+f.PerSecond != "" || f.FIFO
}

// Multiple says whether a webhook can have several events.
func (f *form) Multiple() bool { return f.Limits.EventsPerEndpoint > 1 }

// refused is the form with what is wrong, or the error itself.
func (v *visit) refused(f *form, err error) (*answer, error) {
	if v.json || !f.blame(err) {
		return nil, err
	}
	return v.formAnswer(f, http.StatusUnprocessableEntity), nil
}

// mistaken answers an input that has mistakes before anybody judged it, in the
// form or wrong in the patch: together with what the dispatcher refuses in the
// other fields. It judges a test of no event like any other, and sends nothing.
func (v *visit) mistaken(f *form, p webhook.EndpointPatch, wrong []webhook.FieldError) (*answer, error) {
	var err error
	if v.id == "" {
		_, err = v.d.TestNew(v.r.Context(), with(webhook.Endpoint{Account: v.account}, p), "")
	} else {
		_, err = v.d.Test(v.r.Context(), v.account, v.id, "", p)
	}
	var invalid *webhook.InvalidError
	if !errors.As(err, &invalid) {
		return nil, err
	}
	known := map[string]bool{"test_event": true}
	var unread []webhook.FieldError
	for _, field := range slices.Sorted(maps.Keys(f.Errors)) {
		known[field] = true
		unread = append(unread, webhook.FieldError{Field: field, Code: "malformed", Message: f.Errors[field]})
	}
	for _, e := range invalid.Fields {
		if !known[formField(e.Field)] {
			wrong = append(wrong, e)
		}
	}
	if v.json {
		return nil, refusedFields(append(unread, wrong...))
	}
	f.wrong(wrong)
	return v.formAnswer(f, http.StatusUnprocessableEntity), nil
}

// formField is the field of the form that a refused field stands in.
func formField(name string) string {
	name, _, _ = strings.Cut(name, ".") // headers.X-Foo
	switch name {
	case "type":
		return "test_event"
	case "timeout":
		return "timeout_seconds"
	}
	return name
}

// Signs says whether what is stored will sign.
func (f *form) Signs() bool {
	return f.Webhook != nil && (f.Webhook.HasSecret && !f.Remove || f.Webhook.PublicKey != "")
}

// HasSecret says whether a secret is stored.
func (f *form) HasSecret() bool { return f.Webhook != nil && f.Webhook.HasSecret }

// Locked says whether the operator has disabled it.
func (f *form) Locked() bool { return f.Webhook != nil && f.Webhook.Locked() }

// Strange is a stored format that this process does not know; it can be kept.
func (f *form) Strange() string {
	if f.Webhook == nil || !f.Webhook.strange {
		return ""
	}
	return f.Webhook.Format
}

// Chat says whether what is typed leads to a chat.
func (f *form) Chat() bool { return isChat(f.SentAs) }
