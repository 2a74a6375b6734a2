package console

import (
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// A sentence is text with times in it, which a page shows in the zone of who
// reads it.
type sentence []part

type part struct {
	Text string
	Time stamp
}

// String is the sentence with its times in UTC.
func (s sentence) String() string {
	var b strings.Builder
	for _, p := range s {
		if p.Time.IsZero() {
			b.WriteString(p.Text)
		} else {
			b.WriteString(short(p.Time))
		}
	}
	return b.String()
}

// MarshalJSON makes it a string.
func (s sentence) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// say makes a sentence of strings, numbers and times.
func say(parts ...any) sentence {
	var out sentence
	for _, p := range parts {
		if t, ok := p.(time.Time); ok {
			out = append(out, part{Time: stamp(t)})
		} else {
			out = append(out, part{Text: fmt.Sprint(p)})
		}
	}
	return out
}

// short is a time as a page without JavaScript shows it.
func short(s stamp) string { return time.Time(s).UTC().Format("2 Jan 15:04 UTC") }

// exact is a time as it stands on hover.
func exact(s stamp) string { return time.Time(s).UTC().Format("2006-01-02 15:04:05.000 UTC") }

func machine(s stamp) string { return time.Time(s).UTC().Format("2006-01-02T15:04:05.000Z") }

// often says how many times.
func often(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return number(n) + " times"
}

// number spells small numbers.
func number(n int) string {
	small := []string{"no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	if n >= 0 && n < len(small) {
		return small[n]
	}
	return grouped(n)
}

// grouped writes a number with commas.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// count is a number with its noun.
func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}

// took says how long something took.
func took(ms float64) string {
	switch {
	case ms < 1:
		return "under 1 ms"
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	case ms < 10_000:
		return fmt.Sprintf("%.1f s", ms/1000)
	}
	return fmt.Sprintf("%.0f s", ms/1000)
}

// happened says what came back from an attempt, after "your endpoint" where
// answered is true.
func happened(status int, class, words string) (answered bool, text string) {
	switch {
	case status != 0 && class != webhook.ClassTimeout:
		return true, fmt.Sprintf("answered %03d", status)
	case words != "":
		head, _, _ := strings.Cut(words, ": ")
		return false, head
	}
	return false, "could not be reached"
}

// status is the word for how a webhook is doing.
func status(r webhook.EndpointRecord) string {
	switch {
	case !r.Enabled:
		return "disabled"
	case r.Unreadable != nil:
		return "unavailable"
	case r.Health.InError:
		return "error"
	case !r.Health.FailingSince.IsZero() && r.Pending > 0:
		return "retrying"
	case !r.Health.FailingSince.IsZero(): // what it was about was given up otherwise
		return "failing"
	case r.Health.Last == webhook.LastNever:
		return "new"
	}
	return "healthy"
}

// summary says how a webhook is doing.
func (v *visit) summary(r webhook.EndpointRecord) sentence {
	var why sentence
	switch {
	case r.Enabled && r.Unreadable != nil:
		return say("We cannot read where this webhook leads at the moment. Its events wait until we can.")
	case r.Enabled:
		return v.last(r)
	case r.DisabledBy == webhook.DisabledByEngine:
		why = say("We disabled it: ", r.DisabledReason, ".")
	case r.DisabledBy == webhook.DisabledByOperator:
		why = say("Disabled by us. Please contact support.")
	default:
		why = say("Disabled. It gets no events until it is enabled again.")
	}
	if r.Health.Last == webhook.LastNever {
		return why
	}
	return append(append(why, say(" ")...), v.last(r)...)
}

