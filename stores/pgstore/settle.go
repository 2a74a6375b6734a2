package pgstore

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

// Settle implements [webhook.Lanes]. It takes two round trips: one that locks
// and reads, one that writes. What is decided in between is in settling.go.
func (s *Store) Settle(ctx context.Context, outcomes []webhook.Outcome, returns []webhook.Return) (out webhook.Settled, err error) {
	err = s.delivering(ctx, s.pool, func(t *txn) error {
		out = webhook.Settled{Applied: make([]bool, len(outcomes))}
		if len(outcomes) > 0 {
			if err := s.settle(t, outcomes, &out); err != nil {
				return err
			}
		}
		giveBack(t, returns, &out)
		return nil
	})
	if err != nil {
		return webhook.Settled{}, err
	}
	return out, nil
}

func (s *Store) settle(t *txn, outcomes []webhook.Outcome, out *webhook.Settled) error {
	w := &settling{
		lanes: map[string]*lane{}, found: make([]*delivery, len(outcomes)), known: make([]bool, len(outcomes)),
		delivered: map[int64]*delivered{},
	}
	if err := w.read(t, outcomes); err != nil {
		return err
	}
	for i := range outcomes {
		o := &outcomes[i]
		if d := w.delivered[o.Delivery]; d != nil && d.done {
			out.Applied[i] = true
			w.deliver(i, o, d, out)
		} else {
			out.Applied[i] = w.settle(i, o, out)
		}
	}
	w.write(t)
	asked := w.disable(t, outcomes, out)
	nameChanges(t, out, asked)
	return nil
}

// A delivered is a delivery whose only outcome is that it was delivered.
type delivered struct {
	done     bool // it waited, and has ended now
	event    string
	attempts int
	at       time.Time
}

// plain says whether an outcome is one that the statement deliver can apply.
func plain(o *webhook.Outcome) bool {
	a := o.Attempt
	return o.State == webhook.StateDelivered && a != nil && a.Result == webhook.ResultDelivered && a.Status/100 == 2 && a.Class == "" && a.Error == ""
}

// read locks the lanes' health, ends what was delivered, and reads what the
// other outcomes are about.
func (w *settling) read(t *txn, outcomes []webhook.Outcome) error {
	distinct := make([]string, 0, len(outcomes))
	var ends, others []int // indexes of outcomes
	for i := range outcomes {
		o := &outcomes[i]
		if isID(o.Endpoint) {
			distinct = append(distinct, o.Endpoint)
		}
		if _, twice := w.delivered[o.Delivery]; twice {
			w.delivered[o.Delivery] = nil
		} else if w.delivered[o.Delivery] = nil; plain(o) {
			w.delivered[o.Delivery] = &delivered{}
		}
	}
	for i := range outcomes {
		if w.delivered[outcomes[i].Delivery] != nil {
			ends = append(ends, i)
		} else {
			others = append(others, i)
		}
	}
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)
	lanes := asUUIDs(distinct)
	t.exec("lockHealth", lanes)
	t.rows(w.scanLane, "settleLanes", lanes)
	w.queueDeliver(t, outcomes, ends)
	w.queueDeliveries(t, outcomes, others)
	if err := t.send(); err != nil {
		return err
	}
	// What did not wait was delivered before, or is dead, or gone.
	others = others[:0]
	for _, i := range ends {
		if !w.delivered[outcomes[i].Delivery].done {
			others = append(others, i)
		}
	}
	if len(others) == 0 {
		return nil
	}
	w.queueDeliveries(t, outcomes, others)
	return t.send()
}

// queueDeliver queues the end of what was delivered.
func (w *settling) queueDeliver(t *txn, outcomes []webhook.Outcome, indexes []int) {
	if len(indexes) == 0 {
		return
	}
	endpoints, tokens := split(indexes, func(i int) webhook.Hold { return outcomes[i].Hold })
	var id int64
	var d delivered
	dest := []any{&id, &d.event, &d.attempts, &d.at}
	t.rows(func(r pgx.CollectableRow) error {
		err := r.Scan(dest...)
		*w.delivered[id] = delivered{true, d.event, d.attempts, d.at.UTC()}
		return err
	}, "deliver", endpoints,
		column(indexes, func(i int) int64 { return outcomes[i].Delivery }),
		column(indexes, func(i int) int32 { return int32(outcomes[i].After + 1) }),
		tokens,
		column(indexes, func(i int) int32 { return int32(i) }),
		column(indexes, func(i int) int64 { return int64(outcomes[i].Attempt.Took) }),
		column(indexes, func(i int) int32 { return int32(outcomes[i].Attempt.Status) }),
		blobs(column(indexes, func(i int) blob { return orNone(outcomes[i].Attempt.Response) })))
}

