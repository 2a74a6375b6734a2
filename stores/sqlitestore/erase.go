package sqlitestore

import (
	"context"
	"errors"

	"github.com/autoreach/webhook"
)

// Erase implements [webhook.Log]. What goes is overwritten with zeros. The old
// bytes may still be in the log beside the file (-wal) until that is used again,
// which PRAGMA wal_checkpoint(TRUNCATE) hastens. Idempotency keys of a subject's
// events stay until their window is over.
func (s *Store) Erase(ctx context.Context, e webhook.Erasure, n int) (total int, err error) {
	err = s.update(ctx, func(t *txn) error {
		return t.overwriting(func() error { total, err = t.erase(e, n); return err })
	})
	if err != nil {
		return 0, failed("Erase", err)
	}
	return total, nil
}

// overwriting runs f while SQLite overwrites all that it deletes, and not only
// where this costs no write of its own. That is too dear for every Purge.
func (t *txn) overwriting(f func() error) error {
	var before int
	if _, err := t.get(`PRAGMA secure_delete`, nil, &before); err != nil {
		return err
	}
	if err := t.script(`PRAGMA secure_delete = ON`); err != nil {
		return err
	}
	err := f()
	return errors.Join(err, t.script(`PRAGMA secure_delete = `+[]string{"OFF", "ON", "FAST"}[before]))
}

func (t *txn) erase(e webhook.Erasure, n int) (int, error) {
	total := 0
	// Events with deliveries go with those.
	query, args := `SELECT pk FROM webhook_events WHERE account = ? AND body IS NULL LIMIT ?+0`, []any{e.Account}
	switch {
	case e.Subject != "" && e.Account != "":
		query, args = `SELECT pk FROM webhook_events WHERE subject <> '' AND subject = ? AND account = ? LIMIT ?+0`, []any{e.Subject, e.Account}
	case e.Subject != "":
		query, args = `SELECT pk FROM webhook_events WHERE subject <> '' AND subject = ? LIMIT ?+0`, []any{e.Subject}
	default:
		var err error
		if total, err = t.eraseEndpoints(e.Account, n); err != nil || total == n {
			return total, err
		}
		if _, err := t.exec(`DELETE FROM webhook_keys WHERE (account, key) IN (
			SELECT account, key FROM webhook_keys WHERE account = ? LIMIT ?+0)`, e.Account, n); err != nil {
			return total, err
		}
		gone, err := t.clear(n-total, e.Account)
		if total += gone; err != nil || total == n {
			return total, err
		}
	}
	events, err := t.list(query, append(args, n-total)...)
	if err != nil {
		return total, err
	}
	for _, pk := range events {
		if err := t.eraseEvent(pk); err != nil {
			return total, err
		}
		total++
	}
	return total, nil
}

// eraseEndpoints removes endpoints of an account.
func (t *txn) eraseEndpoints(account string, n int) (int, error) {
	total := 0
	for total < n {
		var id string
		found, err := t.get(`SELECT id FROM webhook_endpoints WHERE account = ? ORDER BY id LIMIT 1`, []any{account}, &id)
		if err != nil || !found {
			return total, err
		}
		e, err := t.find(id)
		if err != nil {
			return total, err
		}
		if err := t.drop(e); err != nil {
			return total, err
		}
		total++
	}
	return total, nil
}

// eraseEvent forgets an event with its deliveries and attempts.
func (t *txn) eraseEvent(pk int64) error {
	if err := t.leave(pk); err != nil {
		return err
	}
	if _, err := t.exec(`UPDATE webhook_health SET response = NULL
		WHERE lane IN (SELECT lane FROM webhook_endpoints WHERE account = (SELECT account FROM webhook_events WHERE pk = ?1))
		AND event = (SELECT id FROM webhook_events WHERE pk = ?1)`, pk); err != nil {
		return err
	}
	const sentAgain = `event = ?1 AND of <> 0`
	for _, q := range []string{
		`DELETE FROM webhook_attempts WHERE delivery IN (SELECT id FROM webhook_deliveries WHERE ` + ofEvent + `)`,
		`DELETE FROM webhook_attempts WHERE delivery IN (SELECT id FROM webhook_deliveries WHERE ` + sentAgain + `)`,
		`DELETE FROM webhook_deliveries WHERE ` + ofEvent,
		`DELETE FROM webhook_deliveries WHERE ` + sentAgain,
		`DELETE FROM webhook_queue WHERE ` + ofEvent,
		`DELETE FROM webhook_delivered WHERE ` + ofEvent,
		`DELETE FROM webhook_events WHERE pk = ?1`,
	} {
		if _, err := t.exec(q, pk); err != nil {
			return err
		}
	}
	return nil
}

// leave tells the lanes that the event's deliveries go.
func (t *txn) leave(pk int64) error {
	var counted, woken []int64
	look := func(r row) error {
		var lane, state int64
		var undelivered bool
		err := r.Scan(&lane, &state, &undelivered)
		if undelivered {
			counted = append(counted, lane)
		}
		if state == pending {
			woken = append(woken, lane)
		}
		return err
	}
	for _, q := range []string{
		`SELECT lane, 0, 0 FROM webhook_queue WHERE ` + ofEvent,
		`SELECT lane, state, undelivered FROM webhook_deliveries WHERE ` + ofEvent,
		`SELECT lane, state, undelivered FROM webhook_deliveries WHERE event = ?1 AND of <> 0`,
	} {
		if err := t.each(q, []any{pk}, look); err != nil {
			return err
		}
	}
	for _, lane := range counted {
		if err := t.forgetUndelivered(lane); err != nil {
			return err
		}
	}
	for _, lane := range woken {
		if err := t.wakeFIFO(lane); err != nil {
			return err
		}
	}
	return nil
}
