package console

import (
	"net/http"

	"github.com/autoreach/webhook"
)

// The 1,000 webhooks or deliveries that a query can return would be no page.
const (
	hooksPerPage = 10
	pageSize     = 25 // deliveries
)

type listView struct {
	Webhooks []*webhookView `json:"webhooks"`
	Used     int            `json:"used"`
	Limit    int            `json:"limit"`
	After    string         `json:"next_after"` // for the after parameter; empty at the end
	Events   []eventView    `json:"events"`     // what a webhook can subscribe to
	PerHook  int            `json:"events_per_webhook"`
	first    bool
}

// First says whether the page is the first one.
func (l *listView) First() bool { return l.first }

// Full says that no more webhooks may be added.
func (l *listView) Full() bool { return l.Used >= l.Limit }

// list is the page itself: two queries at most, however much is logged.
func (v *visit) list() (*answer, error) {
	ctx := v.r.Context()
	q := webhook.EndpointQuery{Account: v.account, After: v.r.URL.Query().Get("after"), Limit: hooksPerPage + 1, Hours: hoursShown}
	if q.After != "" && !isID(q.After) {
		return nil, refuse(http.StatusBadRequest, "after", "There is no such page of the list.")
	}
	found, err := v.d.ListEndpoints(ctx, q)
	if err != nil {
		return nil, err
	}
	limits := v.d.Limits(v.account)
	l := &listView{Webhooks: []*webhookView{}, Used: len(found), Limit: limits.Endpoints, PerHook: limits.EventsPerEndpoint,
		Events: v.eventTypes(), first: q.After == ""}
	if len(found) > hooksPerPage || q.After != "" {
		all, err := v.d.ListEndpoints(ctx, webhook.EndpointQuery{Account: v.account, Limit: 1000})
		if err != nil {
			return nil, err
		}
		l.Used = len(all)
	}
	if len(found) > hooksPerPage {
		found = found[:hooksPerPage]
		l.After = found[hooksPerPage-1].ID
	}
	for _, r := range found {
		l.Webhooks = append(l.Webhooks, v.webhookView(r))
	}
	return &answer{json: l, page: "list", title: "Webhooks", data: l}, nil
}

type logView struct {
	Webhook    *webhookView    `json:"webhook"`
	State      string          `json:"state"` // the filter
	Deliveries []*deliveryView `json:"deliveries"`
	Before     int64           `json:"next_before"` // for the before parameter; 0 at the end
	first      bool
}

// First says whether the page is the first one.
func (l *logView) First() bool { return l.first }

// Filters are the choices of the log.
func (l *logView) Filters() []filterView {
	return []filterView{{"", "All"}, {"delivered", "Delivered"}, {"waiting", "Waiting"}, {"failed", "Failed"}, {"undelivered", "Never delivered"}}
}

type filterView struct{ Value, Label string }

// webhook is a webhook with the log of its deliveries: two queries.
func (v *visit) webhook() (*answer, error) {
	l := &logView{State: v.r.URL.Query().Get("state"), Deliveries: []*deliveryView{}}
	before, err := v.number("before")
	if err != nil {
		return nil, err
	}
	q := webhook.DeliveryQuery{Account: v.account, Endpoint: v.id, Limit: pageSize + 1, Before: before}
	switch l.State {
	case "":
	case "delivered":
		q.States = []webhook.State{webhook.StateDelivered}
	case "waiting":
		q.States = []webhook.State{webhook.StatePending}
	case "failed":
		q.States = []webhook.State{webhook.StateDead}
	case "undelivered":
		q.Undelivered = true
	default:
		return nil, refuse(http.StatusBadRequest, "state", "There is no such filter: use delivered, waiting, failed or undelivered.")
	}
	r, err := v.record(hoursShown)
	if err != nil {
		return nil, err
	}
	found, err := v.d.ListDeliveries(v.r.Context(), q)
	if err != nil {
		return nil, err
	}
	if len(found) > pageSize {
		found = found[:pageSize]
		l.Before = found[pageSize-1].ID
	}
	l.Webhook, l.first = v.webhookView(r), before == 0
	for _, d := range found {
		l.Deliveries = append(l.Deliveries, v.deliveryView(r, d, false))
	}
	return &answer{json: l, page: "webhook", title: r.Name, data: l}, nil
}

