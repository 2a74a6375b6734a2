package webhook

import (
	"errors"
	"fmt"
	"strings"
)

// The sentinels. Each says when; test for them with [errors.Is].
var (
	// ErrNotFound: the account has no such endpoint, delivery or event.
	ErrNotFound = errors.New("webhook: not found")

	// ErrConflict: the endpoint was changed by somebody else since it was read
	// (read it again and decide anew); what is to be sent again still waits; or an
	// ID belongs to something else.
	ErrConflict = errors.New("webhook: in conflict with what is stored")

	// ErrLimit: the account has as many endpoints as it may have. It comes
	// inside an [*InvalidError] that names the limit.
	ErrLimit = errors.New("webhook: too many endpoints in this account")

	// ErrDisabled: a resend or recovery was asked for an endpoint that is
	// disabled. Enable it first.
	ErrDisabled = errors.New("webhook: the endpoint is disabled")

	// ErrFull: a store with a bound on what it holds has reached it, or the key or
	// ID of an event is held by a transaction that is still open. Nothing was
	// stored; emit again later.
	ErrFull = errors.New("webhook: the store is full")

	// ErrBusy: a test send to this endpoint is already on its way, or there
	// were too many in the last minute.
	ErrBusy = errors.New("webhook: too many test sends")

	// ErrRunning: Run was called on a dispatcher that is running already.
	ErrRunning = errors.New("webhook: the dispatcher is already running")
)

// FieldError is one field of an input that was refused.
type FieldError struct {
	Field   string // as in JSON: "name", "url", "events", "secret", "headers.X-Foo", "data", …
	Code    string // stable, for programs: "required", "too_short", "url_scheme", …
	Bound   string // the limit that was crossed, where there is one: "16", "262144"
	Message string // for people: what is wrong and what to do
}

// InvalidError is an input that was refused, with every wrong field.
type InvalidError struct {
	Fields []FieldError
	cause  error
}

// Error lists the fields with their messages.
func (e *InvalidError) Error() string {
	var b strings.Builder
	b.WriteString("webhook: invalid input: ")
	for i, f := range e.Fields {
		if i > 0 {
			b.WriteString("; ")
		}
		fmt.Fprintf(&b, "%s: %s", f.Field, f.Message)
	}
	return b.String()
}

// Unwrap returns the sentinel behind the refusal, if there is one, such as
// [ErrLimit].
func (e *InvalidError) Unwrap() error { return e.cause }

// problems collects what is wrong with an input.
type problems []FieldError

func (p *problems) add(field, code, bound, format string, args ...any) {
	*p = append(*p, FieldError{field, code, bound, fmt.Sprintf(format, args...)})
}

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return &InvalidError{Fields: p}
}
