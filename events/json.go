package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"
)

// List is a slice that is never null in JSON: a nil List is encoded as []. It is
// used like any slice, and a []T is assigned to it without conversion.
type List[T any] []T

// MarshalJSON implements [json.Marshaler].
func (l List[T]) MarshalJSON() ([]byte, error) {
	if len(l) == 0 {
		return []byte("[]"), nil
	}
	// Whether <, > and & are escaped is the outer encoder's choice, and it can
	// still escape what is not escaped here.
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode([]T(l)); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// Time is an instant in the data of an event. In JSON it is RFC 3339 in UTC with
// exactly three fraction digits, such as "2026-11-23T10:15:30.123Z", and null
// when it is zero. Make one with [At]. A receiver asks IsZero whether it is known.
type Time struct {
	// Time is the instant. It is in UTC when it was decoded from JSON or made by
	// At; the zero time stands for null.
	time.Time
}

// timeLayout is RFC 3339 in UTC with three fraction digits.
const timeLayout = "2006-01-02T15:04:05.000Z"

// At returns t as it goes over the wire: in UTC, cut to the millisecond. The zero
// time gives the zero Time, which is null in JSON.
func At(t time.Time) Time {
	return Time{t.UTC().Truncate(time.Millisecond)}
}

// MarshalJSON implements [json.Marshaler]. Years outside 0 to 9999 are an error.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	u := t.UTC()
	if y := u.Year(); y < 0 || y > 9999 {
		return nil, fmt.Errorf("events: time: year %d is outside 0 to 9999", y)
	}
	return u.AppendFormat(nil, `"`+timeLayout+`"`), nil
}

// UnmarshalJSON implements [json.Unmarshaler]. It takes RFC 3339 with any offset
// and any number of fraction digits, and null, which gives the zero Time.
func (t *Time) UnmarshalJSON(b []byte) error {
	var u time.Time
	if err := u.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("events: time: %w", err)
	}
	t.Time = u.UTC()
	return nil
}

// Ptr returns a pointer to v, to set an optional field: even the zero value of v
// counts as known. From Go 1.26 on, new(v) does the same.
func Ptr[T any](v T) *T { return &v }

// NonZero returns a pointer to v, or nil (null in JSON) if v is the zero value of
// its type. It suits records that keep unknown text as "". Do not use it for
// scores, where 0 is a value.
func NonZero[T comparable](v T) *T {
	var zero T
	if v == zero {
		return nil
	}
	return &v
}

// Value returns what p points to, or the zero value of its type if p is nil, to
// read an optional field.
func Value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
