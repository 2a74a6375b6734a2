package verify

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Message is a verified webhook message. Event, Timestamp and Data are the three
// fields of the payload, and zero when the body is something else: a signature
// proves where it comes from, whatever its format. ID, Attempted and Test come
// from headers.
type Message struct {
	// ID is webhook-id: the same for every retry of one event, so it is what to
	// recognise repetitions by. Empty when the request was verified by
	// X-Webhook-Signature, which does not cover the header.
	ID string
	// Event is the name of the event, such as "lead.scored".
	Event string
	// Timestamp is when the event occurred, which may be long before the
	// delivery.
	Timestamp time.Time
	// Data is the JSON of the event's data. Its form depends on Event.
	Data json.RawMessage
	// Body is the whole body as received, the bytes that were signed. Do not
	// change it.
	Body []byte
	// Attempted is webhook-timestamp: when the sender signed this attempt, in
	// whole seconds. Zero when the request was verified by X-Webhook-Signature.
	Attempted time.Time
	// Test reports the header X-Webhook-Test: true, which the sender sets on a
	// payload sent by hand to try the webhook. No signature covers this header, so
	// the ID, which is signed, must begin with test_ too: nobody makes a real
	// message look like a test. Verified by X-Webhook-Signature there is no ID, and
	// the header alone tells.
	Test bool
}

// testPrefix is what the IDs of tests begin with.
const testPrefix = "test_"

// Message is VerifyHeaders for those who want the content as well: it checks a
// body that was already read against the headers of its request, and parses it.
// The Message keeps body. The errors are those of VerifyHeaders.
func (v *Verifier) Message(body []byte, h http.Header) (Message, error) {
	var c claim
	if err := v.inspect(h, &c); err != nil {
		return Message{}, err
	}
	return v.message(&c, body, h)
}

func (v *Verifier) message(c *claim, body []byte, h http.Header) (Message, error) {
	if err := v.check(c, body); err != nil {
		return Message{}, err
	}
	m := Message{Body: body, Test: h.Get(headerTest) == "true"}
	if c.standard {
		m.ID, m.Attempted = c.id, time.Unix(c.unix, 0).UTC()
		m.Test = m.Test && strings.HasPrefix(m.ID, testPrefix)
	}
	m.parse()
	return m, nil
}

// parse fills the fields of the payload from the body, all of them or none.
// Further fields of the object are passed over, so that a sender may add some.
func (m *Message) parse() {
	var p struct {
		Event     string          `json:"event"`
		Timestamp *time.Time      `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	err := json.Unmarshal(m.Body, &p)
	if err == nil && p.Event != "" && p.Timestamp != nil && p.Data != nil {
		m.Event, m.Timestamp, m.Data = p.Event, *p.Timestamp, p.Data
	}
}

type contextKey struct{}

// FromContext returns the verified Message of a request that came through
// Middleware, and whether there is one.
func FromContext(ctx context.Context) (Message, bool) {
	m, ok := ctx.Value(contextKey{}).(Message)
	return m, ok
}
