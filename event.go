package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/autoreach/webhook/events"
)

// Event is something that happened in an account, to be told to whoever
// subscribed to its type.
type Event struct {
	Account string    // whose event it is; required
	Type    EventType // one of the dispatcher's catalogue; required

	// Data is of the Go type registered for Type, or a pointer to it, or a
	// json.RawMessage that decodes as that type. Raw JSON is sent as it is given:
	// whoever emits it sees to it that no field is missing.
	Data any

	// OccurredAt is the payload's timestamp; zero means now.
	OccurredAt time.Time

	// Key makes emitting idempotent: a second event with the same Key in the
	// same account, within [Options.KeyWindow], is not stored, and the first
	// one's ID is returned. At most 200 bytes.
	Key string

	// Subject says whom or what the data is about, such as "lead:42", so that
	// it can be erased on request. At most 200 bytes.
	Subject string

	// ID is normally left empty: the dispatcher makes a UUIDv7. To repeat an
	// Emit that failed with an unknown outcome, set it to the ID that the
	// failed call returned.
	ID string
}

// Emitted is the result of an Emit.
type Emitted struct {
	ID         string // what receivers see as webhook-id
	Deliveries int    // how many endpoints get it
	Duplicate  bool   // the same Key or ID had been emitted before; ID and Deliveries are the first one's
}

// timestampFormat is RFC 3339 with exactly three fraction digits.
const timestampFormat = "2006-01-02T15:04:05.000Z07:00"

// catalogue is the registered types of events.
type catalogue struct {
	types []events.Type
	index map[EventType]int
}

func newCatalogue(types []events.Type) (catalogue, error) {
	if types == nil {
		types = events.All()
	}
	c := catalogue{types: slices.Clone(types), index: map[EventType]int{}}
	var p problems
	for i, t := range c.types {
		if err := t.Validate(); err != nil {
			p.add("Options.Events", "event_type", "", "%v", err)
		} else if _, twice := c.index[t.Name]; twice {
			p.add("Options.Events", "event_twice", "", "%q is registered twice", t.Name)
		}
		c.index[t.Name] = i
	}
	return c, p.err()
}

func (c *catalogue) lookup(name EventType) (events.Type, bool) {
	i, ok := c.index[name]
	if !ok {
		return events.Type{}, false
	}
	return c.types[i], true
}

// names lists the registered types, for error messages.
func (c *catalogue) names() string {
	names := make([]string, len(c.types))
	for i, t := range c.types {
		names[i] = t.Name
	}
	return strings.Join(names, ", ")
}

// payload encodes an event as it is sent: exactly three fields, in this order.
func payload(name EventType, at time.Time, data any) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"event":`)
	b.WriteString(strconv.Quote(name)) // registered names need no JSON escapes
	b.WriteString(`,"timestamp":"`)
	b.WriteString(at.UTC().Format(timestampFormat))
	b.WriteString(`","data":`)
	if raw, ok := data.(json.RawMessage); ok {
		if err := json.Compact(&b, raw); err != nil {
			return nil, err
		}
	} else {
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(data); err != nil {
			return nil, err
		}
		b.Truncate(b.Len() - 1) // Encode's newline
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// record checks an event and encodes it.
func (d *Dispatcher) record(e Event) (EventRecord, error) {
	var p problems
	checkAccount(&p, e.Account)
	for _, f := range []struct{ name, value string }{{"key", e.Key}, {"subject", e.Subject}} {
		if len(f.value) > 200 {
			p.add(f.name, "too_long", "200", "is %d bytes long; the limit is 200", len(f.value))
		}
	}
	if e.ID != "" && !validID(e.ID) {
		p.add("id", "malformed", "", "is not an ID that an Emit returned; leave it empty for a new event")
	}
	if y := e.OccurredAt.UTC().Year(); !e.OccurredAt.IsZero() && (y < 1 || y > 9999) {
		p.add("occurred_at", "range", "9999", "the year %d cannot be written in RFC 3339; use one from 1 to 9999", y)
	}
	t, known := d.catalogue.lookup(e.Type)
	if !known {
		p.add("type", "unknown_event", "", "%q is not a registered event type; known are %s", e.Type, d.catalogue.names())
	} else if err := d.acceptData(t, e.Data); err != nil {
		p.add("data", "wrong_type", "", "%v", err)
	}
	if err := p.err(); err != nil {
		return EventRecord{}, err
	}
	if e.OccurredAt.IsZero() {
		e.OccurredAt = time.Now()
	}
	body, err := encode(e)
	if err != nil {
		p.add("data", "not_encodable", "", "cannot be encoded as JSON: %v", err)
	} else if limit := d.options.MaxPayload; len(body) > limit {
		p.add("data", "too_large", strconv.Itoa(limit), "the payload is %d bytes long; the limit is %d: send less, or a link to the rest", len(body), limit)
	}
	if e.ID == "" {
		e.ID = newID()
	}
	return EventRecord{
		ID: e.ID, Account: e.Account, Type: e.Type, Key: e.Key, KeyWindow: d.options.KeyWindow,
		Subject: e.Subject, OccurredAt: e.OccurredAt.UTC().Truncate(time.Millisecond), Body: body,
	}, p.err()
}

// acceptData says whether data is what the type registered. Raw JSON is
// decoded into that type for the answer.
func (d *Dispatcher) acceptData(t events.Type, data any) error {
	raw, ok := data.(json.RawMessage)
	if !ok {
		return t.Accepts(data)
	}
	if bytes.Equal(bytes.TrimSpace(raw), []byte("null")) {
		return errors.New("is null")
	}
	var syntax *json.SyntaxError
	switch err := json.Unmarshal(raw, t.New()); {
	case errors.As(err, &syntax):
		return errors.New("is not valid JSON")
	case err != nil:
		return fmt.Errorf("does not decode as the data of %s: %w", t.Name, err)
	}
	return nil
}

// encode makes the payload; a panic in a MarshalJSON is an error.
func encode(e Event) (body []byte, err error) {
	defer func() {
		if r := recover(); r != nil {
			body, err = nil, fmt.Errorf("encoding panicked: %v", r)
		}
	}()
	return payload(e.Type, e.OccurredAt, e.Data)
}
