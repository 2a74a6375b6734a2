package console

import (
	"maps"
	"math"
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
		differs(&p.Timeout, webhook.Set(duration(in.Timeout.Value, time.Second)), stored.Timeout)
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

// duration is n units. What a duration cannot hold is one that the dispatcher
// refuses: too much becomes less that is too much still, and NaN and what would
// be cut to 0, which is the default, become the least there is.
func duration(n float64, unit time.Duration) time.Duration {
	const most = float64(1e6 * time.Hour)
	d := max(-most, min(most, n*float64(unit))) // NaN stays NaN
	if n != 0 && !(math.Abs(d) >= 1) {
		return 1
	}
	return time.Duration(d)
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
