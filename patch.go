package webhook

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
)

// Field is a field of an [EndpointPatch]: absent, which keeps what is stored,
// or set. In JSON a present field sets, and null sets the zero value, which
// removes.
type Field[T any] struct {
	Value  T
	IsSet  bool
	isNull bool // set by JSON's null
}

// Set returns a field that sets v.
func Set[T any](v T) Field[T] { return Field[T]{Value: v, IsSet: true} }

// UnmarshalJSON implements json.Unmarshaler.
func (f *Field[T]) UnmarshalJSON(b []byte) error {
	*f = Field[T]{IsSet: true, isNull: bytes.Equal(b, []byte("null"))}
	if f.isNull {
		return nil
	}
	return json.Unmarshal(b, &f.Value)
}

func (f Field[T]) apply(to *T) {
	if f.IsSet {
		*to = f.Value
	}
}

// EndpointPatch changes the fields that are set and keeps the others.
//
// A Secret that is set replaces the old one from the next attempt on, and ends a
// rotation; with an Overlap it begins one, which is the gentle way.
//
// A SigningKey that is set replaces the old one from the next attempt on too.
// It needs no overlap here, because its [PublicKey] is known beforehand: give
// the customer the new public key, and set the new key once they accept both.
//
// It is decoded from JSON, and not meant to be encoded.
type EndpointPatch struct {
	Name        Field[string]            `json:"name"`
	URL         Field[string]            `json:"url"`
	Events      Field[[]EventType]       `json:"events"`
	Format      Field[string]            `json:"format"` // "" has it chosen by the URL
	Secret      Field[Secret]            `json:"secret"`
	SigningKey  Field[Secret]            `json:"signing_key"`
	Headers     Field[map[string]string] `json:"headers"` // all of them
	Timeout     Field[time.Duration]     `json:"timeout"` // nanoseconds in JSON
	MaxInFlight Field[int]               `json:"max_in_flight"`
	PerSecond   Field[float64]           `json:"per_second"`
	FIFO        Field[bool]              `json:"fifo"`
	Enabled     Field[bool]              `json:"enabled"` // null is refused: nothing can be neither

	// Overlap makes a Secret that is set a rotation: the old secret goes on
	// signing beside it for that long, one minute to 30 days, as described at
	// [Dispatcher.RotateSecret]. A patch with an Overlap whose Secret is the
	// endpoint's already was applied before: it changes nothing and succeeds,
	// whatever the version is by now, so that it can be repeated.
	Overlap time.Duration `json:"-"`

	// DisabledBy says who disables, when Enabled is set to false. The zero
	// value means DisabledByCustomer. An endpoint that is disabled already stays
	// with whoever did that, unless it is DisabledByOperator here.
	DisabledBy DisabledBy `json:"-"`
}

// apply makes the change on e.
func (p EndpointPatch) apply(e *Endpoint) {
	p.Name.apply(&e.Name)
	p.URL.apply(&e.URL)
	p.Events.apply(&e.Events)
	p.Format.apply(&e.Format)
	p.SigningKey.apply(&e.SigningKey)
	p.Headers.apply(&e.Headers)
	p.Timeout.apply(&e.Timeout)
	p.MaxInFlight.apply(&e.MaxInFlight)
	p.PerSecond.apply(&e.PerSecond)
	p.FIFO.apply(&e.FIFO)
	if p.Secret.IsSet {
		old, until := Secret(""), time.Time{}
		if p.Overlap != 0 && e.Secret != "" {
			old, until = e.Secret, time.Now().Add(p.Overlap)
		}
		e.Secret, e.OldSecret, e.OldSecretUntil = p.Secret.Value, old, until
	}
	by := p.DisabledBy
	if by == "" {
		by = DisabledByCustomer
	}
	switch on := p.Enabled.Value; {
	case !p.Enabled.IsSet, on && e.Enabled:
	case on:
		e.Enabled, e.DisabledBy, e.DisabledReason = true, "", ""
	case e.Enabled, by == DisabledByOperator: // who takes over from whoever disabled it
		e.Enabled, e.DisabledBy, e.DisabledReason = false, by, ""
	}
}

// sets says whether the patch sets the field of that name in a FieldError.
func (p *EndpointPatch) sets(field string) bool {
	field, _, _ = strings.Cut(field, ".") // headers.X-Foo
	switch field {
	case "name":
		return p.Name.IsSet
	case "url":
		return p.URL.IsSet
	case "events":
		return p.Events.IsSet
	case "format":
		return p.Format.IsSet
	case "secret":
		return p.Secret.IsSet
	case "signing_key":
		return p.SigningKey.IsSet
	case "headers":
		return p.Headers.IsSet
	case "timeout":
		return p.Timeout.IsSet
	case "max_in_flight":
		return p.MaxInFlight.IsSet
	case "per_second":
		return p.PerSecond.IsSet
	case "enabled":
		return p.Enabled.IsSet
	}
	return false
}
