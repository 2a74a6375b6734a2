package sqlitestore

import (
	"context"

	"github.com/autoreach/webhook"
)

// Resend implements [webhook.Log].
func (s *Store) Resend(ctx context.Context, account string, delivery int64, op string) (id int64, err error) {
	err = s.update(ctx, func(t *txn) error { id, err = t.resend(account, delivery, op); return err })
	if err != nil {
		return 0, failed("Resend", err)
	}
	return id, nil
}

func (t *txn) resend(account string, delivery int64, op string) (int64, error) {
	if _, err := t.widen(delivery); err != nil {
		return 0, err
	}
	var state, resentAs int64
	var enabled, body bool
	found, err := t.get(`SELECT d.state, d.resent_as, p.enabled, e.body IS NOT NULL
		FROM webhook_deliveries d CROSS JOIN webhook_endpoints p ON p.lane = d.lane LEFT JOIN webhook_events e ON e.pk = d.event
		WHERE d.id = ? AND p.account = ?`, []any{delivery, account}, &state, &resentAs, &enabled, &body)
	if err != nil {
		return 0, err
	}
	if !found {
		return 0, webhook.ErrNotFound
	}
	if op != "" {
		var first int64
		if found, err := t.get(`SELECT id FROM webhook_deliveries WHERE of = ? AND op = ? AND op <> ''`,
			[]any{delivery, op}, &first); err != nil || found {
			return first, err
		}
	}
	last := delivered // or forgotten
	if _, err := t.get(`SELECT state FROM webhook_deliveries WHERE id = ?`, []any{resentAs}, &last); err != nil {
		return 0, err
	}
	switch {
	case state == pending || last == pending:
		return 0, webhook.ErrConflict
	case !enabled:
		return 0, webhook.ErrDisabled
	case !body:
		return 0, webhook.ErrNotFound
	}
	return t.again(delivery, true, op)
}

// again adds a delivery of the same event as a finished one.
func (t *txn) again(old int64, resend bool, op string) (int64, error) {
	var lane int64
	var undelivered bool
	if _, err := t.get(`SELECT lane, undelivered FROM webhook_deliveries WHERE id = ?`, []any{old}, &lane, &undelivered); err != nil {
		return 0, err
	}
	id, err := t.last()
	if err != nil {
		return 0, err
	}
	id++
	if err := t.took(id); err != nil {
		return 0, err
	}
	if _, err := t.exec(`INSERT INTO webhook_deliveries (id, lane, event, type, resend, due, created_at, moot, of, op)
		SELECT ?5, lane, event, type, ?2, ?3, ?3, moot = 1 OR state = 1, id, ?4 FROM webhook_deliveries WHERE id = ?1`,
		old, bit(resend), t.now, op, id); err != nil {
		return 0, err
	}
	if _, err := t.exec(`UPDATE webhook_deliveries SET resent_as = ?, undelivered = 0 WHERE id = ?`, id, old); err != nil {
		return 0, err
	}
	if undelivered {
		if err := t.forgetUndelivered(lane); err != nil {
			return 0, err
		}
	}
	return id, t.wake(lane)
}

// forgetUndelivered takes one delivery out of a lane's undelivered count.
func (t *txn) forgetUndelivered(lane int64) error {
	_, err := t.exec(`UPDATE webhook_health SET undelivered = undelivered - 1 WHERE lane = ?`, lane)
	return err
}

// Recover implements [webhook.Log].
func (s *Store) Recover(ctx context.Context, q webhook.DeliveryQuery) (n int, err error) {
	err = s.update(ctx, func(t *txn) error {
		if q.Endpoint != "" {
			switch e, err := t.find(q.Endpoint); {
			case err != nil:
				return err
			case e == nil || e.Account != q.Account:
				return webhook.ErrNotFound
			case !e.Enabled:
				return webhook.ErrDisabled
			}
		}
		ids, err := t.matching(q, false, []walk{walkUndelivered},
			`EXISTS (SELECT 1 FROM webhook_endpoints p WHERE p.lane = d.lane AND p.enabled = 1)`,
			`EXISTS (SELECT 1 FROM webhook_events e WHERE e.pk = d.event AND +e.body IS NOT NULL)`)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if _, err := t.again(id, false, ""); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	if err != nil {
		return 0, failed("Recover", err)
	}
	return n, nil
}

// Dismiss implements [webhook.Log].
func (s *Store) Dismiss(ctx context.Context, q webhook.DeliveryQuery) (n int, err error) {
	err = s.update(ctx, func(t *txn) error {
		ids, err := t.matching(q, false, []walk{walkQueue, walkPending, walkUndelivered})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := t.dismiss(id); err != nil {
				return err
			}
		}
		n = len(ids)
		return nil
	})
	if err != nil {
		return 0, failed("Dismiss", err)
	}
	return n, nil
}

func (t *txn) dismiss(id int64) error {
	if _, err := t.unqueue(id); err != nil {
		return err
	}
	var lane, state int64
	var fifo bool
	if _, err := t.get(`SELECT d.lane, d.state, l.fifo FROM webhook_deliveries d CROSS JOIN webhook_lanes l ON l.lane = d.lane
		WHERE d.id = ?`, []any{id}, &lane, &state, &fifo); err != nil {
		return err
	}
	if state != pending {
		if _, err := t.exec(`UPDATE webhook_deliveries SET undelivered = 0 WHERE id = ?`, id); err != nil {
			return err
		}
		return t.forgetUndelivered(lane)
	}
	if _, err := t.exec(`UPDATE webhook_deliveries SET state = 2, reason = 'discarded', finished_at = ? WHERE id = ?`, t.now, id); err != nil {
		return err
	}
	if fifo { // the next one comes to the head
		return t.wake(lane)
	}
	return nil
}
