package console

import (
	"net/http"
	"time"

	"github.com/autoreach/webhook"
)

// Recovering goes step by step: each request takes some deliveries, and says
// how many. The page goes on with the next step by itself, or, without
// JavaScript, at the press of a button. So it shows its progress, stops when
// it is told to or left, and any process can do the next step.
const recoverStep = 200

type recoverView struct {
	Webhook *webhookView `json:"webhook"`
	Since   string       `json:"since"` // RFC 3339; empty for the beginning
	Until   string       `json:"until"` // so that what dies again meanwhile is not taken again
	Step    int          `json:"step"`  // recovered by this request
	Done    int          `json:"done"`  // by all of them
	Left    int          `json:"left"`  // undelivered now, whenever they were emitted
	More    bool         `json:"more"`  // there may be more: go on with the same since and until
	Started bool         `json:"started"`
	Wrong   string       `json:"-"`
}

// Total is what the progress is measured by.
func (r *recoverView) Total() int { return r.Done + r.Left }

// Choices are common beginnings.
func (r *recoverView) Choices() []sinceView {
	t := time.Now().UTC().Truncate(time.Minute)
	ago := func(d time.Duration) string { return t.Add(-d).Format(time.RFC3339) }
	return []sinceView{{"", "All of them"}, {ago(time.Hour), "The last hour"}, {ago(24 * time.Hour), "The last 24 hours"}, {ago(7 * 24 * time.Hour), "The last 7 days"}}
}

type sinceView struct{ Value, Label string }

func (v *visit) recoverForm() (*answer, error) {
	r, err := v.record(0)
	if err != nil {
		return nil, err
	}
	view := &recoverView{Webhook: v.webhookView(r), Left: r.Health.Undelivered}
	return &answer{json: view, page: "recover", title: "Send again what " + r.Name + " missed", data: view}, nil
}

func (v *visit) recover() (*answer, error) {
	in, err := v.read()
	if err != nil {
		return nil, err
	}
	custom := in.Since == "custom"
	if custom {
		in.Since = v.r.PostFormValue("since_time")
	}
	view := &recoverView{Since: in.Since, Until: in.Until, Started: true}
	since, wrongSince := instant(in.Since)
	until, wrongUntil := instant(in.Until)
	if until.IsZero() {
		until = time.Now().UTC()
		view.Until = until.Format(time.RFC3339Nano)
	}
	r, err := v.record(0)
	if err != nil {
		return nil, err
	}
	wrongSince = wrongSince || in.Since == "" && custom // "Since a time", and none was entered
	if wrongSince || wrongUntil {
		if v.json {
			return nil, refusedFields([]webhook.FieldError{{Field: "since", Code: "malformed", Message: "is not a time such as 2026-11-26T10:00:00Z; leave it empty for everything"}})
		}
		view.Webhook, view.Left, view.Started = v.webhookView(r), r.Health.Undelivered, false
		view.Wrong = "Enter a time, such as 2026-11-26T10:00, in UTC."
		return &answer{status: http.StatusUnprocessableEntity, page: "recover", title: "Send again what " + r.Name + " missed", data: view}, nil
	}
	n, err := v.d.Recover(v.r.Context(), v.account, v.id, since, until, recoverStep)
	if err != nil {
		return nil, err
	}
	if r, err = v.record(0); err != nil {
		return nil, err
	}
	view.Step, view.Done, view.Left, view.More = n, max(0, in.Done)+n, r.Health.Undelivered, n > 0 // as Recover says
	view.Webhook = v.webhookView(r)
	return &answer{json: view, page: "recover", title: "Send again what " + r.Name + " missed", data: view}, nil
}

// instant reads a time of a form or of JSON; an empty one is zero.
func instant(s string) (t time.Time, wrong bool) {
	if s == "" {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil && t.Year() > 1 && t.Year() < 10000 {
			return t.UTC(), false
		}
	}
	return time.Time{}, true
}