// last says what came of the last attempt.
func (v *visit) last(r webhook.EndpointRecord) sentence {
	h := r.Health
	answered, what := happened(h.Status, h.Class, h.Error)
	switch h.Last {
	case webhook.LastDelivered:
		return say("Delivered at ", h.At, "; your endpoint answered ", h.Status, ".")
	case webhook.LastRetrying:
		out := say("Failed at ", h.At, ": ", what)
		if answered {
			out = say("Your endpoint ", what, " at ", h.At)
		}
		if !r.Enabled || r.Pending == 0 { // what it was about waits, or has ended otherwise
			return append(out, say(".")...)
		}
		return append(out, say("; we try again at ", h.NextAt, fmt.Sprintf(" (attempt %d of %d).", h.Attempt+1, v.d.Limits(v.account).Attempts))...)
	case webhook.LastFailed:
		after := ""
		if h.Attempt > 0 {
			after = " after " + count(h.Attempt, "attempt", "attempts")
		}
		if answered {
			return say("Your endpoint ", what, "; we gave up at ", h.At, after, ".")
		}
		return say("We gave up at ", h.At, after, ": ", what, ".")
	}
	if r.Pending > 0 || h.InError {
		return say("Nothing was sent yet.")
	}
	return say("Nothing was sent yet. It waits for its first event.")
}

// hint is the rest of the reason for the error status, where the summary does
// not have it.
func hint(r webhook.EndpointRecord) string {
	h := r.Health
	if !h.InError || h.Reason == "" {
		return ""
	}
	if h.Last == webhook.LastFailed && h.Status/100 == 3 { // only the whole names the URL to enter
		return h.Reason + "."
	}
	if _, more, ok := strings.Cut(h.Reason, ": "); ok && h.Last == webhook.LastFailed {
		return more + "."
	} else if h.Last == webhook.LastFailed {
		return ""
	}
	return "the last delivery that we gave up: " + h.Reason + "."
}

// story says what became of a delivery, and what can be done.
func (v *visit) story(w webhook.EndpointRecord, r webhook.DeliveryRecord) sentence {
	var last webhook.Attempt
	counted, alike := 0, true
	for _, a := range r.Attempts {
		if a.Result != webhook.ResultFailed && a.Result != webhook.ResultDelivered {
			continue
		}
		if counted > 0 && (a.Status != last.Status || a.Class != last.Class) {
			alike = false
		}
		counted++
		last = a
	}
	answered, what := happened(last.Status, last.Class, last.Error)
	switch r.State {
	case webhook.StateDelivered:
		if counted <= 1 {
			return say("Delivered at ", r.FinishedAt, "; your endpoint answered ", last.Status, ".")
		}
		return say("Delivered at ", r.FinishedAt, " at the ", ordinal(counted), " attempt; your endpoint answered ", last.Status, ".")
	case webhook.StatePending:
		switch {
		case !w.Enabled:
			return say("Waits until the webhook is enabled again.")
		case counted == 0:
			return say("Waits for its turn.")
		case answered:
			return say("Your endpoint ", what, " ", often(counted), "; we try again at ", r.NextAt, ".")
		}
		return say("Failed ", often(counted), ": ", what, "; we try again at ", r.NextAt, ".")
	}
	switch r.Reason {
	case webhook.ReasonFailed:
		switch {
		case answered && alike:
			return say("Your endpoint ", what, " ", often(counted), "; we gave up at ", r.FinishedAt, ".")
		case answered:
			return say("Failed ", often(counted), ", at last your endpoint ", what, "; we gave up at ", r.FinishedAt, ".")
		case counted == 0:
			return say("It could not be sent; we gave up at ", r.FinishedAt, ".")
		}
		return say("Failed ", often(counted), ": ", what, "; we gave up at ", r.FinishedAt, ".")
	case webhook.ReasonExpired:
		tried := "tried"
		if counted > 0 {
			tried = "tried again"
		}
		return say("It waited too long, and expired at ", r.FinishedAt, " before it could be ", tried, ".")
	case webhook.ReasonMissed:
		return say("It happened at ", r.OccurredAt, ", while the webhook was disabled after failing.")
	case webhook.ReasonFormat:
		return say("It could not be put into this webhook's format; it ended at ", r.FinishedAt, ". Nothing was sent.")
	case webhook.ReasonDiscarded:
		return say("Discarded on request at ", r.FinishedAt, ".")
	}
	return say("The stored event could not be read; it ended at ", r.FinishedAt, ".")
}

