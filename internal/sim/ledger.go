package sim

import (
	"context"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

// The ledger is what the world knows of the store's contents: all of it is
// guarded by the world's lock.

// lane is what is known of an endpoint's lane.
type lane struct {
	id, account string
	plan        *EndpointPlan
	versions    []version
	deleted     time.Time
	offs        []*off
	claims      []*claim
	notBefore   time.Time // by the Pause of the last Return
	parked      int64     // Return.Park of the last Return
	parkedAt    time.Time
	wakes       int // what has raised the mark
	deliveries  map[int64]*delivery
	order       []*delivery // by ID
}

// version is the endpoint as it was from some time on.
type version struct {
	webhook.Endpoint
	from time.Time
}

// off is a time in which the endpoint was disabled, or since it was deleted.
type off struct {
	from, to time.Time              // to is zero while it lasts
	knows    map[*process]time.Time // who was told so, and when
	begun    int                    // sends that began nevertheless
}

// claim is a lease on a lane.
type claim struct {
	lane      *lane
	process   *process
	token     int64
	at, until time.Time     // until: when the lease ends at the earliest
	latest    time.Time     // and at the latest
	returned  time.Time     // when its Return was accepted
	void      bool          // by a disable
	lost      time.Time     // when its process was told that it is lost
	seen      map[int64]int // lane.wakes at the Due that answered this mark
	throttled []time.Time   // until when the endpoint asked to be left alone
	sent      []time.Time   // when ordinary sends began, for the rate
}

// delivery is what is known of a delivery.
type delivery struct {
	id       int64
	lane     *lane
	event    *event
	created  time.Time
	known    time.Time // when the ledger knew it
	resend   bool
	of       int64
	attempts int // counted
	gone     bool
	due      time.Time
	delay    time.Duration
	state    webhook.State
	finished time.Time // when it first ended
	handings []*handing
	settled  map[settleKey]bool
	history  []attempt
	cut      int // interrupted attempts that were recorded

	dismissed bool
}

type settleKey struct {
	n     int
	token int64
}

// attempt is one that must be in the log.
type attempt struct {
	n      int
	token  int64
	result webhook.Result
	status int
	took   time.Duration
	at     span
}

// handing is one hand-out of a delivery by Due. It may lead to one request.
type handing struct {
	number   int
	delivery *delivery
	claim    *claim
	after    int // counted attempts before it
	at       time.Time
	version  int       // index in lane.versions
	open     bool      // the engine was told of it
	asked    time.Time // when the engine asked

	begun, ended time.Time
	status       int
	failure      error
	arrived      int
	answered     []int

	reported time.Time // when its outcome came to the store for the first time
	applied  bool
	outcome  webhook.State
	result   webhook.Result
}

// event is one that is stored.
type event struct {
	id, account, key string
	kind             webhook.EventType
	bodies           []string // one when it is stored; before, those that may be
	marker           string
	at               time.Time
	until            time.Time // of its key
	wanted           []*lane   // enabled and subscribed
	missed           []*lane   // disabled by the engine
}

// stored says whether an Append said so.
func (e *event) stored() bool { return !e.at.IsZero() }

// pauseBook is an operator's pause.
type pauseBook struct {
	webhook.Pause
	from, to time.Time
	seq      int64
}

func (l *lane) config() *webhook.Endpoint { return &l.versions[len(l.versions)-1].Endpoint }

// isOff says whether the endpoint is disabled or deleted, and since when.
func (l *lane) isOff() *off {
	if n := len(l.offs); n > 0 && l.offs[n-1].to.IsZero() {
		return l.offs[n-1]
	}
	return nil
}

func (l *lane) lastClaim() *claim {
	if len(l.claims) == 0 {
		return nil
	}
	return l.claims[len(l.claims)-1]
}

func (l *lane) claim(token int64) *claim {
	for i := len(l.claims) - 1; i >= 0; i-- {
		if l.claims[i].token == token {
			return l.claims[i]
		}
	}
	return nil
}

// current says whether outcomes of the claim count.
func (c *claim) current() bool { return c != nil && c.lane.lastClaim() == c && !c.void }

// held says whether the lane is in the hands of the claim's process.
func (c *claim) held() bool { return c.current() && c.returned.IsZero() }

// limit is how many requests of the claim may be in flight.
func (w *world) limit(l *lane) int {
	c := l.config()
	switch {
	case c.FIFO:
		return 1
	case c.MaxInFlight > 0:
		return c.MaxInFlight
	case w.plan.MaxInFlight > 0:
		return w.plan.MaxInFlight
	}
	return 4
}

// set notes the endpoint as it is now.
func (w *world) set(e webhook.Endpoint, at span) *lane {
	l := w.lanes[e.ID]
	if l == nil {
		l = &lane{id: e.ID, account: e.Account, plan: w.endpointPlan(e.Name), deliveries: map[int64]*delivery{}}
		w.lanes[e.ID] = l
		w.laneList = append(w.laneList, l)
	} else if l.config().Version == e.Version {
		return l // a repeat
	}
	was := len(l.versions) > 0 && l.config().Enabled
	l.versions = append(l.versions, version{e, at.from})
	w.note(nil, l, 0, "is version %d now: enabled %v, %s", e.Version, e.Enabled, e.URL)
	switch {
	case was && !e.Enabled:
		w.off(l, at.to)
	case !was && e.Enabled && l.isOff() != nil:
		l.isOff().to = at.to
		l.wakes++
	default:
		l.wakes++
	}
	return l
}

// off notes that nothing more may be handed out.
func (w *world) off(l *lane, now time.Time) {
	l.offs = append(l.offs, &off{from: now, knows: map[*process]time.Time{}})
	if c := l.lastClaim(); c != nil {
		c.void = true
	}
}

// know makes the ledger know a delivery.
func (w *world) know(r *webhook.DeliveryRecord) *delivery {
	l := w.lanes[r.Endpoint]
	d := l.deliveries[r.ID]
	if d == nil {
		d = &delivery{id: r.ID, lane: l, event: w.offered[r.Event], created: r.CreatedAt, known: time.Now(), resend: r.Resend, of: r.Of,
			due: r.CreatedAt, state: webhook.StatePending, settled: map[settleKey]bool{}}
		if r.State != webhook.StatePending {
			d.state, d.finished = r.State, r.FinishedAt
		}
		l.deliveries[r.ID] = d
		l.order = append(l.order, d)
		w.counts.Deliveries++
		w.note(nil, l, d.id, "is there: event %s, resend %v, of %d", w.marker(d.event), d.resend, d.of)
	}
	return d
}

func (w *world) marker(e *event) string {
	if e == nil {
		return "?"
	}
	return e.marker
}

// resync follows what ended without a Settle, or was made by a Recover.
func (w *world) resync(l *lane, why string) {
	if !l.deleted.IsZero() {
		return
	}
	for _, r := range w.all(webhook.DeliveryQuery{Account: l.account, Endpoint: l.id}) {
		d := w.know(&r)
		if d.state == webhook.StatePending && r.State != webhook.StatePending {
			d.state, d.finished = r.State, r.FinishedAt
			w.note(nil, l, d.id, "is %s (%s) by %s", r.State, r.Reason, why)
		}
		if r.State == webhook.StateDead && !r.Undelivered && r.ResentAs == 0 && why == "dismiss" {
			d.dismissed = true
		}
	}
}

// all returns all matching deliveries, oldest first.
func (w *world) all(q webhook.DeliveryQuery) []webhook.DeliveryRecord {
	q.Limit = 1000 // the most
	var out []webhook.DeliveryRecord
	for {
		page, _ := w.store.Deliveries(context.Background(), q)
		for _, r := range page {
			q.Before = r.ID
		}
		out = append(out, page...)
		if len(page) < q.Limit {
			break
		}
	}
	slices.Reverse(out)
	return out
}
