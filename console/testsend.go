package console

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/autoreach/webhook"
)

type testAnswer struct {
	Test *testView `json:"test"`
}

// A testView is what came of a test.
type testView struct {
	Delivered bool        `json:"delivered"`
	Event     string      `json:"event"`
	Summary   string      `json:"summary"`
	Attempt   attemptView `json:"attempt"`
}

type previewAnswer struct {
	Preview *previewView `json:"preview"`
}

// A previewView is what a test would send.
type previewView struct {
	Event   string `json:"event"`
	SentAs  string `json:"sent_as"` // the format
	Payload string `json:"payload"`
	Curl    string `json:"curl"`
	Signed  bool   `json:"signed"`
	Cut     bool   `json:"-"`
}

func (v *visit) testNew() (*answer, error) {
	if !v.may(Create) { // whoever may only test sends to what is saved
		return nil, notAllowed()
	}
	f := &form{Limits: v.d.Limits(v.account), Enabled: "on"}
	return v.try(f, webhook.Endpoint{Account: v.account}, func(event string, p webhook.EndpointPatch) (webhook.Attempt, error) {
		return v.d.TestNew(v.r.Context(), with(webhook.Endpoint{Account: v.account}, p), event)
	})
}

func (v *visit) test() (*answer, error) {
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	if !v.may(Update) {
		return v.tryStored(r)
	}
	return v.try(v.formOf(r), r.Endpoint, func(event string, p webhook.EndpointPatch) (webhook.Attempt, error) {
		return v.d.Test(v.r.Context(), v.account, v.id, event, p)
	})
}

// try sends a sample to what is typed. Nothing is saved.
func (v *visit) try(f *form, stored webhook.Endpoint, send func(string, webhook.EndpointPatch) (webhook.Attempt, error)) (*answer, error) {
	event, p, a, err := v.typed(f, stored)
	if a != nil || err != nil {
		return a, err
	}
	attempt, err := send(event, p)
	if err != nil {
		return v.refused(f, err)
	}
	return v.tested(f, event, attempt), nil
}

func (v *visit) tested(f *form, event string, attempt webhook.Attempt) *answer {
	f.Result = v.testView(event, attempt)
	a := v.formAnswer(f, 0)
	a.json = testAnswer{f.Result}
	return a
}

// tryStored is for who may test and not change: sent elsewhere, a test would
// show what the webhook's headers hold.
func (v *visit) tryStored(r webhook.EndpointRecord) (*answer, error) {
	in, err := v.read()
	if err != nil {
		return nil, err
	}
	event := in.Test
	if event == "" {
		event = r.Events[0]
	}
	if in.Test = ""; !reflect.ValueOf(in).IsZero() {
		return nil, refuse(http.StatusForbidden, "forbidden", "You may test this webhook as it is saved, and not change it. Send no more than the event of the test.")
	}
	attempt, err := v.d.Test(v.r.Context(), v.account, v.id, event, webhook.EndpointPatch{})
	if err != nil {
		return nil, err
	}
	return v.tested(v.formOf(r), event, attempt), nil
}

// typed reads what a test is to be made of. An answer is the form with what is
// wrong.
func (v *visit) typed(f *form, stored webhook.Endpoint) (event string, p webhook.EndpointPatch, a *answer, err error) {
	in, err := v.submitted(f)
	if err != nil {
		return "", p, nil, err
	}
	p, wrong := in.patch(stored)
	if len(f.Errors)+len(wrong) > 0 {
		a, err = v.mistaken(f, p, wrong)
		return "", p, a, err
	}
	event = in.Test
	if e := with(stored, p); event == "" && len(e.Events) > 0 {
		event = e.Events[0]
	}
	f.Test = event
	return event, p, nil, nil
}

