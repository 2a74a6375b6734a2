package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/autoreach/webhook/events"
)

// ErrOtherEvent says that Decode was asked for the data of another event than
// the message has, such as events.MeetingBookedData of a lead.scored.
var ErrOtherEvent = errors.New("webhook: data of another event")

// Decode returns the data of a verified message as a T: one of package events,
// or a type of your own that takes the fields that you need, as encoding/json
// does. Fields that T does not have are passed over, since senders add some.
//
//	d, err := verify.Decode[events.LeadScoredData](m)
//
// For a type of package events it compares m.Event with the event that the type
// belongs to, and fails with ErrOtherEvent if the two have other fields; a
// LeadScoredData of lead.created is as good as a LeadCreatedData. It cannot judge
// names that package events does not know, nor types of your own: choose by
// m.Event first.
func Decode[T any](m Message) (T, error) {
	var data T
	if m.Data == nil {
		return data, fmt.Errorf("verify: the body is not an object with event, timestamp and data: take Message.Body")
	}
	if err := belongs(m.Event, reflect.TypeFor[T]()); err != nil {
		return data, err
	}
	if err := json.Unmarshal(m.Data, &data); err != nil {
		var zero T
		return zero, fmt.Errorf("verify: the data of %s as %T: %w", m.Event, zero, err)
	}
	return data, nil
}

// belongs refuses a data type of one event for the data of another with other
// fields.
func belongs(event string, want reflect.Type) error {
	if want.Kind() == reflect.Pointer {
		want = want.Elem()
	}
	var is reflect.Type
	wanted := false
	for _, t := range events.All() {
		if t.Name == event {
			is = t.Data
		}
		wanted = wanted || t.Data == want
	}
	if wanted && is != nil && !is.ConvertibleTo(want) {
		return fmt.Errorf("%w: %s has %s, not %s", ErrOtherEvent, event, is, want)
	}
	return nil
}

// On returns a function for Handler that handles one event with its data, by
// Decode. Every other event is accepted and ignored: senders add events, and
// answering an error would have them sent again.
//
//	http.Handle("POST /hooks", v.Handler(verify.On(events.LeadScored, scored)))
//
//	func scored(ctx context.Context, m verify.Message, d events.LeadScoredData) error
//
// For several events, call those functions one after the other, or switch over
// m.Event and use Decode. On panics when fn is nil, and when T is the data of
// another event of package events.
func On[T any](event string, fn func(ctx context.Context, m Message, data T) error) func(ctx context.Context, m Message) error {
	if fn == nil {
		panic("verify: On: fn is nil")
	}
	if err := belongs(event, reflect.TypeFor[T]()); err != nil {
		panic("verify: On: " + err.Error())
	}
	return func(ctx context.Context, m Message) error {
		if m.Event != event {
			return nil
		}
		data, err := Decode[T](m)
		if err != nil {
			return err
		}
		return fn(ctx, m, data)
	}
}
