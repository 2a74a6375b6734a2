package sim

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

// observer writes down every call of a process that arrives at the store, and
// judges the answer by the ledger. The store's clock showed some time of the
// call's span: each judgement takes the end of it that forgives.
type observer struct {
	w     *world
	p     *process
	store webhook.Store
}

// inTurn lets one call at a time through, unless calls may overlap, and returns
// what ends the call.
func (w *world) inTurn() func() {
	if w.plan.Overlap {
		return func() {}
	}
	w.order.Lock()
	return w.order.Unlock
}

// inOrder is violate for what can only be judged if the ledger has the calls in
// the order in which the store saw them.
func (w *world) inOrder(invariant string, l *lane, delivery int64, format string, args ...any) {
	if !w.plan.Overlap {
		w.violate(invariant, l, delivery, format, args...)
	}
}

func (o *observer) Append(ctx context.Context, events []webhook.EventRecord) ([]webhook.Appended, error) {
	w := o.w
	defer w.inTurn()()
	w.offer(events)
	from := time.Now()
	out, err := o.store.Append(ctx, events)
	if err != nil {
		return out, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events {
		w.appended(o.p, &events[i], out[i], from)
	}
	return out, nil
}

// offer notes what is about to be stored: it may be sent before the answer is
// here.
func (w *world) offer(events []webhook.EventRecord) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range events {
		e := w.offered[r.ID]
		if e == nil {
			e = &event{id: r.ID, account: r.Account, key: r.Key, kind: r.Type, marker: r.Subject}
			w.offered[r.ID] = e
		}
		if !e.stored() {
			e.bodies = append(e.bodies, string(r.Body))
		}
	}
}

func (w *world) appended(p *process, r *webhook.EventRecord, a webhook.Appended, now time.Time) {
	if w.plan.Overlap && a.Duplicate {
		return
	}
	old := w.events[r.ID]
	key := r.Account + "\x00" + r.Key
	if old == nil && r.Key != "" {
		if k := w.keys[key]; k != nil && now.Before(k.until) {
			old = k
		}
	}
	if old != nil {
		if !a.Duplicate || a.ID != old.id || a.Deliveries != len(old.wanted) {
			w.inOrder("idempotence", nil, 0, "event %s (key %q) was stored at %s as %s with %d deliveries; appending it again says %+v",
				r.Subject, r.Key, w.since(old.at), old.id, len(old.wanted), a)
		}
		if a.Duplicate {
			return
		}
	} else if a.Duplicate {
		w.inOrder("idempotence", nil, 0, "event %s (key %q) is new, and appending it says %+v", r.Subject, r.Key, a)
		return
	} else if a.ID != r.ID {
		w.inOrder("idempotence", nil, 0, "event %s is new, and stored as %s instead of %s", r.Subject, a.ID, r.ID)
	}
	e := w.offered[r.ID]
	if a.ID != r.ID || e.stored() { // broken: it is another one
		c := *e
		e, c.id, c.wanted, c.missed = &c, a.ID, nil, nil
	}
	e.at, e.until, e.bodies = now, now.Add(r.KeyWindow), []string{string(r.Body)}
	w.events[e.id], w.offered[e.id] = e, e
	if e.key != "" {
		w.keys[key] = e
	}
	w.counts.Events++
	for _, l := range w.laneList {
		c := l.config()
		if l.account != e.account || !l.deleted.IsZero() || !slices.Contains(c.Events, e.kind) {
			continue
		}
		if c.Enabled {
			e.wanted = append(e.wanted, l)
			l.wakes++
		} else if c.DisabledBy == webhook.DisabledByEngine {
			e.missed = append(e.missed, l)
		}
	}
	if a.Deliveries != len(e.wanted) {
		w.inOrder("fan-out", nil, 0, "event %s has %d deliveries, but %d endpoints were enabled and subscribed", e.marker, a.Deliveries, len(e.wanted))
	}
	for _, r := range w.all(webhook.DeliveryQuery{Account: e.account, Event: e.id}) {
		d := w.know(&r)
		w.note(p, d.lane, d.id, "is emitted")
	}
}

// PutEndpoint is noted before anything that follows from it, like
// DeleteEndpoint and SetPause.
func (o *observer) PutEndpoint(ctx context.Context, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	w := o.w
	defer w.inTurn()()
	w.mu.Lock()
	defer w.mu.Unlock()
	from := time.Now()
	out, err := o.store.PutEndpoint(ctx, e, limit)
	if err == nil {
		w.set(out, span{from, time.Now()})
	}
	return out, err
}

