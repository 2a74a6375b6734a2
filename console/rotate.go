package console

import (
	"net/http"
	"time"

	"github.com/autoreach/webhook"
)

// A rotateView is the page that gives a webhook a new secret with an overlap.
type rotateView struct {
	Webhook *webhookView `json:"webhook"`
	Secret  string       `json:"-"`
	Wrong   string       `json:"-"`
	Overlap float64      `json:"-"`
}

// Overlaps are the choices, in hours.
func (r *rotateView) Overlaps() []overlap {
	return []overlap{{1, "1 hour"}, {24, "1 day"}, {72, "3 days"}, {168, "7 days"}, {720, "30 days"}}
}

type overlap struct {
	Hours float64
	Label string
}

func (v *visit) rotateForm() (*answer, error) {
	r, err := v.record(0)
	if err != nil {
		return nil, err
	}
	view := &rotateView{Webhook: v.webhookView(r), Overlap: webhook.DefaultOverlap.Hours()}
	return &answer{json: view, page: "rotate", title: "Rotate the secret of " + r.Name, data: view}, nil
}

func (v *visit) rotate() (*answer, error) {
	in, err := v.read()
	if err != nil {
		return nil, err
	}
	r, err := v.record(0)
	if err != nil {
		return nil, err
	}
	hours := max(-1e6, min(1e6, in.Overlap))
	secret, e, err := v.d.RotateSecret(v.r.Context(), v.account, v.id, webhook.Secret(in.Secret.Value), time.Duration(hours*float64(time.Hour)))
	if f := new(form); err != nil {
		f.Errors = map[string]string{}
		if v.json || !f.blame(err) {
			return nil, err
		}
		view := &rotateView{Webhook: v.webhookView(r), Secret: in.Secret.Value, Wrong: f.Errors["secret"] + f.Errors["overlap"], Overlap: in.Overlap}
		return &answer{status: http.StatusUnprocessableEntity, page: "rotate", title: "Rotate the secret of " + r.Name, data: view}, nil
	}
	r.Endpoint = e
	made := &madeView{Webhook: v.webhookView(r), rotated: true, show: secret.Reveal()}
	if in.Secret.Value == "" {
		made.Secret = &made.show
	}
	made.curl = v.curl(e, secret, e.Events[0])
	return &answer{json: made, page: "made", title: e.Name, data: made}, nil
}

func (v *visit) endRotation() (*answer, error) {
	r, err := v.record(0)
	if err != nil {
		return nil, err
	}
	e, err := v.d.EndRotation(v.r.Context(), v.account, v.id)
	return v.changed(r, e, err, "rotated")
}
