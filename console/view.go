package console

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// What pages show and JSON holds: the same values.

// A stamp is a time; null in JSON when there is none.
type stamp time.Time

func (s stamp) MarshalJSON() ([]byte, error) {
	if time.Time(s).IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(time.Time(s).UTC().Truncate(time.Millisecond))
}

// IsZero says that there is none.
func (s stamp) IsZero() bool { return time.Time(s).IsZero() }

type errorView struct {
	Error errorBody `json:"error"`
}

type errorBody struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Fields  []fieldView `json:"fields"`
}

type fieldView struct {
	Field   string `json:"field"`
	Code    string `json:"code"`
	Bound   string `json:"bound"`
	Message string `json:"message"`
}

func fieldViews(fields []webhook.FieldError) []fieldView {
	out := []fieldView{}
	for _, f := range fields {
		out = append(out, fieldView{f.Field, f.Code, f.Bound, f.Message})
	}
	return out
}

type eventView struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
}

func (v *visit) eventTypes() []eventView {
	out := []eventView{}
	for _, t := range v.d.EventTypes() {
		out = append(out, eventView{t.Name, t.Title, t.Description})
	}
	return out
}

// eventTitle is the customers' name of an event type.
func (v *visit) eventTitle(name string) string {
	for _, t := range v.d.EventTypes() {
		if t.Name == name {
			return t.Title
		}
	}
	return name
}

type webhookView struct {
	ID      string   `json:"id"`
	Version int64    `json:"version"`
	Name    string   `json:"name"`
	URL     string   `json:"url"`
	Events  []string `json:"events"`
	Format  string   `json:"format"`  // that was chosen; empty has it chosen by the URL
	SentAs  string   `json:"sent_as"` // that holds

	Enabled        bool   `json:"enabled"`
	DisabledBy     string `json:"disabled_by"`
	DisabledReason string `json:"disabled_reason"`

	Signed         bool   `json:"signed"` // by a secret, a key or both
	HasSecret      bool   `json:"has_secret"`
	OldSecretUntil stamp  `json:"old_secret_until"` // a rotation lasts until then
	PublicKey      string `json:"public_key"`       // of the signing key; empty if there is none

	HeaderNames []string `json:"header_names"` // their values are not shown
	Timeout     float64  `json:"timeout_seconds"`
	MaxInFlight int      `json:"max_in_flight"`
	PerSecond   float64  `json:"per_second"`
	FIFO        bool     `json:"in_order"`

	CreatedAt stamp  `json:"created_at"`
	UpdatedAt stamp  `json:"updated_at"`
	ChangedBy string `json:"changed_by"`

	Status      string     `json:"status"`  // one word, see states
	Summary     sentence   `json:"summary"` // the same in a sentence
	Last        lastView   `json:"last_delivery"`
	InError     bool       `json:"in_error"`
	Reason      string     `json:"error_reason"`
	Undelivered int        `json:"undelivered"`
	LastReason  string     `json:"undelivered_reason"`
	Pending     int        `json:"pending"`
	Hours       []hourView `json:"hours"` // the last 24, oldest first

	titles  []string
	format  string // title of SentAs
	strange bool   // Format is not known here
	hint    string
}

type lastView struct {
	State   string `json:"state"`
	At      stamp  `json:"at"`
	Attempt int    `json:"attempt"`
	NextAt  stamp  `json:"next_at"`
	Code    int    `json:"status"`
	Class   string `json:"class"`
	Error   string `json:"error"`
}

type hourView struct {
	Start     stamp `json:"start"`
	Delivered int   `json:"delivered"`
	Failed    int   `json:"failed"`
	LatencyMS int64 `json:"latency_ms"` // of one attempt, on average
}

// hoursShown is how far the chart looks back.
const hoursShown = 24

func (v *visit) webhookView(r webhook.EndpointRecord) *webhookView {
	if !v.may(Update) { // it is a credential where it leads to a chat or an automation
		r.URL = webhook.MaskURL(r.URL)
	}
	for _, text := range []*string{&r.Health.Error, &r.Health.Reason, &r.Health.LastReason} {
		*text = v.told(*text)
	}
	h := r.Health
	out := &webhookView{
		ID: r.ID, Version: r.Version, Name: r.Name, URL: r.URL, Events: append([]string{}, r.Events...),
		Format: r.Format, SentAs: r.SentAs, format: v.formatTitle(r.SentAs),
		Enabled: r.Enabled, DisabledBy: string(r.DisabledBy), DisabledReason: r.DisabledReason,
		Signed: r.HasSecret || r.PublicKey != "", HasSecret: r.HasSecret, OldSecretUntil: stamp(r.OldSecretUntil), PublicKey: r.PublicKey,
		HeaderNames: append([]string{}, slices.Sorted(maps.Keys(r.Headers))...),
		Timeout:     r.Timeout.Seconds(), MaxInFlight: r.MaxInFlight, PerSecond: r.PerSecond, FIFO: r.FIFO,
		CreatedAt: stamp(r.CreatedAt), UpdatedAt: stamp(r.UpdatedAt), ChangedBy: r.ChangedBy,
		Last: lastView{State: string(h.Last), At: stamp(h.At), Attempt: h.Attempt, NextAt: stamp(h.NextAt),
			Code: h.Status, Class: h.Class, Error: h.Error},
		InError: h.InError, Reason: h.Reason, Undelivered: h.Undelivered, LastReason: h.LastReason, Pending: r.Pending,
		Hours: hours(r.Hours, time.Now()),
	}
	out.strange = r.Format != "" && !slices.ContainsFunc(v.formats(), func(f formatView) bool { return f.Name == r.Format })
	out.Status = status(r)
	out.Summary, out.hint = v.summary(r), hint(r)
	for _, e := range r.Events {
		out.titles = append(out.titles, v.eventTitle(e))
	}
	return out
}