// record reads the webhook that the path names.
func (v *visit) record(hours int) (webhook.EndpointRecord, error) {
	found, err := v.d.ListEndpoints(v.r.Context(), webhook.EndpointQuery{Account: v.account, ID: v.id, Limit: 1, Hours: hours})
	if err != nil {
		return webhook.EndpointRecord{}, err
	}
	if len(found) == 0 {
		return webhook.EndpointRecord{}, refuse(http.StatusNotFound, "not_found", "There is no such webhook. It may have been deleted.")
	}
	return found[0], nil
}

// readable is record for what needs all of the webhook: one whose encryption key
// is missing can be looked at and deleted, and nothing else.
func (v *visit) readable() (webhook.EndpointRecord, error) {
	r, err := v.record(0)
	if err == nil && r.Unreadable != nil {
		err = refuse(http.StatusServiceUnavailable, "unavailable", "We cannot read %s at the moment. Nothing is lost; try again later.", r.Name)
	}
	return r, err
}

type oneView struct {
	Webhook     *webhookView  `json:"webhook"`
	Delivery    *deliveryView `json:"delivery"`
	Payload     string        `json:"payload"` // as it was sent, its beginning
	PayloadCut  bool          `json:"payload_cut"`
	PayloadSize int           `json:"payload_bytes"`
	Purged      bool          `json:"payload_purged"`
	Pretty      string        `json:"-"`
	PrettyCut   bool          `json:"-"`
}

// maxPayload is how much of a payload a page shows.
const maxPayload = 8 << 10

// delivery is one delivery with its attempts and its payload: two queries.
func (v *visit) delivery() (*answer, error) {
	w, d, err := v.deliveryRecord()
	if err != nil {
		return nil, err
	}
	o := &oneView{Webhook: v.webhookView(w), Delivery: v.deliveryView(w, d, true), PayloadSize: len(d.Body), Purged: d.Body == nil}
	o.Delivery.CanResend = o.Delivery.CanResend && d.Body != nil
	if v.may(ViewPayload) {
		o.Payload, o.PayloadCut = cut(d.Body, maxPayload)
		o.Pretty, o.PrettyCut = pretty(d.Body, maxPayload)
	}
	return &answer{json: o, page: "delivery", title: o.Delivery.Title, data: o}, nil
}

// deliveryRecord reads the delivery that the path names, of that webhook.
func (v *visit) deliveryRecord() (w webhook.EndpointRecord, d webhook.DeliveryRecord, err error) {
	if w, err = v.record(0); err != nil {
		return w, d, err
	}
	found, err := v.d.ListDeliveries(v.r.Context(), webhook.DeliveryQuery{
		Account: v.account, Endpoint: v.id, IDs: []int64{v.n}, Body: true, Limit: 1})
	if err == nil && len(found) == 0 {
		err = refuse(http.StatusNotFound, "not_found", "There is no such delivery. The log keeps them for a limited time.")
	}
	if err != nil {
		return w, d, err
	}
	return w, found[0], nil
}

// payload is the payload as it was sent, byte for byte, as a file.
func (v *visit) payload() (*answer, error) {
	_, d, err := v.deliveryRecord()
	if err != nil {
		return nil, err
	}
	if d.Body == nil {
		return nil, refuse(http.StatusNotFound, "not_found", "The payload is not kept any more.")
	}
	name := "payload-" + d.Event + ".txt"
	return &answer{raw: &download{contentType: "text/plain; charset=utf-8", name: name, body: d.Body}}, nil
}

// UsedPercent is the length of the meter.
func (l *listView) UsedPercent() int { return min(100, 100*l.Used/max(1, l.Limit)) }

// CanAgain says whether a delivery was not sent again already.
func (o *oneView) CanAgain() bool { return o.Delivery.ResentAs == 0 && !o.Purged }