func (v *visit) testView(event string, a webhook.Attempt) *testView {
	a.Error = v.told(a.Error)
	out := &testView{Delivered: a.Result == webhook.ResultDelivered, Event: event, Attempt: v.attemptView(a, true)}
	time := took(out.Attempt.TookMS)
	failed := "It failed after " + time
	if out.Attempt.TookMS < 1 {
		failed = "It failed at once"
	}
	switch {
	case out.Delivered:
		out.Summary = fmt.Sprintf("It works: your endpoint answered %d in %s.", a.Status, time)
	case a.Class == webhook.ClassFormat:
		out.Summary = "Nothing was sent: " + a.Error + "."
	case a.Error != "" && a.Status != 0:
		out.Summary = fmt.Sprintf("%s: your endpoint %s.", failed, a.Error)
	case a.Error != "":
		out.Summary = fmt.Sprintf("%s: %s.", failed, a.Error)
	default:
		out.Summary = fmt.Sprintf("%s: your endpoint answered %d.", failed, a.Status)
	}
	return out
}

func (v *visit) previewNew() (*answer, error) {
	return v.show(&form{Limits: v.d.Limits(v.account), Enabled: "on"}, webhook.Endpoint{Account: v.account})
}

func (v *visit) preview() (*answer, error) {
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	return v.show(v.formOf(r), r.Endpoint)
}

// show is what a test would send, as payload and as a command line. The
// command is signed only with a secret that was just typed: one that is stored
// does not come out again.
func (v *visit) show(f *form, stored webhook.Endpoint) (*answer, error) {
	event, p, a, err := v.typed(f, stored)
	if a != nil || err != nil {
		return a, err
	}
	e := with(stored, p)
	e.Headers = withoutStored(e.Headers, stored.Headers)
	req, err := v.d.Preview(v.r.Context(), e, event)
	if err != nil {
		return v.refused(f, err)
	}
	var missing []string // signatures of what is stored, which does not come out
	switch {
	case e.Secret != "":
	case e.HasSecret && !p.Secret.IsSet:
		missing = []string{"Webhook-Signature: v1,SIGNATURE", "X-Webhook-Signature: sha256=SIGNATURE"}
	case e.PublicKey != "":
		missing = []string{"Webhook-Signature: v1a,SIGNATURE"}
	}
	shown := previewView{Event: event, SentAs: v.d.SentAs(e), Payload: string(req.Body), Signed: e.Secret != "", Curl: curl(req, missing)}
	f.Preview = &shown
	a = v.formAnswer(f, 0)
	a.json = previewAnswer{&previewView{shown.Event, shown.SentAs, shown.Payload, shown.Curl, shown.Signed, false}}
	shown.Payload, shown.Cut = pretty(req.Body, maxPayload)
	return a, nil
}

// withoutStored has placeholders for the values that are stored: what was just
// typed may be shown, and no other.
func withoutStored(headers, stored map[string]string) map[string]string {
	out := maps.Clone(headers)
	for name, value := range out {
		if stored[name] == value {
			out[name] = "your-value"
		}
	}
	return out
}

// curl of a webhook that was just made.
func (v *visit) curl(e webhook.Endpoint, s webhook.Secret, event string) string {
	e.Secret = s
	req, err := v.d.Preview(v.r.Context(), e, event)
	if err != nil {
		return ""
	}
	return curl(req, nil)
}

// curl is a command line that sends the request. Placeholders are headers that
// stand for signatures by what is not at hand.
func curl(req webhook.Preview, placeholders []string) string {
	var b strings.Builder
	b.WriteString("curl -g -i " + quote(req.URL)) // -g: brackets are what they are
	for _, name := range slices.Sorted(maps.Keys(req.Header)) {
		for _, value := range req.Header[name] {
			b.WriteString(" \\\n  -H " + quote(name+": "+value))
		}
	}
	for _, header := range placeholders {
		b.WriteString(" \\\n  -H " + quote(header))
	}
	b.WriteString(" \\\n  --data-raw " + quote(string(req.Body)))
	return b.String()
}

// quote makes a word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
