package console

import (
	"cmp"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// A rotateView is the page that gives a webhook a new secret with an overlap.
type rotateView struct {
	Webhook *webhookView `json:"webhook"`
	Secret  string       `json:"-"`
	Made    string       `json:"-"` // what is taken if none is entered: the same when the form is sent twice
	Overlap string       `json:"-"` // hours, as they were typed

	Wrong        string `json:"-"` // of the secret
	WrongOverlap string `json:"-"`
}

// Overlaps are the choices, in hours, and what was sent that is none of them.
func (r *rotateView) Overlaps() []overlap {
	choices := []overlap{{"1", "1 hour"}, {"24", "1 day"}, {"72", "3 days"}, {"168", "7 days"}, {"720", "30 days"}}
	if !slices.ContainsFunc(choices, func(o overlap) bool { return o.Hours == r.Overlap }) {
		choices = append(choices, overlap{r.Overlap, r.Overlap + " hours"})
	}
	return choices
}

type overlap struct{ Hours, Label string }

var defaultOverlap = decimal(webhook.DefaultOverlap.Hours())

func (v *visit) rotateForm() (*answer, error) {
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	view := &rotateView{Webhook: v.webhookView(r), Made: webhook.GenerateSecret().Reveal(), Overlap: defaultOverlap}
	return &answer{json: view, page: "rotate", title: "Rotate the secret of " + r.Name, data: view}, nil
}

func (v *visit) rotate() (*answer, error) {
	in, err := v.read()
	if err != nil {
		return nil, err
	}
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	secret := webhook.Secret(cmp.Or(in.Secret.Value, in.made))
	if secret == "" {
		secret = webhook.GenerateSecret()
	}
	overlap := duration(in.Overlap, time.Hour)
	if overlap == 0 {
		overlap = webhook.DefaultOverlap
	}
	e, err := v.d.UpdateEndpoint(v.r.Context(), v.account, v.id, in.Version, webhook.EndpointPatch{Secret: webhook.Set(secret), Overlap: overlap})
	if err != nil {
		return v.notRotated(r, in, err)
	}
	r.Endpoint = e
	made := &madeView{Webhook: v.webhookView(r), rotated: true, show: secret.Reveal()}
	if in.Secret.Value == "" {
		made.Secret = &made.show
	}
	e.Headers = withoutStored(e.Headers, e.Headers)
	made.curl = v.curl(e, secret, e.Events[0])
	return &answer{json: made, page: "made", title: e.Name, data: made}, nil
}

// notRotated is the page with what is wrong, or the error itself.
func (v *visit) notRotated(r webhook.EndpointRecord, in input, err error) (*answer, error) {
	var invalid *webhook.InvalidError
	if errors.As(err, &invalid) && math.IsNaN(in.Overlap) {
		for i, e := range invalid.Fields {
			if e.Field == "overlap" { // of what stood for it
				invalid.Fields[i] = webhook.FieldError{Field: e.Field, Code: "malformed", Message: notNumber}
			}
		}
	}
	f := new(form)
	if v.json || !f.blame(err) {
		return nil, err
	}
	typed := strings.TrimSpace(v.r.PostForm.Get("overlap_hours"))
	if v.isJSONBody() {
		typed = decimal(in.Overlap)
	}
	if typed == "" {
		typed = defaultOverlap
	}
	view := &rotateView{Webhook: v.webhookView(r), Secret: in.Secret.Value, Made: webhook.GenerateSecret().Reveal(), Overlap: typed,
		Wrong: f.Errors["secret"], WrongOverlap: f.Errors["overlap"]}
	return &answer{status: http.StatusUnprocessableEntity, page: "rotate", title: "Rotate the secret of " + r.Name, data: view}, nil
}

// endRotation ends the rotation that was seen: of a later one the receiver may
// have the old secret only.
func (v *visit) endRotation() (*answer, error) {
	in, err := v.read()
	if err != nil {
		return nil, err
	}
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	if in.Version != 0 && r.Rotating && r.Version != in.Version {
		return nil, webhook.ErrConflict
	}
	e, err := v.d.EndRotation(v.r.Context(), v.account, v.id)
	return v.changed(r, e, err, "rotated")
}