// told is what an attempt ended with, for who looks at it: where a redirect leads
// to is as secret as the webhook's URL.
func (v *visit) told(text string) string {
	if v.may(Update) {
		return text
	}
	return webhook.MaskURLs(text)
}

// EventTitles names the events as customers know them.
func (w *webhookView) EventTitles() string { return strings.Join(w.titles, ", ") }

// Another is why the last undelivered delivery died, where that is not what
// the page says anyway.
func (w *webhookView) Another() string {
	if w.InError && w.LastReason == w.Reason {
		return ""
	}
	return w.LastReason
}

// Locked says that the operator has disabled it: the customer cannot enable it.
func (w *webhookView) Locked() bool {
	return !w.Enabled && w.DisabledBy == string(webhook.DisabledByOperator)
}

// Hint says more about the error status.
func (w *webhookView) Hint() string { return w.hint }

// hours are the last 24, with the empty ones.
func hours(known []webhook.Hour, now time.Time) []hourView {
	by := map[int64]webhook.Hour{}
	for _, h := range known {
		by[h.Start.Unix()] = h
	}
	first := now.UTC().Truncate(time.Hour).Add(-(hoursShown - 1) * time.Hour)
	out := make([]hourView, hoursShown)
	for i := range out {
		start := first.Add(time.Duration(i) * time.Hour)
		h := by[start.Unix()]
		out[i] = hourView{Start: stamp(start), Delivered: h.Delivered, Failed: h.Failed}
		if n := h.Delivered + h.Failed; n > 0 {
			out[i].LatencyMS = (h.Latency / time.Duration(n)).Milliseconds()
		}
	}
	return out
}

type deliveryView struct {
	ID          int64         `json:"id"`
	Webhook     string        `json:"webhook"`
	Event       string        `json:"event"` // its ID, the receiver's webhook-id
	Type        string        `json:"type"`  // such as lead.scored
	Title       string        `json:"title"` // such as Lead Scored
	OccurredAt  stamp         `json:"occurred_at"`
	CreatedAt   stamp         `json:"created_at"`
	FinishedAt  stamp         `json:"finished_at"`
	NextAt      stamp         `json:"next_at"`
	State       string        `json:"state"`
	Reason      string        `json:"reason"`
	Summary     sentence      `json:"summary"`
	Resend      bool          `json:"resend"`
	Of          int64         `json:"resend_of"`
	ResentAs    int64         `json:"resent_as"`
	Undelivered bool          `json:"undelivered"`
	CanResend   bool          `json:"can_resend"`
	Attempts    []attemptView `json:"attempts"`
}

type attemptView struct {
	N        int     `json:"number"`
	At       stamp   `json:"at"`
	TookMS   float64 `json:"took_ms"`
	Result   string  `json:"result"`
	Code     int     `json:"status"`
	Class    string  `json:"class"`
	Error    string  `json:"error"`
	Advice   string  `json:"advice"`
	Response string  `json:"response"` // excerpt; empty in lists
	Cut      bool    `json:"response_cut"`

	again, last bool
}

// Again says that the next attempt has the same advice.
func (a attemptView) Again() bool { return a.again }

// IsLast says that no attempt followed.
func (a attemptView) IsLast() bool { return a.last }

// maxResponse is how much of an answer a page shows. The store keeps up to
// 16 KiB of each.
const maxResponse = 1 << 10

func (v *visit) attemptView(a webhook.Attempt, response bool) attemptView {
	a.Error = v.told(a.Error)
	out := attemptView{N: a.N, At: stamp(a.At), TookMS: float64(a.Took.Microseconds()) / 1000, Result: string(a.Result),
		Code: a.Status, Class: a.Class, Error: a.Error, Advice: advice(a.Class, a.Status)}
	if response && v.may(ViewPayload) {
		out.Response, out.Cut = cut(a.Response, maxResponse)
	}
	return out
}

// cut is the beginning of a text, whole characters only.
func cut(b []byte, n int) (string, bool) {
	if len(b) <= n {
		return strings.ToValidUTF8(string(b), "\ufffd"), false
	}
	s := strings.ToValidUTF8(string(b[:n]), "")
	return s, true
}

// deliveryView shows a delivery of the webhook.
func (v *visit) deliveryView(w webhook.EndpointRecord, r webhook.DeliveryRecord, responses bool) *deliveryView {
	out := &deliveryView{
		ID: r.ID, Webhook: r.Endpoint, Event: r.Event, Type: r.Type, Title: v.eventTitle(r.Type),
		OccurredAt: stamp(r.OccurredAt), CreatedAt: stamp(r.CreatedAt), FinishedAt: stamp(r.FinishedAt), NextAt: stamp(r.NextAt),
		State: string(r.State), Reason: string(r.Reason), Resend: r.Resend, Of: r.Of, ResentAs: r.ResentAs, Undelivered: r.Undelivered,
		CanResend: r.State != webhook.StatePending && w.Enabled, Attempts: []attemptView{},
	}
	for _, a := range r.Attempts {
		out.Attempts = append(out.Attempts, v.attemptView(a, responses))
	}
	for i := range len(out.Attempts) - 1 {
		out.Attempts[i].again = out.Attempts[i].Advice == out.Attempts[i+1].Advice
	}
	if n := len(out.Attempts); n > 0 {
		out.Attempts[n-1].last = true
	}
	out.Summary = v.story(w, r)
	return out
}
