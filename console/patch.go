package console

import (
	"maps"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

// patch is what the input changes of what is stored. What is the same is left
// out, so that a rule that became stricter keeps nobody from renaming an older
// webhook.
func (in *input) patch(stored webhook.Endpoint) (webhook.EndpointPatch, []webhook.FieldError) {
	var p webhook.EndpointPatch
	var wrong []webhook.FieldError
	differs(&p.Name, in.Name, stored.Name)
	differs(&p.URL, in.URL, stored.URL)
	differs(&p.Format, in.Format, stored.Format)
	differs(&p.MaxInFlight, in.MaxInFlight, stored.MaxInFlight)
	differs(&p.PerSecond, in.PerSecond, stored.PerSecond)
	differs(&p.FIFO, in.FIFO, stored.FIFO)
	if in.Events.IsSet && !slices.Equal(in.Events.Value, stored.Events) {
		p.Events = in.Events
	}
	if in.Timeout.IsSet {
		const most = float64(time.Hour / time.Second) // far from overflowing; the dispatcher's own bound is lower
		d := time.Duration(max(-most, min(most, in.Timeout.Value)) * float64(time.Second))
		differs(&p.Timeout, webhook.Set(d), stored.Timeout)
	}
	if in.Secret.IsSet {
		p.Secret = webhook.Set(webhook.Secret(in.Secret.Value))
	}
	if in.Headers.IsSet {
		headers := map[string]string{}
		for name, value := range in.Headers.Value {
			old, known := stored.Headers[name]
			switch {
			case value != nil:
				headers[name] = *value
			case known:
				headers[name] = old
			default:
				wrong = append(wrong, webhook.FieldError{Field: "headers." + name, Code: "required", Message: "has no value that could be kept; enter one"})
			}
		}
		if !maps.Equal(headers, stored.Headers) {
			p.Headers = webhook.Set(headers)
		}
	}
	return p, wrong
}

func differs[T comparable](to *webhook.Field[T], from webhook.Field[T], stored T) {
	if from.IsSet && from.Value != stored {
		*to = from
	}
}

// with is an endpoint with the change made.
func with(e webhook.Endpoint, p webhook.EndpointPatch) webhook.Endpoint {
	set(&e.Name, p.Name)
	set(&e.URL, p.URL)
	set(&e.Events, p.Events)
	set(&e.Format, p.Format)
	set(&e.Secret, p.Secret)
	set(&e.Headers, p.Headers)
	set(&e.Timeout, p.Timeout)
	set(&e.MaxInFlight, p.MaxInFlight)
	set(&e.PerSecond, p.PerSecond)
	set(&e.FIFO, p.FIFO)
	return e
}

func set[T any](to *T, f webhook.Field[T]) {
	if f.IsSet {
		*to = f.Value
	}
}
