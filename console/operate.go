package console

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/autoreach/webhook"
)

type questionView struct {
	Webhook *webhookView `json:"webhook"`
}

// question is a page that asks before something is done.
func (v *visit) question(page, title string) (*answer, error) {
	r, err := v.record(0)
	if err != nil {
		return nil, err
	}
	q := &questionView{v.webhookView(r)}
	return &answer{json: q, page: page, title: title + " " + r.Name, data: q}, nil
}

func (v *visit) enableQuestion() (*answer, error) { return v.question("enable", "Enable") }
func (v *visit) deleteQuestion() (*answer, error) { return v.question("delete", "Delete") }
func (v *visit) dismissQuestion() (*answer, error) {
	return v.question("dismiss", "Dismiss undelivered of")
}

// enable enables a webhook: at once when nothing waits, and else as it was
// said what to do with that.
func (v *visit) enable() (*answer, error) {
	in, err := v.read()
	if err != nil {
		return nil, err
	}
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	if err := locked(r); err != nil {
		return nil, err
	}
	version := r.Version // it is enabled as it was looked at: the operator may be disabling it at this moment
	if in.Version != 0 && !r.Enabled {
		version = in.Version // what waits by now may not be what the question was about
	}
	switch {
	case in.Waiting == "discard" && !r.Enabled: // what is lost by it: not before it is known to be possible
		e, err := v.d.UpdateEndpoint(v.r.Context(), v.account, v.id, version, webhook.EndpointPatch{})
		if err != nil {
			return nil, err
		}
		version = e.Version
		if err := v.discard(); err != nil {
			return nil, err
		}
	case in.Waiting == "send", r.Pending == 0, r.Enabled:
	case v.json:
		return nil, undecided(r.Pending)
	default:
		return &answer{to: v.id + "/enable"}, nil
	}
	e, err := v.d.UpdateEndpoint(v.r.Context(), v.account, v.id, version, webhook.EndpointPatch{Enabled: webhook.Set(true)})
	return v.changed(r, e, err, "enabled")
}

// locked refuses to enable what the operator has disabled.
func locked(r webhook.EndpointRecord) error {
	if r.Enabled || r.DisabledBy != webhook.DisabledByOperator {
		return nil
	}
	return refuse(http.StatusConflict, "locked", "We disabled %s, so it cannot be enabled here. Please contact support.", r.Name)
}

func (v *visit) disable() (*answer, error) {
	r, err := v.readable()
	if err != nil {
		return nil, err
	}
	e, err := v.d.DisableEndpoint(v.r.Context(), v.account, v.id, webhook.DisabledByCustomer)
	return v.changed(r, e, err, "disabled")
}

func (v *visit) changed(r webhook.EndpointRecord, e webhook.Endpoint, err error, done string) (*answer, error) {
	if err != nil {
		return nil, err
	}
	r.Endpoint = e
	to := v.id
	if v.r.PostFormValue("from") == "list" {
		to = ""
	}
	return &answer{json: webhookAnswer{v.webhookView(r)}, to: to + "?done=" + done}, nil
}

// discard gives up what waits.
func (v *visit) discard() error {
	_, more, err := steps(v.r.Context(), func() (int, error) {
		return v.d.Dismiss(v.r.Context(), webhook.DeliveryQuery{Account: v.account, Endpoint: v.id,
			States: []webhook.State{webhook.StatePending}, Limit: 1000})
	})
	if more && err == nil {
		return refuse(http.StatusConflict, "more", "Many deliveries wait, and not all of them are discarded yet. Do it again to go on.")
	}
	return err
}

type goneView struct {
	Deleted string `json:"deleted"`
}

func (v *visit) delete() (*answer, error) {
	if err := v.d.DeleteEndpoint(v.r.Context(), v.account, v.id); err != nil {
		return nil, err
	}
	return &answer{json: goneView{v.id}, to: "?done=deleted"}, nil
}

type doneView struct {
	Done int  `json:"done"`
	More bool `json:"more"`
}

// dismiss takes everything out of the undelivered count.
func (v *visit) dismiss() (*answer, error) {
	if _, err := v.record(0); err != nil {
		return nil, err
	}
	n, more, err := steps(v.r.Context(), func() (int, error) {
		return v.d.Dismiss(v.r.Context(), webhook.DeliveryQuery{Account: v.account, Endpoint: v.id, Undelivered: true, Limit: 1000})
	})
	if err != nil {
		return nil, err
	}
	a := &answer{json: doneView{n, more}, to: v.id + "?done=dismissedall"}
	if more {
		a.to = v.id + "/dismiss"
	}
	return a, nil
}

// dismissOne takes one delivery out of the count, or gives it up if it waits.
func (v *visit) dismissOne() (*answer, error) {
	_, r, err := v.deliveryRecord()
	if err != nil {
		return nil, err
	}
	done := "dismissed"
	if r.State == webhook.StatePending {
		done = "discarded"
	}
	n, err := v.d.Dismiss(v.r.Context(), webhook.DeliveryQuery{Account: v.account, Endpoint: v.id, IDs: []int64{v.n}, Limit: 1})
	if err != nil {
		return nil, err
	}
	return &answer{json: doneView{n, false}, to: v.id + "?done=" + done}, nil
}

type resentView struct {
	Delivery int64 `json:"delivery"`
}

// resend sends one delivery again.
func (v *visit) resend() (*answer, error) {
	w, _, err := v.deliveryRecord()
	if err != nil {
		return nil, err
	}
	if !v.resends.allow(v.account) {
		return nil, refuse(http.StatusTooManyRequests, "busy", "You sent %d again within a minute. Wait a moment, or use Send again on the webhook's page for all of them.", resendsPerMinute)
	}
	n, err := v.d.Resend(v.r.Context(), v.account, v.n)
	switch {
	case errors.Is(err, webhook.ErrConflict):
		return nil, refuse(http.StatusConflict, "pending", "It is on its way already. Wait for the result.")
	case errors.Is(err, webhook.ErrNotFound):
		return nil, refuse(http.StatusNotFound, "purged", "Its payload is not kept any more, so it cannot be sent again.")
	case errors.Is(err, webhook.ErrDisabled):
		return nil, refuse(http.StatusConflict, "disabled", "%s is disabled. Enable it first, then send this again.", w.Name)
	case err != nil:
		return nil, err
	}
	return &answer{json: resentView{n}, to: v.id + "/" + decimal(float64(n)) + "?done=resent"}, nil
}

// resendsPerMinute bounds resends, for each account and process.
const resendsPerMinute = 60

// A limiter counts what accounts did within the present minute.
type limiter struct {
	mu     sync.Mutex
	minute int64
	counts map[string]int
}

func (l *limiter) allow(account string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := time.Now().Unix() / 60; m != l.minute || l.counts == nil {
		l.minute, l.counts = m, map[string]int{}
	}
	l.counts[account]++
	return l.counts[account] <= resendsPerMinute
}
