package sim

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// emission is one call of Emit or EmitBatch by a host, repeated until its
// outcome is known.
type emission struct {
	account string
	process int
	events  []planned
	key     string
	refusal string        // "type", "data", "size": what is wrong with it
	abandon bool          // whoever emits gives up at the first unknown outcome
	limit   time.Duration // of one try; 0 for none
	again   bool          // another host's, of the same key

}

type planned struct {
	n    int
	kind webhook.EventType
}

// emitPatience is longer than all faults last.
const emitPatience = 2 * time.Minute

func (e *emission) do(w *world) {
	list := e.list()
	unknown, end := false, time.Now().Add(emitPatience)
	for try := 0; ; try++ {
		if time.Now().After(end) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.violate("store", nil, 0, "whether n%d is stored is not known after %v", e.events[0].n, emitPatience)
			return
		}
		p := w.running(e.process + try)
		if p == nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		ctx, cancel := context.Background(), context.CancelFunc(func() {})
		if e.limit > 0 && try < 3 {
			ctx, cancel = context.WithTimeout(ctx, e.limit)
		}
		out, err := p.d.EmitBatch(ctx, list)
		cancel()
		var invalid *webhook.InvalidError
		switch {
		case err == nil:
			w.emitted(e, out)
			return
		case errors.As(err, &invalid) || errors.Is(err, webhook.ErrFull):
			w.refusal(e, err, unknown)
			return
		}
		unknown = true
		w.mu.Lock()
		w.counts.Unknown++
		w.mu.Unlock()
		if e.abandon {
			return
		}
		for i := range out {
			list[i].ID = out[i].ID
		}
		time.Sleep(time.Duration(50*(try+1)) * time.Millisecond)
	}
}

func (e *emission) list() []webhook.Event {
	var list []webhook.Event
	for i, x := range e.events {
		ev := webhook.Event{Account: e.account, Type: x.kind, Key: e.key, Subject: fmt.Sprintf("n%d", x.n), Data: datum{N: x.n}}
		if i == len(e.events)-1 {
			switch e.refusal {
			case "type":
				ev.Type = "sim.unknown"
			case "data":
				ev.Data = x.n
			case "size":
				ev.Data = datum{N: x.n, Pad: strings.Repeat("x", 5000)}
			}
		}
		list = append(list, ev)
	}
	return list
}

// acked is an Emit that returned nil.
type acked struct {
	*emission
	out []webhook.Emitted
}

// emitted judges an Emit that returned nil, at the end if calls may overlap.
func (w *world) emitted(e *emission, out []webhook.Emitted) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.plan.Overlap {
		w.acked = append(w.acked, acked{e, out})
		return
	}
	w.judgeEmitted(e, out)
}

// judgeEmitted wants all of it to be stored.
func (w *world) judgeEmitted(e *emission, out []webhook.Emitted) {
	if e.refusal != "" || len(out) != len(e.events) {
		w.violate("refused", nil, 0, "an emit with a wrong %q was accepted: %+v", e.refusal, out)
		return
	}
	for i := range out {
		ev := w.events[out[i].ID]
		switch {
		case ev == nil:
			w.violate("durable", nil, 0, "Emit said nil for n%d as %s, which is not stored", e.events[i].n, out[i].ID)
		case e.key == "" && ev.marker != fmt.Sprintf("n%d", e.events[i].n):
			w.violate("durable", nil, 0, "Emit said that n%d is %s, which is %s", e.events[i].n, out[i].ID, ev.marker)
		case out[i].Deliveries != len(ev.wanted):
			w.inOrder("fan-out", nil, 0, "Emit said that %s has %d deliveries, it has %d", ev.marker, out[i].Deliveries, len(ev.wanted))
		}
	}
}

// refusal notes that nothing of an emit may be stored.
func (w *world) refusal(e *emission, err error, unknown bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Refused++
	if e.refusal == "" && !errors.Is(err, webhook.ErrFull) {
		w.violate("refused", nil, 0, "a good emit was refused: %v", err)
	}
	if unknown || e.key != "" {
		return // an earlier try, or another host's with the same key, may be stored
	}
	for _, x := range e.events {
		w.refused[fmt.Sprintf("n%d", x.n)] = true
	}
}

// act is something that a customer or an operator does.
type act struct {
	process, endpoint, n int
	secret               webhook.Secret
	pause                webhook.Pause
}

// lane returns the act's endpoint, or nil if it is gone or not there yet.
func (a *act) lane(w *world) *lane {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts.Acts++
	for _, l := range w.laneList {
		if l.plan == w.plan.Endpoints[a.endpoint] && l.deleted.IsZero() {
			return l
		}
	}
	return nil
}

