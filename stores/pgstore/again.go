package pgstore

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

// keys are deliveries by lane and ID.
type keys struct{ lanes, ids []int64 }

func (k *keys) scan(r pgx.CollectableRow) error {
	var lane, id int64
	if err := r.Scan(&lane, &id); err != nil {
		return err
	}
	k.lanes, k.ids = append(k.lanes, lane), append(k.ids, id)
	return nil
}

// lock locks the health of their lanes, in order.
func (k *keys) lock(t *txn) {
	lanes := slices.Clone(k.lanes)
	slices.Sort(lanes)
	t.exec("lockLanes", slices.Compact(lanes))
}

// untilChanged calls look until it changed something or found nothing: what it
// found, others may have changed before it had the locks.
func untilChanged(look func() (found, changed int, err error)) (int, error) {
	for {
		if found, changed, err := look(); found == 0 || changed > 0 || err != nil {
			return changed, err
		}
	}
}

// Resend implements [webhook.Log].
func (s *Store) Resend(ctx context.Context, account string, delivery int64, op string) (id int64, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		id = 0
		var lane int64
		t.rows(func(r pgx.CollectableRow) error { return r.Scan(&lane) }, "findFinished", text(account), delivery)
		if err := t.send(); err != nil {
			return err
		}
		if lane == 0 {
			return webhook.ErrNotFound
		}
		k := keys{[]int64{lane}, []int64{delivery}}
		k.lock(t)
		var found, enabled, pending, lastPending, body bool
		var done *int64 // by the same operation
		t.rows(func(r pgx.CollectableRow) error {
			found = true
			return r.Scan(&enabled, &pending, &done, &lastPending, &body)
		}, "resendState", lane, delivery, text(op))
		if err := t.send(); err != nil {
			return err
		}
		switch {
		case !found:
			return webhook.ErrNotFound
		case done != nil:
			id = *done
			return nil
		case pending || lastPending:
			return webhook.ErrConflict
		case !enabled:
			return webhook.ErrDisabled
		case !body:
			return webhook.ErrNotFound
		}
		t.rows(func(r pgx.CollectableRow) error { return r.Scan(&id) }, "again", k.lanes, k.ids, true, text(op))
		if err := t.send(); err != nil {
			return err
		}
		if id == 0 { // disabled or purged between two statements
			return webhook.ErrDisabled
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

// Recover implements [webhook.Log].
func (s *Store) Recover(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	return untilChanged(func() (int, int, error) { return s.recover(ctx, q) })
}

func (s *Store) recover(ctx context.Context, query webhook.DeliveryQuery) (found, n int, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		q := query
		found, n = 0, 0
		if q.Endpoint != "" {
			if err := s.refuseDisabled(t, q); err != nil {
				return err
			}
		}
		q.Undelivered = true
		k, err := s.oldest(t, q, "false",
			"EXISTS (SELECT FROM "+s.schema+"events v WHERE v.id = x.event_id AND v.body IS NOT NULL OFFSET 0)", "p.enabled")
		if found = len(k.ids); err != nil || found == 0 {
			return err
		}
		k.lock(t)
		t.rows(func(pgx.CollectableRow) error { n++; return nil }, "again", k.lanes, k.ids, false, "")
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return found, n, nil
}

// refuseDisabled is the error of a query for one endpoint that is disabled or
// does not exist.
func (s *Store) refuseDisabled(t *txn, q webhook.DeliveryQuery) error {
	found, enabled := false, false
	if isID(q.Endpoint) {
		t.rows(func(r pgx.CollectableRow) error {
			found = true
			var lane int64
			return r.Scan(&lane, &enabled)
		}, "laneOf", q.Endpoint, text(q.Account))
		if err := t.send(); err != nil {
			return err
		}
	}
	switch {
	case !found:
		return webhook.ErrNotFound
	case !enabled:
		return webhook.ErrDisabled
	}
	return nil
}

// oldest finds what matches, oldest first.
func (s *Store) oldest(t *txn, q webhook.DeliveryQuery, onQueue, onLog, onEndpoint string) (k keys, err error) {
	if ok, err := s.narrow(t, &q); err != nil || !ok {
		return k, err
	}
	sql, args := s.search(q).compose("p.lane, x.id", "", "ASC", onQueue, onLog, onEndpoint)
	if sql == "" {
		return k, nil
	}
	t.text(k.scan, sql, args...)
	return k, t.send()
}

// Dismiss implements [webhook.Log].
func (s *Store) Dismiss(ctx context.Context, q webhook.DeliveryQuery) (int, error) {
	return untilChanged(func() (int, int, error) { return s.dismiss(ctx, q) })
}

func (s *Store) dismiss(ctx context.Context, q webhook.DeliveryQuery) (found, n int, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		n = 0
		k, err := s.oldest(t, q, "", "x.undelivered", "")
		if found = len(k.ids); err != nil || found == 0 {
			return err
		}
		k.lock(t)
		t.value(&n, "dismiss", k.lanes, k.ids)
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return found, n, nil
}
