package sim

import (
	"context"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

// Pauses implements [webhook.Store].
func (o *observer) Pauses(ctx context.Context) (webhook.Pauses, error) { return o.store.Pauses(ctx) }

// SetPause implements [webhook.Store].
func (o *observer) SetPause(ctx context.Context, p webhook.Pause, on bool) error {
	w := o.w
	defer w.inTurn()()
	w.mu.Lock()
	defer w.mu.Unlock()
	err := o.store.SetPause(ctx, p, on)
	now, err2 := w.store.Pauses(ctx)
	if err != nil || err2 != nil || now.Seq == w.pauseSeq {
		return err
	}
	w.pauseSeq = now.Seq
	w.note(o.p, nil, 0, "pause %+v: %v, sequence %d", p, on, now.Seq)
	if on {
		w.pauses = append(w.pauses, &pauseBook{Pause: p, from: time.Now(), seq: now.Seq})
		return nil
	}
	for _, b := range w.pauses {
		if b.Pause == p && b.to.IsZero() {
			b.to = time.Now()
		}
	}
	for _, l := range w.laneList {
		if l.parked != 0 && !l.lastClaim().held() {
			l.wakes++
		}
	}
	return nil
}

// knowsPauses notes what a process was told.
func (w *world) knowsPauses(p *process, told webhook.Pauses) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case told.Seq > p.pauses.Seq:
		p.pauses, p.told = told, time.Now()
		w.note(p, nil, 0, "is told of pauses %d", told.Seq)
	case told.Seq < p.pauses.Seq:
		w.note(p, nil, 0, "is told late of pauses %d", told.Seq)
	}
}

// concerns says whether the pause stops the delivery.
func (b *pauseBook) concerns(d *delivery, host string) bool {
	return b.Pause == webhook.Pause{} || b.Account != "" && b.Account == d.lane.account ||
		b.Host != "" && b.Host == host || b.Type != "" && d.event != nil && b.Type == d.event.kind
}

// followDelay is how soon a pause is followed everywhere.
const followDelay = time.Second

// judgePauses judges a request that begins.
func (w *world) judgePauses(p *process, h *handing, host string, now time.Time) {
	d := h.delivery
	for _, b := range w.pauses {
		if !b.to.IsZero() || !b.concerns(d, host) {
			continue
		}
		knew := p.pauses.Seq >= b.seq && slices.Contains(p.pauses.List, b.Pause) && p.told.Add(w.plan.Lag).Before(now)
		if b.Type != "" {
			knew = knew && p.told.Add(w.plan.Lag).Before(h.asked)
		}
		switch {
		case knew:
			w.violate("operator", d.lane, d.id, "begun %v after the pause %+v, %v after %s was told", now.Sub(b.from), b.Pause, now.Sub(p.told), p.name)
		case now.Sub(b.from) > followDelay+w.plan.Lag && !p.troubled(b.from, now):
			w.violate("operator", d.lane, d.id, "begun %v after the pause %+v", now.Sub(b.from), b.Pause)
		}
	}
}

// asksDue notes when a process asks for work.
func (w *world) asksDue(p *process, wants []webhook.Want) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, x := range wants {
		w.asked[x.Hold] = time.Now()
	}
}

// knowsDue notes which hand-outs reached the process, and which lanes it knows
// to be lost.
func (w *world) knowsDue(wants []webhook.Want, batches []webhook.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answered := map[webhook.Hold]bool{}
	for _, b := range batches {
		answered[b.Hold] = true
		for _, d := range b.Deliveries {
			if d.Event != nil {
				if h := w.byBody[&d.Event.Body[0]]; h != nil {
					h.open, h.asked = true, w.asked[b.Hold]
				}
			}
		}
	}
	var lost []webhook.Hold
	for _, x := range wants {
		if !answered[x.Hold] {
			lost = append(lost, x.Hold)
		}
	}
	w.lose(lost)
}

// knowsLost notes which lanes a process knows to be lost.
func (w *world) knowsLost(lost []webhook.Hold) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lose(lost)
}

func (w *world) lose(lost []webhook.Hold) {
	for _, h := range lost {
		if c := w.lanes[h.Endpoint].claim(h.Token); c != nil && c.lost.IsZero() {
			c.lost = time.Now()
			w.note(c.process, c.lane, 0, "lost, token %d", h.Token)
		}
	}
}

// knowsOff notes that a process has disabled or deleted an endpoint and knows it.
func (w *world) knowsOff(l *lane, p *process) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l == nil || p == nil || l.isOff() == nil {
		return
	}
	if o := l.isOff(); o.knows[p].IsZero() {
		o.knows[p] = time.Now()
		w.note(p, l, 0, "knows that it is off")
	}
}