func (o *observer) DeleteEndpoint(ctx context.Context, account, id string) error {
	w := o.w
	defer w.inTurn()()
	w.mu.Lock()
	defer w.mu.Unlock()
	err := o.store.DeleteEndpoint(ctx, account, id)
	if l := w.lanes[id]; err == nil && l != nil && l.deleted.IsZero() {
		l.deleted = time.Now()
		w.note(o.p, l, 0, "is deleted")
		if l.isOff() == nil {
			w.off(l, l.deleted)
		}
	}
	return err
}

func (o *observer) Endpoints(ctx context.Context, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	return o.store.Endpoints(ctx, q)
}

func (o *observer) Claim(ctx context.Context, n int, lease time.Duration) ([]webhook.Claim, time.Duration, error) {
	w := o.w
	defer w.inTurn()()
	from := time.Now()
	claims, next, err := o.store.Claim(ctx, n, lease)
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	for _, c := range claims {
		l := w.lanes[c.Endpoint]
		x := &claim{lane: l, process: o.p, token: c.Token, at: from, until: from.Add(lease), latest: now.Add(lease), seen: map[int64]int{}}
		x.void = slices.ContainsFunc(l.offs, func(o *off) bool { return o.from.After(from) }) // meanwhile
		w.counts.Claims++
		w.note(o.p, l, 0, "claimed, token %d", c.Token)
		last := l.lastClaim()
		switch {
		case l.isOff() != nil:
			w.inOrder("claim", l, 0, "was claimed while disabled or deleted, token %d", c.Token)
		case last != nil && c.Token <= last.token:
			w.inOrder("claim", l, 0, "was claimed with token %d after %d", c.Token, last.token)
		case last != nil && last.returned.IsZero() && now.Add(w.plan.Clock).Before(last.until):
			w.inOrder("claim", l, 0, "was claimed by %s while the lease of %s lasts until %s", o.p.name, last.process.name, w.since(last.until))
		case now.Add(w.plan.Clock).Before(l.notBefore):
			w.inOrder("pause", l, 0, "was claimed before its pause ends at %s", w.since(l.notBefore))
		}
		l.claims = append(l.claims, x)
		slices.SortStableFunc(l.claims, func(a, b *claim) int { return int(a.token - b.token) })
	}
	return claims, next, err
}

func (o *observer) Due(ctx context.Context, wants []webhook.Want) ([]webhook.Batch, error) {
	w := o.w
	defer w.inTurn()()
	versions := w.versions(wants)
	from := time.Now()
	batches, err := o.store.Due(ctx, wants)
	w.mu.Lock()
	defer w.mu.Unlock()
	at := span{from, time.Now()}
	for i := range batches {
		b := &batches[i]
		for j := range wants {
			if wants[j].Hold == b.Hold {
				w.due(o.p, &wants[j], b, versions[j], at)
			}
		}
	}
	return batches, err
}

// versions says which version each endpoint has, as an index.
func (w *world) versions(wants []webhook.Want) []int {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]int, len(wants))
	for i := range wants {
		out[i] = len(w.lanes[wants[i].Endpoint].versions) - 1
	}
	return out
}

// due judges an answer of Due and numbers what it hands out.
func (w *world) due(p *process, want *webhook.Want, b *webhook.Batch, version int, at span) {
	l := w.lanes[b.Endpoint]
	c := l.claim(b.Token)
	if !c.held() || !at.from.Before(c.latest.Add(w.plan.Clock)) || l.isOff() != nil {
		w.inOrder("handed-out", l, 0, "Due answers for token %d, which does not hold the lane", b.Token)
	}
	if c == nil {
		return
	}
	c.seen[b.Mark] = l.wakes
	if len(b.Deliveries) > want.Max {
		w.inOrder("handed-out", l, 0, "Due handed %d deliveries out, %d were wanted", len(b.Deliveries), want.Max)
	}
	for i := range b.Deliveries {
		x := &b.Deliveries[i]
		d := l.deliveries[x.ID]
		if d == nil {
			w.inOrder("ghost", l, x.ID, "handed out, but nothing made it")
			for _, r := range w.all(webhook.DeliveryQuery{Account: l.account, IDs: []int64{x.ID}}) {
				d = w.know(&r)
			}
		}
		if d == nil {
			continue
		}
		w.judgeHanding(want, d, x, at)
		if x.Event == nil {
			continue
		}
		e := *x.Event // shared: the copy's slice tells this hand-out from all others
		e.Body = slices.Clone(e.Body)
		x.Event = &e
		h := &handing{number: len(w.handings) + 1, delivery: d, claim: c, after: x.Attempts, at: at.from, version: version}
		w.handings = append(w.handings, h)
		w.byBody[&e.Body[0]] = h
		d.handings = append(d.handings, h)
		w.counts.Handed++
		w.note(p, l, d.id, "handed out, token %d, attempt %d, hand-out %d", c.token, x.Attempts+1, h.number)
	}
}

