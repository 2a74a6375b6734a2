package webhooktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/verify"
)

// Request is one request that a [Receiver] got: one attempt of a delivery.
type Request struct {
	N       int       // 1 for the receiver's first request
	Attempt int       // 1 for the first request with this ID
	At      time.Time // when it had come in
	Path    string    // with the query, if there is one
	Header  http.Header
	Body    []byte // as it was received

	ID         string            // webhook-id: the event's, the same for every attempt
	Event      webhook.EventType // the payload's event; "" if the body is something else, as of an endpoint with a Format
	OccurredAt time.Time         // the payload's timestamp
	Data       json.RawMessage   // the payload's data
	Test       bool              // a test send

	Verified bool  // every signature that it carries is right, and there is one
	Err      error // why it is not verified

	Answer string    // what the receiver did, such as "500" or "hang"; "refused" if it was not verified
	Status int       // what it answered; 0 for no answer, or none yet
	Done   time.Time // when it answered, or the sender gave up; zero if neither yet
}

// Decode decodes the payload's data into v, a pointer.
func (r Request) Decode(v any) error {
	if r.Data == nil {
		return errors.New("webhooktest: the body is not a payload with event, timestamp and data")
	}
	return json.Unmarshal(r.Data, v)
}

// String describes the request in a line, without body, path and headers,
// which may hold what does not belong in a log.
func (r Request) String() string {
	var b strings.Builder
	name := r.Event
	if name == "" {
		name = "no event"
	}
	fmt.Fprintf(&b, "%d. %s %s %s attempt %d", r.N, r.At.UTC().Format("15:04:05.000"), name, r.ID, r.Attempt)
	if r.Test {
		b.WriteString(" (test send)")
	}
	b.WriteString(": ")
	if r.Verified {
		b.WriteString("verified, ")
	} else {
		fmt.Fprintf(&b, "not verified (%v), ", r.Err)
	}
	switch {
	case r.Status != 0:
		fmt.Fprintf(&b, "answered %d", r.Status)
	case r.Done.IsZero():
		fmt.Fprintf(&b, "in its hands (%s)", r.Answer)
	default:
		fmt.Fprintf(&b, "not answered (%s)", r.Answer)
	}
	return b.String()
}

// accepted says whether the sender was told that all is well.
func (r Request) accepted() bool { return r.Verified && r.Status/100 == 2 }

// read fills in what the payload says.
func (r *Request) read() {
	var p struct {
		Event     string          `json:"event"`
		Timestamp time.Time       `json:"timestamp"`
		Data      json.RawMessage `json:"data"`
	}
	if json.Unmarshal(r.Body, &p) == nil && p.Event != "" {
		r.Event, r.OccurredAt, r.Data = p.Event, p.Timestamp, p.Data
	}
	r.ID = r.Header.Get("Webhook-Id")
	r.Test = r.Header.Get("X-Webhook-Test") == "true"
}

// verifier checks every signature that a request carries.
type verifier struct{ any, body, public *verify.Verifier }

func newVerifier(secrets []webhook.Secret, public []string) (v *verifier, err error) {
	v = new(verifier)
	if len(secrets) > 0 {
		var more []string
		for _, s := range secrets[1:] {
			more = append(more, s.Reveal())
		}
		if v.any, err = verify.New(secrets[0].Reveal(), &verify.Options{MoreSecrets: more}); err != nil {
			return nil, err
		}
		if v.body, err = verify.New(secrets[0].Reveal(), &verify.Options{MoreSecrets: more, Scheme: verify.BodyOnly}); err != nil {
			return nil, err
		}
	}
	if len(public) > 0 {
		v.public, err = verify.NewPublic(public[0], &verify.Options{PublicKeys: public[1:]})
	}
	return v, err
}

var errNoSecret = errors.New("the receiver has no secret to verify with")

func (v *verifier) check(method string, h http.Header, body []byte) error {
	switch {
	case method != http.MethodPost:
		return verify.ErrMethod
	case v.any == nil && v.public == nil:
		return errNoSecret
	}
	if v.public != nil {
		if err := v.public.VerifyHeaders(body, h); err != nil {
			return err
		}
	}
	if v.any == nil {
		return nil
	}
	if err := v.any.VerifyHeaders(body, h); err != nil {
		return err
	}
	if len(h["X-Webhook-Signature"]) > 0 {
		return v.body.VerifyHeaders(body, h)
	}
	return nil
}

// clone keeps the caller's hands off what is recorded.
func (r Request) clone() Request {
	r.Header, r.Body, r.Data = r.Header.Clone(), bytes.Clone(r.Body), bytes.Clone(r.Data)
	return r
}
