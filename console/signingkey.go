package console

import (
	"github.com/autoreach/webhook"
)

// A keyView is the page of a webhook's signing key. The private half is never
// shown: nobody but the sender has a use for it.
type keyView struct {
	Webhook *webhookView `json:"webhook"`
}

func (v *visit) keyForm() (*answer, error) {
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	view := &keyView{v.webhookView(r)}
	return &answer{json: view, page: "signingkey", title: "Signing key of " + r.Name, data: view}, nil
}

// makeKey makes a signing key, in the place of one that is there.
func (v *visit) makeKey() (*answer, error) { return v.setKey(webhook.GenerateSigningKey(), "keymade") }

func (v *visit) removeKey() (*answer, error) { return v.setKey("", "keyremoved") }

// setKey changes the webhook that was seen: a version that is older by now is
// refused, so that a key which was just given away is not replaced by a button
// that was pressed twice.
func (v *visit) setKey(key webhook.Secret, done string) (*answer, error) {
	in, err := v.read()
	if err != nil {
		return nil, err
	}
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	e, err := v.d.UpdateEndpoint(v.r.Context(), v.account, v.id, in.Version, webhook.EndpointPatch{SigningKey: webhook.Set(key)})
	if err != nil {
		return nil, err
	}
	r.Endpoint = e
	return &answer{json: webhookAnswer{v.webhookView(r)}, to: v.id + "/signing-key?done=" + done}, nil
}
