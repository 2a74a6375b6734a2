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
	err = s.own(ctx, s.pool, func(t *txn) error {
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
	w, err := read(t, outcomes)
	if err != nil {
		return err
	}
	for i := range outcomes {
		out.Applied[i] = w.settle(i, &outcomes[i], out)
	}
	w.write(t)
	w.disable(t, outcomes, out)
	return nil
}

// read locks the lanes' health and reads what the outcomes are about.
func read(t *txn, outcomes []webhook.Outcome) (*settling, error) {
	endpoints, tokens := split(outcomes, func(o webhook.Outcome) webhook.Hold { return o.Hold })
	ids, numbers := make([]int64, len(outcomes)), make([]int32, len(outcomes))
	for i := range outcomes {
		ids[i], numbers[i] = outcomes[i].Delivery, int32(outcomes[i].After+1)
	}
	distinct := slices.Clone(endpoints)
	slices.Sort(distinct)
	distinct = slices.Compact(distinct)

	w := &settling{lanes: map[string]*lane{}, found: make([]*delivery, len(outcomes)), known: make([]bool, len(outcomes))}
	t.exec("lockHealth", distinct)
	t.rows(w.scanLane, "settleLanes", distinct)
	type key struct {
		endpoint string
		id       int64
	}
	seen := map[key]*delivery{}
	t.rows(func(r pgx.CollectableRow) error {
		var o int
		d := &delivery{}
		if err := d.scan(r, &o, w.known); err != nil {
			return err
		}
		k := key{endpoints[o-1], d.id}
		if d.lane = w.lanes[k.endpoint]; d.lane == nil {
			return nil
		}
		if seen[k] == nil {
			seen[k] = d
			w.deliveries = append(w.deliveries, d)
		}
		w.found[o-1] = seen[k]
		return nil
	}, "settleDeliveries", endpoints, ids, numbers, tokens)
	return w, t.send()
}

func (w *settling) scanLane(r pgx.CollectableRow) error {
	var l lane
	var h healthRow
	var id, account string
	var reasonAt *time.Time
	dest := append([]any{&id, &l.lane, &account, &l.name, &l.enabled, &l.fifo, &l.version, &l.token, &l.valid, &w.now}, h.dest()...)
	if err := r.Scan(append(dest, &h.Undelivered, &h.LastReason, &reasonAt, &l.deadInRow)...); err != nil {
		return err
	}
	l.id, l.account, l.health, l.reasonAt = id, untext(account), h.health(), utc(reasonAt)
	w.lanes[id] = &l
	return nil
}

// disable disables endpoints, after all outcomes were judged.
func (w *settling) disable(t *txn, outcomes []webhook.Outcome, out *webhook.Settled) {
	var lanes, versions []int64
	var reasons []string
	asked := map[int64]change{}
	for i := range outcomes {
		o := &outcomes[i]
		if !out.Applied[i] || o.Disable == "" || w.found[i].state != stateDead {
			continue
		}
		l := w.lanes[o.Endpoint]
		if _, twice := asked[l.lane]; twice || !l.enabled || l.version != o.Version {
			continue
		}
		asked[l.lane] = change{l, prose(o.Disable)}
		lanes, versions, reasons = append(lanes, l.lane), append(versions, o.Version), append(reasons, prose(o.Disable))
	}
	if len(lanes) == 0 {
		return
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
}

type change struct {
	lane   *lane
	reason string
}

// giveBack queues the returns.
func giveBack(t *txn, returns []webhook.Return, out *webhook.Settled) {
	if len(returns) == 0 {
		return
	}
	ids, tokens := split(returns, func(r webhook.Return) webhook.Hold { return r.Hold })
	var marks, pauses, parks []int64
	var paces [][]byte
	var excludes []string
	for _, r := range returns {
		marks, pauses, parks = append(marks, r.Mark), append(pauses, micros(r.Pause)), append(parks, r.Park)
		paces, excludes = append(paces, r.Pace), append(excludes, typesJSON(r.Exclude))
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
