package console

import (
	"errors"
	"net/http"

	"github.com/autoreach/webhook"
)

// A madeView is a webhook with its secret: shown once, when it was made.
type madeView struct {
	Webhook *webhookView `json:"webhook"`
	Secret  *string      `json:"secret"` // null unless it was generated here
	rotated bool
	show    string
	curl    string
}

// Secret and so on are for the template.
func (m *madeView) Show() string  { return m.show }
func (m *madeView) Curl() string  { return m.curl }
func (m *madeView) Rotated() bool { return m.rotated }

// submitted reads the body of a create, an edit or a test: into the form where
// it came from one.
func (v *visit) submitted(f *form) (input, error) {
	if v.isJSONBody() {
		return v.decode()
	}
	return v.fill(f)
}

// generated says whether the button that makes a secret was pressed, and puts
// one into the form. Nothing is saved by it.
func (v *visit) generated(f *form) bool {
	if v.r.PostForm.Get("generate") == "" {
		return false
	}
	f.Secret, f.Remove = webhook.GenerateSecret().Reveal(), false
	return true
}

func (v *visit) create() (*answer, error) {
	f := &form{Limits: v.d.Limits(v.account), Enabled: "on"}
	in, err := v.submitted(f)
	if err != nil {
		return nil, err
	}
	if v.generated(f) {
		return v.formAnswer(f, 0), nil
	}
	made := &madeView{}
	if in.Generate && in.Secret.Value == "" {
		s := webhook.GenerateSecret().Reveal()
		in.Secret, made.Secret = webhook.Set(s), &s
	}
	p, wrong := in.patch(webhook.Endpoint{})
	if len(f.Errors)+len(wrong) > 0 {
		return v.mistaken(f, p, wrong)
	}
	e := with(webhook.Endpoint{Account: v.account}, p)
	if e, err = v.d.CreateEndpoint(v.r.Context(), e); err != nil {
		return v.refused(f, err)
	}
	made.Webhook = v.webhookView(webhook.EndpointRecord{Endpoint: e, Health: webhook.Health{Last: webhook.LastNever}})
	a := &answer{status: http.StatusCreated, json: made, page: "made", title: e.Name, data: made, to: e.ID + "?done=created"}
	if made.show = in.Secret.Value; made.show != "" { // shown once: there is no page to go to
		made.curl = v.curl(e, webhook.Secret(made.show), e.Events[0])
		a.to = ""
	}
	return a, nil
}

func (v *visit) edit() (*answer, error) {
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	f := v.formOf(r)
	in, err := v.submitted(f)
	if err != nil {
		return nil, err
	}
	if v.generated(f) {
		return v.formAnswer(f, 0), nil
	}
	p, wrong := in.patch(r.Endpoint)
	if len(f.Errors)+len(wrong) > 0 {
		return v.mistaken(f, p, wrong)
	}
	if in.Enabled.IsSet && in.Enabled.Value == nil {
		return nil, refusedFields([]webhook.FieldError{{Field: "enabled", Code: "required", Message: "is null; send true or false, or leave it out"}})
	}
	switch {
	case in.Enabled.IsSet && *in.Enabled.Value: // JSON
		f.Enabled = map[string]string{"discard": "discard", "send": "on"}[in.Waiting]
		if f.Enabled == "" && r.Pending == 0 {
			f.Enabled = "on"
		}
		if f.Enabled == "" && !r.Enabled {
			return nil, undecided(r.Pending)
		}
	case in.Enabled.IsSet:
		f.Enabled = "off"
	}
	if f.Enabled == "on" || f.Enabled == "discard" {
		if err := locked(r); err != nil {
			return nil, err
		}
	}
	discard := f.Enabled == "discard" && !r.Enabled
	if enable := f.Enabled == "on"; enable != r.Enabled && f.Enabled != "" && f.Enabled != "discard" {
		p.Enabled = webhook.Set(enable)
	}
	version := in.Version
	if version == 0 && (p.Enabled.Value || discard) { // JSON may leave it out; the operator may be disabling it at this moment
		version = r.Version
	}
	e, err := v.d.UpdateEndpoint(v.r.Context(), v.account, v.id, version, p)
	if errors.Is(err, webhook.ErrConflict) && !v.json {
		f.Version = r.Version
		f.Problem = "It was changed meanwhile"
		if r.ChangedBy != "" {
			f.Problem += " by " + r.ChangedBy
		}
		f.Problem += ", and is now called " + r.Name + ". Save again to put what you see here in its place, or go back to see it first."
		return v.formAnswer(f, http.StatusConflict), nil
	}
	if err != nil {
		return v.refused(f, err)
	}
	if discard { // what waits is lost by it: not before the rest is known to be right, and before anything of it is sent
		if err := v.discard(); err != nil {
			return nil, err
		}
		if e, err = v.d.UpdateEndpoint(v.r.Context(), v.account, v.id, e.Version, webhook.EndpointPatch{Enabled: webhook.Set(true)}); err != nil {
			return nil, err
		}
	}
	r.Endpoint = e
	return &answer{json: webhookAnswer{v.webhookView(r)}, to: v.id + "?done=saved"}, nil
}

type webhookAnswer struct {
	Webhook *webhookView `json:"webhook"`
}

// refusedFields is a refusal of fields.
func refusedFields(fields []webhook.FieldError) error {
	re := refuse(http.StatusUnprocessableEntity, "invalid", "Please check what you entered.")
	re.fields = fields
	return re
}

// undecided asks what to do with what waits.
func undecided(n int) error {
	return refuse(http.StatusConflict, "waiting", "%s for this webhook. Say what to do with them: send or discard.", count(n, "delivery waits", "deliveries wait"))
}