// queueDeliveries queues reading what outcomes are about.
func (w *settling) queueDeliveries(t *txn, outcomes []webhook.Outcome, indexes []int) {
	if len(indexes) == 0 {
		return
	}
	endpoints, tokens := split(indexes, func(i int) webhook.Hold { return outcomes[i].Hold })
	type key struct {
		endpoint string
		id       int64
	}
	seen := map[key]*delivery{}
	t.rows(func(r pgx.CollectableRow) error {
		var o int
		var known bool
		d := &delivery{}
		if err := d.scan(r, &o, &known); err != nil {
			return err
		}
		i := indexes[o-1]
		w.known[i] = known
		k := key{outcomes[i].Endpoint, d.id}
		if d.lane = w.lanes[k.endpoint]; d.lane == nil {
			return nil
		}
		if seen[k] == nil {
			seen[k] = d
			w.deliveries = append(w.deliveries, d)
		}
		w.found[i] = seen[k]
		return nil
	}, "settleDeliveries", endpoints,
		column(indexes, func(i int) int64 { return outcomes[i].Delivery }),
		column(indexes, func(i int) int32 { return int32(outcomes[i].After + 1) }),
		tokens)
}

func (w *settling) scanLane(r pgx.CollectableRow) error {
	var l lane
	var h healthRow
	var id, account string
	var reasonAt *time.Time
	dest := append([]any{&id, &l.lane, &account, &l.enabled, &l.fifo, &l.version, &l.token, &l.valid, &w.now}, h.dest()...)
	if err := r.Scan(append(dest, &h.Undelivered, &h.LastReason, &reasonAt, &l.deadInRow)...); err != nil {
		return err
	}
	l.id, l.account, l.health, l.reasonAt = id, untext(account), h.health(), utc(reasonAt)
	w.lanes[id] = &l
	return nil
}

// disable disables endpoints, after all outcomes were judged. It returns those
// that it has tried.
func (w *settling) disable(t *txn, outcomes []webhook.Outcome, out *webhook.Settled) (ids []string) {
	var lanes, versions []int64
	var reasons []string
	asked := map[int64]change{}
	for i := range outcomes {
		o := &outcomes[i]
		if !out.Applied[i] || o.Disable == "" || w.found[i] == nil || w.found[i].state != stateDead {
			continue
		}
		l := w.lanes[o.Endpoint]
		if _, twice := asked[l.lane]; twice || !l.enabled || l.version != o.Version {
			continue
		}
		asked[l.lane] = change{l, prose(o.Disable)}
		lanes, versions, reasons = append(lanes, l.lane), append(versions, o.Version), append(reasons, prose(o.Disable))
		ids = append(ids, l.id)
	}
	if len(lanes) == 0 {
		return nil
	}
	t.rows(func(r pgx.CollectableRow) error {
		var lane int64
		if err := r.Scan(&lane); err != nil {
			return err
		}
		c := asked[lane]
		out.Changes = append(out.Changes, c.lane.change(webhook.ChangeDisabled, c.reason))
		return nil
	}, "disable", lanes, versions, reasons)
	return ids
}

type change struct {
	lane   *lane
	reason string
}

// nameChanges fills in the names of endpoints that changed, and of those that
// may be disabled. They are read only if something changed, which is rare.
func nameChanges(t *txn, out *webhook.Settled, ids []string) {
	for _, c := range out.Changes {
		ids = append(ids, c.Endpoint)
	}
	if len(ids) == 0 {
		return
	}
	names := map[string]string{}
	t.rows(func(r pgx.CollectableRow) error {
		var id, name string
		err := r.Scan(&id, &name)
		names[id] = name
		return err
	}, "names", asUUIDs(ids))
	t.after(func() {
		for i := range out.Changes {
			out.Changes[i].Name = names[out.Changes[i].Endpoint]
		}
	})
}

// giveBack queues the returns.
func giveBack(t *txn, returns []webhook.Return, out *webhook.Settled) {
	if len(returns) == 0 {
		return
	}
	ids, tokens := split(returns, func(r webhook.Return) webhook.Hold { return r.Hold })
	var marks, pauses, parks []int64
	var paces blobs
	var excludes []string
	for _, r := range returns {
		marks, pauses, parks = append(marks, r.Mark), append(pauses, micros(r.Pause)), append(parks, r.Park)
		paces, excludes = append(paces, r.Pace), append(excludes, typeList(r.Exclude))
	}
	accepted := make([]bool, len(returns))
	t.rows(func(r pgx.CollectableRow) error {
		var o int
		err := r.Scan(&o)
		accepted[o-1] = true
		return err
	}, "return", ids, tokens, marks, pauses, parks, paces, excludes)
	t.after(func() {
		for i := range returns {
			if !accepted[i] {
				out.Refused = append(out.Refused, returns[i].Hold)
			}
		}
	})
}
