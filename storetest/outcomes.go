package storetest

import (
	"time"

	"github.com/autoreach/webhook"
)

// delivered is the outcome of a 2xx.
func delivered(h webhook.Hold, d webhook.Delivery) webhook.Outcome {
	return webhook.Outcome{
		Hold: h, Delivery: d.ID, After: d.Attempts, State: webhook.StateDelivered,
		Attempt: &webhook.Attempt{Took: 20 * time.Millisecond, Result: webhook.ResultDelivered, Status: 204},
	}
}

func failure(status int) *webhook.Attempt {
	return &webhook.Attempt{
		Took: 30 * time.Millisecond, Result: webhook.ResultFailed, Status: status, Class: "status",
		Error: "answered with a failure", Response: []byte("come back later"),
	}
}

// retry returns a verdict: failed, and due again after delay.
func retry(delay time.Duration) func(webhook.Hold, webhook.Delivery) webhook.Outcome {
	return func(h webhook.Hold, d webhook.Delivery) webhook.Outcome {
		return webhook.Outcome{
			Hold: h, Delivery: d.ID, After: d.Attempts, State: webhook.StatePending, Delay: delay,
			Attempt: failure(503),
		}
	}
}

// dead is the outcome of a last failure.
func dead(h webhook.Hold, d webhook.Delivery) webhook.Outcome {
	return webhook.Outcome{
		Hold: h, Delivery: d.ID, After: d.Attempts, State: webhook.StateDead, Reason: webhook.ReasonFailed,
		Attempt: failure(500),
	}
}

// interrupted is the outcome of a send that was cut off.
func interrupted(h webhook.Hold, d webhook.Delivery) webhook.Outcome {
	o := retry(0)(h, d)
	o.Attempt = &webhook.Attempt{Took: time.Millisecond, Result: webhook.ResultInterrupted, Class: "interrupted"}
	return o
}

// unsent is a death without an attempt.
func unsent(reason webhook.Reason) func(webhook.Hold, webhook.Delivery) webhook.Outcome {
	return func(h webhook.Hold, d webhook.Delivery) webhook.Outcome {
		return webhook.Outcome{Hold: h, Delivery: d.ID, After: d.Attempts, State: webhook.StateDead, Reason: reason}
	}
}

// disabling is a death that disables the endpoint of that version.
func disabling(version int64) func(webhook.Hold, webhook.Delivery) webhook.Outcome {
	return func(h webhook.Hold, d webhook.Delivery) webhook.Outcome {
		o := dead(h, d)
		o.Disable, o.Version = "gone for good", version
		return o
	}
}