func (w *world) judgeHanding(want *webhook.Want, d *delivery, x *webhook.Delivery, at span) {
	l := d.lane
	switch {
	case d.state != webhook.StatePending:
		w.inOrder("handed-out", l, d.id, "handed out although it is %s", d.state)
	case at.to.Add(w.plan.Clock).Before(d.due):
		w.inOrder("early", l, d.id, "handed out %v before it is due", d.due.Sub(at.to))
	case x.Attempts != d.attempts:
		w.inOrder("handed-out", l, d.id, "handed out with %d attempts, it has %d", x.Attempts, d.attempts)
	case slices.Contains(want.Skip, d.id):
		w.violate("in-hand", l, d.id, "handed out although it was to be skipped")
	case d.event != nil && slices.Contains(want.Exclude, d.event.kind):
		w.violate("operator", l, d.id, "handed out although its type was excluded")
	}
	if !l.config().FIFO || d.resend {
		return
	}
	for _, o := range l.order {
		if o.id < d.id && !o.resend && o.state == webhook.StatePending {
			w.inOrder("fifo", l, d.id, "handed out although #%d waits before it", o.id)
			return
		}
	}
}

func (o *observer) Extend(ctx context.Context, holds []webhook.Hold, lease time.Duration) ([]webhook.Hold, error) {
	w := o.w
	defer w.inTurn()()
	from := time.Now()
	lost, err := o.store.Extend(ctx, holds, lease)
	if err != nil {
		return lost, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, h := range holds {
		l := w.lanes[h.Endpoint]
		c := l.claim(h.Token)
		switch {
		case slices.Contains(lost, h):
		case !c.held():
			w.inOrder("extend", l, 0, "the lease of token %d was extended, which does not hold the lane", h.Token)
		default:
			c.until, c.latest = from.Add(lease), time.Now().Add(lease)
		}
	}
	return lost, err
}

func (o *observer) Deliveries(ctx context.Context, q webhook.DeliveryQuery) ([]webhook.DeliveryRecord, error) {
	return o.store.Deliveries(ctx, q)
}

func (o *observer) Resend(ctx context.Context, account string, id int64, op string) (int64, error) {
	w := o.w
	defer w.inTurn()()
	n, err := o.store.Resend(ctx, account, id, op)
	if err != nil {
		return n, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.laneList {
		if l.deliveries[id] != nil && l.deliveries[n] == nil { // else it is a repeat
			w.note(o.p, l, id, "resent as #%d", n)
			l.wakes++
			w.resync(l, "resend")
		}
	}
	return n, err
}

func (o *observer) Recover(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	w := o.w
	defer w.inTurn()()
	n, err := o.store.Recover(ctx, q)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.laneList {
		if n > 0 && l.account == q.Account && (q.Endpoint == "" || q.Endpoint == l.id) {
			w.note(o.p, l, 0, "%d recovered", n)
			l.wakes++
			w.resync(l, "recover")
		}
	}
	return n, err
}

func (o *observer) Dismiss(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	return o.change(q.Account, "dismiss", func() (int, error) { return o.store.Dismiss(ctx, q) })
}

func (o *observer) Purge(ctx context.Context, ages webhook.Ages, n int) (int, error) {
	return o.change("", "purge", func() (int, error) { return o.store.Purge(ctx, ages, n) })
}

// change makes a call that may end deliveries.
func (o *observer) change(account, why string, do func() (int, error)) (int, error) {
	defer o.w.inTurn()()
	n, err := do()
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	for _, l := range o.w.laneList {
		if n > 0 && (account == "" || l.account == account) {
			o.w.resync(l, why)
		}
	}
	return n, err
}

// Erase implements [webhook.Store]; nobody calls it.
func (o *observer) Erase(context.Context, webhook.Erasure, int) (int, error) {
	return 0, errors.ErrUnsupported
}

func (o *observer) Stats(ctx context.Context) (webhook.StoreStats, error) {
	return o.store.Stats(ctx)
}
