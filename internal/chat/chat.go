// Package chat renders events as messages for Slack, Discord and Microsoft
// Teams. What it shows was written by strangers: nothing of it becomes markup,
// a link that it was not, or a mention, and no message exceeds the limits of
// the service that it is for.
//
// A message is composed once, as a note, and each service has a file that puts
// the note into its form.
package chat

import (
	"bytes"
	"encoding/json"
	"time"
)

// Event is what is rendered.
type Event struct {
	Type       string // "lead.scored"
	Title      string // "Lead Scored"; empty for the Type
	OccurredAt time.Time
	Data       []byte // JSON
	Test       bool   // a test send, with sample data
}

// encode is JSON without HTML's escapes: services count and show what is sent.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