func ordinal(n int) string {
	switch n {
	case 1:
		return "first"
	case 2:
		return "second"
	case 3:
		return "third"
	case 4:
		return "fourth"
	}
	return fmt.Sprintf("%dth", n)
}

// advice says what the endpoint's owner can do about a failure, where
// Attempt.Error does not say it.
func advice(class string, status int) string {
	switch class {
	case webhook.ClassAddress:
		return "localhost and private addresses cannot be reached from here. Use a public https address, or a tunnel while you develop."
	case webhook.ClassRefused, webhook.ClassUnreachable:
		return "Check that the server runs, and that its firewall lets requests in."
	case webhook.ClassTLSExpired, webhook.ClassTLSCert, webhook.ClassTLSWrongHost, webhook.ClassTLSAuthority:
		return "Renew or mend the certificate. A certificate test of your host shows the same problem."
	case webhook.ClassFormat, webhook.ClassUnknownFormat:
		return "Your endpoint has nothing to do with it. Tell us if it goes on."
	case webhook.ClassStatus:
		switch {
		case status == 401 || status == 403:
			return "If you check the signature there, compare the secret and verify the raw body. If the address wants a password, add the header it expects."
		case status == 429:
			return "Set a lower rate in the webhook's advanced settings if this goes on."
		case status >= 500:
			return "The log of your server tells more. Once it is mended, send the event again."
		}
	}
	return ""
}

// testLimitWords tells a customer what ErrBusy says.
func testLimitWords(err error) string {
	_, why, _ := strings.Cut(err.Error(), ": ")
	if why == "" {
		why = "wait a minute"
	}
	return "Not sent: " + strings.TrimPrefix(why, "too many test sends: ") + "."
}

// notes are what the page says after a redirect, by its done parameter.
var notes = map[string]string{
	"created":      "The webhook is ready. It gets the next event.",
	"saved":        "Saved. The changes count from the next delivery on.",
	"enabled":      "Enabled. It gets events from now on.",
	"disabled":     "Disabled. Events that happen now are not sent to it.",
	"deleted":      "Deleted. Nothing more is sent to it.",
	"resent":       "On its way again. The result appears here.",
	"dismissed":    "Dismissed. It does not count as undelivered any more.",
	"discarded":    "Given up. It is not sent.",
	"dismissedall": "Dismissed. Nothing counts as undelivered any more.",
	"rotated":      "The rotation is over. Only the new secret signs now.",
	"keymade":      "The key signs from the next delivery on.",
	"keyremoved":   "Removed. The key signs no more.",
}

// labels are the words for states.
var labels = map[string]string{
	"healthy": "Healthy", "error": "Error", "retrying": "Retrying", "failing": "Failing", "new": "No events yet", "disabled": "Disabled",
	"unavailable": "Unavailable",
	"pending":     "Waiting", "delivered": "Delivered", "dead": "Failed", "failed": "Failed", "interrupted": "Interrupted", "superseded": "Late",
}

func label(s string) string {
	if l := labels[s]; l != "" {
		return l
	}
	return s
}

// words are the functions of the templates.
var words = template.FuncMap{
	"short": short, "exact": exact, "machine": machine, "count": count, "grouped": grouped, "took": took, "label": label,
	"chart": chart, "totals": totals, "often": often, "join": strings.Join, "state": deliveryLabel,
}

// deliveryLabel is the word for where a delivery stands.
func deliveryLabel(d *deliveryView) string {
	switch {
	case d.State == "pending" && len(d.Attempts) > 0:
		return "Retrying"
	case d.Reason == "missed":
		return "Missed"
	case d.Reason == "discarded":
		return "Discarded"
	case d.Reason == "expired":
		return "Expired"
	}
	return label(d.State)
}
