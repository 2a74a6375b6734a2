package sim

import (
	"context"
	"time"

	"github.com/autoreach/webhook"
)

// calmDown ends the inputs: nothing fails any more, and every process ends.
func (w *world) calmDown() {
	w.mu.Lock()
	w.calm = true
	w.mu.Unlock()
	w.steps.Wait()
	w.allArrived()
	for i := range w.slots {
		p := w.take(i, "ends")
		if p == nil {
			continue
		}
		if w.plan.CrashEnd && i == 0 {
			p.die()
			p.end()
			continue
		}
		w.stop(p, false)
	}
	w.allArrived()
}

// finish lets one process deliver what is left. Nobody emits, and nobody tells
// it of what is enabled meanwhile.
func (w *world) finish(admin *process) {
	ctx := context.Background()
	w.mu.Lock()
	w.over = true
	w.note(nil, nil, 0, "the last process begins")
	w.mu.Unlock()
	pauses, _ := w.store.Pauses(ctx)
	for _, p := range pauses.List {
		if err := admin.d.Resume(ctx, p); err != nil {
			panic(err)
		}
	}
	enable := func() {
		var off []*lane
		w.mu.Lock()
		for _, l := range w.laneList {
			if o := l.isOff(); o != nil && l.deleted.IsZero() && l.plan.FinallyOn {
				off = append(off, l)
			}
		}
		w.mu.Unlock()
		for _, l := range off {
			if _, err := admin.d.EnableEndpoint(ctx, l.account, l.id); err != nil {
				panic(err)
			}
		}
	}
	if !w.plan.LateOn {
		enable()
	}
	w.setDeadlines()
	last := w.newProcess("last", true, true)
	if w.plan.LateOn {
		time.Sleep(w.plan.LateAfter)
		enable()
	}
	end := time.Now().Add(w.plan.Patience)
	for w.waits() && time.Now().Before(end) {
		time.Sleep(500 * time.Millisecond)
	}
	time.Sleep(w.plan.Lease + time.Second) // what a process that died held is taken over by then
	if st, _ := w.store.Stats(ctx); st.Pending == 0 {
		w.wantNoneHeld("though nothing waits")
	}
	w.stop(last, true)
	w.wantNoneHeld("though every process has ended")
}

// wantNoneHeld wants no lane to be in somebody's hands.
func (w *world) wantNoneHeld(why string) {
	st, err := w.store.Stats(context.Background())
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil || st.Held > 0 {
		w.violate("held", nil, 0, "%d lanes are held %s (%v)", st.Held, why, err)
	}
}

// waits says whether there is something to wait for.
func (w *world) waits() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastLook = time.Now()
	for _, l := range w.laneList {
		if !l.deleted.IsZero() || w.rests(l) {
			continue
		}
		q := webhook.DeliveryQuery{Account: l.account, Endpoint: l.id, States: []webhook.State{webhook.StatePending}, Limit: 1}
		if page, err := w.store.Deliveries(context.Background(), q); err != nil || len(page) > 0 {
			return true
		}
	}
	return false
}

// rests says whether what waits in the lane rightly waits when a run ends that
// is too short for it to expire: the endpoint is disabled, or fails for ever, or
// its breaker is open.
func (w *world) rests(l *lane) bool {
	return w.plan.Patience < w.plan.ExpireAfter &&
		(l.isOff() != nil || l.plan.Final.Share > 0 || l.notBefore.After(w.lastLook.Add(longRest)))
}

// longRest is longer than what endpoints ask for, and shorter than what the
// engine waits before it tries one again whose deliveries all failed.
const longRest = 10 * time.Second

// setDeadlines says until when what waits for an endpoint that answers 2xx from
// now on must be delivered.
func (w *world) setDeadlines() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lastBegan = time.Now()
	sick := w.sick()
	for _, l := range w.laneList {
		off := l.isOff() != nil
		if !l.deleted.IsZero() || l.plan.Final.Share > 0 || off && !(w.plan.LateOn && l.plan.FinallyOn) {
			continue
		}
		at, n := w.lastBegan, 0
		if off {
			at = at.Add(w.plan.LateAfter)
		}
		if l.notBefore.After(at) {
			at = l.notBefore
		}
		if c := l.lastClaim(); c != nil && c.returned.IsZero() && c.until.After(at) {
			at = c.until
		}
		for _, r := range w.all(webhook.DeliveryQuery{Account: l.account, Endpoint: l.id, States: []webhook.State{webhook.StatePending}}) {
			n++
			if r.NextAt.After(at) {
				at = r.NextAt
			}
		}
		takes := 20 * time.Millisecond
		if rate := l.config().PerSecond; rate > 0 {
			takes += time.Duration(float64(time.Second) / rate)
		}
		w.deadlines[l] = at.Add(10*time.Second + time.Duration(sick)*5*time.Second + time.Duration(n)*takes)
	}
}

// sick is how many endpoints are not healthy.
func (w *world) sick() int {
	n := 0
	for _, e := range w.plan.Endpoints {
		if !e.Healthy {
			n++
		}
	}
	return n
}
