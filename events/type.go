package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
)

// MaxNameLength is the greatest length of an event's name, in bytes.
const MaxNameLength = 128

// Type describes one kind of event: what a sender registers so that it can be
// subscribed to, emitted and tested. Make one with [Of].
type Type struct {
	// Name is the event's name in the payload, such as "lead.scored": words of
	// ASCII letters, digits, '_' and '-', with single dots between them, at most
	// [MaxNameLength] bytes. It never changes once customers subscribe to it.
	Name string
	// Title is the name that customers see, such as "Lead Scored".
	Title string
	// Description says in one sentence when the event happens.
	Description string
	// Data is the Go type of the payload's data, never a pointer type. It is
	// what JSON Schemas are made from and what [Type.Accepts] compares with.
	Data reflect.Type
	// New returns a pointer to a zero value of Data, to decode JSON into.
	New func() any
	// Sample returns a realistic value of Data (not a pointer) for test sends and
	// documentation. Each call returns a value of its own, which the caller may
	// change. It may be called by several goroutines at once.
	Sample func() any
}

// Of describes an event whose data has the type T, a type that encoding/json can
// encode. T is the value type: emitting a T and emitting a *T are both accepted.
// sample is called whenever a sample is needed and builds it anew each time, with
// every field filled: customers map their fields from it.
func Of[T any](name, title, description string, sample func() T) Type {
	t := Type{
		Name:        name,
		Title:       title,
		Description: description,
		Data:        reflect.TypeFor[T](),
		New:         func() any { return new(T) },
	}
	if sample != nil {
		t.Sample = func() any { return sample() }
	}
	return t
}

// Validate reports everything that is wrong with the description itself, joined
// into one error, or nil. Senders call it once, when the type is registered.
func (t Type) Validate() error {
	var errs []error
	wrong := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("events: type %q: "+format, append([]any{t.Name}, args...)...))
	}
	if !validName(t.Name) {
		wrong("Name must be words of letters, digits, '_' and '-' with single dots between them, such as \"invoice.paid\", at most %d bytes", MaxNameLength)
	}
	if t.Title == "" {
		wrong("Title is empty")
	}
	if t.Description == "" {
		wrong("Description is empty")
	}
	if t.New == nil {
		wrong("New is nil")
	}
	if t.Sample == nil {
		wrong("Sample is nil")
	}
	switch {
	case t.Data == nil:
		wrong("Data is nil: make the type with Of")
	case t.Data.Kind() == reflect.Pointer || t.Data.Kind() == reflect.Interface:
		wrong("Data is %s: it must be neither a pointer nor an interface type", t.Data)
	default:
		if t.New != nil {
			if v := t.New(); reflect.TypeOf(v) != reflect.PointerTo(t.Data) || reflect.ValueOf(v).IsNil() {
				wrong("New returns %T: it must return a non-nil *%s", v, t.Data)
			}
		}
		if t.Sample != nil {
			if v := t.Sample(); reflect.TypeOf(v) != t.Data {
				wrong("Sample returns %T: it must return %s", v, t.Data)
			} else if err := t.Accepts(v); err != nil {
				wrong("Sample: %w", err)
			} else if _, err := json.Marshal(v); err != nil {
				wrong("Sample: %w", err)
			}
		}
	}
	return errors.Join(errs...)
}

// Accepts reports whether data may be emitted as an event of this type: it must
// be of the type Data or a pointer to it, and not nil. The error names the event,
// the type that it takes and the type that was given. Only the Go type is
// looked at, never the values in it.
func (t Type) Accepts(data any) error {
	if t.Data == nil {
		return fmt.Errorf("events: %s has no data type: make the type with Of", t.Name)
	}
	if data == nil {
		return fmt.Errorf("events: %s takes %s, not nil", t.Name, t.Data)
	}
	given := reflect.TypeOf(data)
	isPointer := given.Kind() == reflect.Pointer && given.Elem() == t.Data
	if given != t.Data && !isPointer {
		want, got := typeNames(t.Data, given)
		return fmt.Errorf("events: %s takes %s, not %s", t.Name, want, got)
	}
	switch given.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice:
		if reflect.ValueOf(data).IsNil() {
			return fmt.Errorf("events: %s takes %s, not a nil %s", t.Name, t.Data, given)
		}
	}
	return nil
}

// typeNames prints two types so that they differ in print as well: by import path
// where the short names are the same.
func typeNames(want, got reflect.Type) (string, string) {
	w, g := want.String(), got.String()
	if w == g || "*"+w == g {
		return longName(want), longName(got)
	}
	return w, g
}

func longName(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return "*" + longName(t.Elem())
	case t.PkgPath() == "":
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}

// validName reports whether name has the form that [Type].Name asks for.
func validName(name string) bool {
	if name == "" || len(name) > MaxNameLength {
		return false
	}
	word := false // whether the byte before was part of a word
	for i := range len(name) {
		switch c := name[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_', c == '-':
			word = true
		case c == '.' && word:
			word = false
		default:
			return false
		}
	}
	return word
}
