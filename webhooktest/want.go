package webhooktest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// Requests returns all that came so far, in the order of arrival: one for each
// attempt.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]Request, len(r.got))
	for i, g := range r.got {
		out[i] = g.clone()
	}
	return out
}

// Deliveries returns what was delivered: of each event the first request that
// verified and was answered 2xx.
func (r *Receiver) Deliveries() []Request {
	var out []Request
	seen := map[string]bool{}
	for _, q := range r.Requests() {
		if q.accepted() && (q.ID == "" || !seen[q.ID]) {
			seen[q.ID] = true
			out = append(out, q)
		}
	}
	return out
}

// Last returns the request that came last, and ends the test if there is none.
func (r *Receiver) Last() Request {
	r.t.Helper()
	all := r.Requests()
	if len(all) == 0 {
		r.t.Fatalf("webhooktest: the receiver got no request")
	}
	return all[len(all)-1]
}

// Await waits until n requests have come in all, and ends the test if they
// have not within that time. Their answers may not have been given yet.
func (r *Receiver) Await(n int, within time.Duration) {
	r.t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	for {
		r.mu.Lock()
		got, arrived := len(r.got), r.arrived
		r.mu.Unlock()
		if got >= n {
			return
		}
		select {
		case <-arrived:
		case <-timer.C:
			r.t.Fatalf("webhooktest: want %s within %v, got %d%s", plural(n, "request"), within, got, describe(r.Requests()))
		}
	}
}

// WantVerified fails the test unless exactly n requests came, retries counted,
// and every one of them verified.
func (r *Receiver) WantVerified(n int) {
	r.t.Helper()
	all := r.Requests()
	verified := 0
	for _, q := range all {
		if q.Verified {
			verified++
		}
	}
	switch {
	case len(all) != n:
		r.t.Errorf("webhooktest: want %s, got %d%s", plural(n, "verified request"), len(all), describe(all))
	case verified != n:
		r.t.Errorf("webhooktest: want %s, got %d that verified%s", plural(n, "verified request"), verified, describe(all))
	}
}

// WantNothing fails the test if any request came.
func (r *Receiver) WantNothing() {
	r.t.Helper()
	if all := r.Requests(); len(all) > 0 {
		r.t.Errorf("webhooktest: want no request, got %d%s", len(all), describe(all))
	}
}

// Want fails the test unless exactly these events were delivered, as
// [Receiver.Deliveries] has them, in whatever order: deliveries overtake each
// other unless their endpoint is FIFO. A type that is to come twice is named
// twice.
func (r *Receiver) Want(types ...webhook.EventType) {
	r.t.Helper()
	var got []webhook.EventType
	for _, q := range r.Deliveries() {
		got = append(got, q.Event)
	}
	if !slices.Equal(slices.Sorted(slices.Values(types)), slices.Sorted(slices.Values(got))) {
		r.t.Errorf("webhooktest: want delivered: %s; got: %s%s", list(types), list(got), describe(r.Requests()))
	}
}

// WantRetries fails the test unless every event that came was tried
// len(delays) times again after its first attempt, each time after the delay:
// not before it has passed since the failure, and at most a tenth later, which
// is the dispatcher's jitter, and 2 seconds, within which it looks for work.
func (r *Receiver) WantRetries(delays ...time.Duration) {
	r.t.Helper()
	all := r.Requests()
	var ids []string
	attempts := map[string][]Request{}
	for _, q := range all {
		if attempts[q.ID] == nil {
			ids = append(ids, q.ID)
		}
		attempts[q.ID] = append(attempts[q.ID], q)
	}
	if len(ids) == 0 {
		r.t.Errorf("webhooktest: want an event that is tried %s, got no request", plural(len(delays)+1, "time"))
	}
	for _, id := range ids {
		if wrong := late(attempts[id], delays); wrong != "" {
			r.t.Errorf("webhooktest: event %s: %s%s", id, wrong, describe(attempts[id]))
		}
	}
}

// slack is how much later than due an attempt may begin.
const slack = 2 * time.Second

// late compares the attempts of one event with the delays before them.
func late(attempts []Request, delays []time.Duration) string {
	if len(attempts) != len(delays)+1 {
		return fmt.Sprintf("want %s, got %d", plural(len(delays)+1, "attempt"), len(attempts))
	}
	longest := time.Duration(0)
	for i, d := range delays {
		failed := attempts[i].Done
		if failed.IsZero() {
			failed = attempts[i].At
		}
		longest = max(d, longest) + max(d, longest)/10 // delays always increase
		if got := attempts[i+1].At.Sub(failed); got < d || got > longest+slack {
			return fmt.Sprintf("want %v to %v before attempt %d, got %v", d, longest+slack, i+2, got)
		}
	}
	return ""
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func list(types []webhook.EventType) string {
	if len(types) == 0 {
		return "nothing"
	}
	return strings.Join(types, ", ")
}

// describe lists requests for a failure, one a line.
func describe(all []Request) string {
	const most = 20
	var b strings.Builder
	for i, q := range all {
		if i == most {
			fmt.Fprintf(&b, "\n  … and %d more", len(all)-most)
			break
		}
		b.WriteString("\n  " + q.String())
	}
	return b.String()
}
