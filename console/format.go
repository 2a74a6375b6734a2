package console

import (
	"strings"

	"github.com/autoreach/webhook"
)

type formatView struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// formats are those that a webhook can have.
func (v *visit) formats() []formatView {
	out := []formatView{}
	for _, f := range v.d.Formats() {
		out = append(out, formatView{f.Name, f.Title})
	}
	return out
}

// formatTitle is the customers' name of a format.
func (v *visit) formatTitle(name string) string {
	for _, f := range v.formats() {
		if f.Name == name {
			return f.Title
		}
	}
	return name
}

// automatic says what is sent when no format is chosen.
func (v *visit) automatic() string {
	var known []string
	for _, f := range v.d.Formats() {
		if f.Match != nil {
			known = append(known, f.Title)
		}
	}
	if len(known) == 0 {
		return "Automatic sends JSON."
	}
	return "Automatic knows the URLs of " + and(known) + ", and sends JSON to all others."
}

// and joins names to a list.
func and(names []string) string {
	last := len(names) - 1
	if last < 1 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

// isChat says whether a format is that of a chat, which takes messages for
// people, knows its sender by the URL alone and looks at no signature.
func isChat(format string) bool {
	return format == webhook.FormatSlack || format == webhook.FormatDiscord || format == webhook.FormatTeams
}

// Format and so on are for the templates.

// Chat is the name of the chat that gets the messages; empty if it is none.
func (w *webhookView) Chat() string {
	if !isChat(w.SentAs) {
		return ""
	}
	return w.format
}

// Other is the name of the format, where it is neither JSON nor a chat's.
func (w *webhookView) Other() string {
	if w.SentAs == webhook.FormatJSON || isChat(w.SentAs) {
		return ""
	}
	return w.format
}