// try makes a call until its outcome is known, at one process after the other,
// and returns the one that did it, if it was done.
func (a *act) try(w *world, do func(ctx context.Context, d *webhook.Dispatcher) error) (by *process) {
	for i := 0; i < 100; i++ {
		p := w.running(a.process + i)
		if p == nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		err := do(ctx, p.d)
		cancel()
		switch {
		case err == nil:
			return p
		case !errors.Is(err, errLost) && !errors.Is(err, errDead) && !errors.Is(err, context.DeadlineExceeded):
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return nil
}

func (a *act) patch(w *world, f func(*lane) webhook.EndpointPatch) (l *lane, by *process) {
	if l = a.lane(w); l != nil {
		by = a.try(w, func(ctx context.Context, d *webhook.Dispatcher) error {
			_, err := d.UpdateEndpoint(ctx, l.account, l.id, 0, f(l))
			return err
		})
	}
	return l, by
}

func (a *act) editURL(w *world) {
	a.patch(w, func(l *lane) webhook.EndpointPatch {
		return webhook.EndpointPatch{URL: webhook.Set(fmt.Sprintf("https://%s/%s/%d", l.plan.Host, l.plan.Name, a.n+1))}
	})
}

func (a *act) editSecret(w *world) {
	a.patch(w, func(*lane) webhook.EndpointPatch { return webhook.EndpointPatch{Secret: webhook.Set(a.secret)} })
}

func (a *act) disable(w *world) {
	w.knowsOff(a.patch(w, func(*lane) webhook.EndpointPatch { return webhook.EndpointPatch{Enabled: webhook.Set(false)} }))
}

func (a *act) enable(w *world) {
	a.patch(w, func(*lane) webhook.EndpointPatch { return webhook.EndpointPatch{Enabled: webhook.Set(true)} })
}

// rotate is not repeated: a second one would end the first.
func (a *act) rotate(w *world) {
	if l, p := a.lane(w), w.running(a.process); l != nil && p != nil {
		_, _, _ = p.d.RotateSecret(context.Background(), l.account, l.id, a.secret, time.Minute)
	}
}

func (a *act) remove(w *world) {
	if l := a.lane(w); l != nil {
		w.knowsOff(l, a.try(w, func(ctx context.Context, d *webhook.Dispatcher) error { return d.DeleteEndpoint(ctx, l.account, l.id) }))
	}
}

func (a *act) setPause(w *world) {
	a.lane(w)
	a.try(w, func(ctx context.Context, d *webhook.Dispatcher) error { return d.Pause(ctx, a.pause) })
}

func (a *act) resume(w *world) {
	a.lane(w)
	a.try(w, func(ctx context.Context, d *webhook.Dispatcher) error { return d.Resume(ctx, a.pause) })
}

// resend sends some finished delivery of the endpoint again.
func (a *act) resend(w *world) {
	l := a.lane(w)
	if l == nil {
		return
	}
	a.try(w, func(ctx context.Context, d *webhook.Dispatcher) error {
		list, err := d.ListDeliveries(ctx, webhook.DeliveryQuery{Account: l.account, Endpoint: l.id, States: []webhook.State{webhook.StateDelivered, webhook.StateDead}})
		if err != nil || len(list) == 0 {
			return err
		}
		_, err = d.Resend(ctx, l.account, list[a.n%len(list)].ID)
		return err
	})
}

func (a *act) recover(w *world) {
	if l := a.lane(w); l != nil {
		a.try(w, func(ctx context.Context, d *webhook.Dispatcher) error {
			_, err := d.Recover(ctx, l.account, l.id, time.Time{}, time.Now(), 50)
			return err
		})
	}
}

func (a *act) dismiss(w *world) {
	l := a.lane(w)
	if l == nil || l.plan.Healthy {
		return
	}
	state := []webhook.State{webhook.StatePending, webhook.StateDead}[a.n%2]
	a.try(w, func(ctx context.Context, d *webhook.Dispatcher) error {
		_, err := d.Dismiss(ctx, webhook.DeliveryQuery{Account: l.account, Endpoint: l.id, States: []webhook.State{state}, Limit: 1 + a.n%20})
		return err
	})
}

func (a *act) test(w *world) {
	if l, p := a.lane(w), w.running(a.process); l != nil && p != nil {
		_, _ = p.d.Test(context.Background(), l.account, l.id, types[0], webhook.EndpointPatch{})
	}
}

func (a *act) purge(w *world) {
	a.lane(w)
	a.try(w, func(ctx context.Context, d *webhook.Dispatcher) error {
		_, err := d.Purge(ctx, 1000)
		return err
	})
}
