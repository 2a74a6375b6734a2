package sqlitestore

import (
	"bytes"
	"encoding/json"
	"time"
	"unicode/utf8"

	"github.com/autoreach/webhook"
)

// config is the part of an endpoint that no query looks into.
type config struct {
	Name           text          `json:"name"`
	URL            text          `json:"url"`
	Events         []text        `json:"events,omitempty"`
	Format         text          `json:"format,omitempty"`
	Secret         text          `json:"secret,omitempty"`
	Headers        []header      `json:"headers,omitempty"`
	Timeout        time.Duration `json:"timeout,omitempty"`
	MaxInFlight    int           `json:"max_in_flight,omitempty"`
	PerSecond      float64       `json:"per_second,omitempty"`
	FIFO           bool          `json:"fifo,omitempty"`
	OldSecret      text          `json:"old_secret,omitempty"`
	OldSecretUntil time.Time     `json:"old_secret_until,omitzero"`
	SigningKey     text          `json:"signing_key,omitempty"`
}

type header struct {
	Name  text `json:"name"`
	Value text `json:"value"`
}

// text is a string that need not be UTF-8, which JSON strings must be.
type text string

// MarshalJSON writes what is not UTF-8 as an array with its base64.
func (t text) MarshalJSON() ([]byte, error) {
	if utf8.ValidString(string(t)) {
		return json.Marshal(string(t))
	}
	return json.Marshal([][]byte{[]byte(t)})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (t *text) UnmarshalJSON(b []byte) error {
	if !bytes.HasPrefix(b, []byte("[")) {
		return json.Unmarshal(b, (*string)(t))
	}
	var raw [1][]byte
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*t = text(raw[0])
	return nil
}

// seal and unseal are all that stands between an endpoint's secrets and the
// file; with webhook.Options.EncryptionKeys they come encrypted.
func seal(e *webhook.Endpoint) ([]byte, error) {
	c := config{
		Name: text(e.Name), URL: text(e.URL), Format: text(e.Format), Secret: text(e.Secret.Reveal()), Timeout: e.Timeout, MaxInFlight: e.MaxInFlight,
		PerSecond: e.PerSecond, FIFO: e.FIFO, OldSecret: text(e.OldSecret.Reveal()), OldSecretUntil: e.OldSecretUntil.UTC(),
		SigningKey: text(e.SigningKey.Reveal()),
	}
	for _, t := range e.Events {
		c.Events = append(c.Events, text(t))
	}
	for name, value := range e.Headers {
		c.Headers = append(c.Headers, header{text(name), text(value)})
	}
	return json.Marshal(c)
}

func unseal(e *webhook.Endpoint, sealed []byte) error {
	var c config
	if err := json.Unmarshal(sealed, &c); err != nil {
		return err
	}
	e.Name, e.URL, e.Secret, e.Timeout, e.MaxInFlight = string(c.Name), string(c.URL), webhook.Secret(c.Secret), c.Timeout, c.MaxInFlight
	e.PerSecond, e.FIFO, e.OldSecret, e.OldSecretUntil = c.PerSecond, c.FIFO, webhook.Secret(c.OldSecret), c.OldSecretUntil
	e.Format, e.SigningKey = string(c.Format), webhook.Secret(c.SigningKey)
	e.Events, e.Headers = nil, nil
	for _, t := range c.Events {
		e.Events = append(e.Events, webhook.EventType(t))
	}
	if len(c.Headers) > 0 {
		e.Headers = make(map[string]string, len(c.Headers))
		for _, h := range c.Headers {
			e.Headers[string(h.Name)] = string(h.Value)
		}
	}
	return nil
}
