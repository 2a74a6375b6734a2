package sqlitestore

import (
	"context"

	"github.com/autoreach/webhook"
)

// Stats implements [webhook.Operator]. It counts what waits, which takes a
// second for some millions.
func (s *Store) Stats(ctx context.Context) (out webhook.StoreStats, err error) {
	err = s.view(ctx, func(t *txn) error {
		oldest := t.now
		_, err := t.get(`SELECT count(*),
			(SELECT count(*) FROM webhook_queue q WHERE q.lane IN (SELECT lane FROM webhook_endpoints)) +
			coalesce(sum((SELECT count(*) FROM webhook_deliveries d WHERE d.lane = l.lane AND d.state = 0)), 0),
			coalesce(sum(h.undelivered), 0),
			coalesce(sum(l.held = 1 AND l.ready_at > ?1), 0),
			min(?1, coalesce(min(CASE WHEN l.disabled = 0 THEN min(
				coalesce((SELECT created_at FROM webhook_queue q WHERE q.lane = l.lane ORDER BY id LIMIT 1), ?1),
				coalesce((SELECT due FROM webhook_deliveries d WHERE d.lane = l.lane AND d.resend = 0 AND d.state = 0 ORDER BY due LIMIT 1), ?1),
				coalesce((SELECT due FROM webhook_deliveries d WHERE d.lane = l.lane AND d.resend = 1 AND d.state = 0 ORDER BY due LIMIT 1), ?1)
			) END), ?1))
			FROM webhook_lanes l JOIN webhook_health h ON h.lane = l.lane`,
			[]any{t.now}, &out.Endpoints, &out.Pending, &out.Undelivered, &out.Held, &oldest)
		out.Oldest = elapsed(t.now - oldest)
		return err
	})
	return out, failed("Stats", err)
}

// pauseSeq is the sequence number of the pauses.
func (t *txn) pauseSeq() (seq int64, err error) {
	_, err = t.get(`SELECT value FROM webhook_meta WHERE name = 'pauses'`, nil, &seq)
	return seq, err
}

// Pauses implements [webhook.Operator].
func (s *Store) Pauses(ctx context.Context) (out webhook.Pauses, err error) {
	err = s.peek(ctx, func(t *txn) error {
		if out.Seq, err = t.pauseSeq(); err != nil {
			return err
		}
		return t.each(`SELECT account, type, host FROM webhook_pauses ORDER BY account, type, host`, nil, func(r row) error {
			var p webhook.Pause
			err := r.Scan(&p.Account, &p.Type, &p.Host)
			out.List = append(out.List, p)
			return err
		})
	})
	return out, failed("Pauses", err)
}

// SetPause implements [webhook.Operator].
func (s *Store) SetPause(ctx context.Context, p webhook.Pause, on bool) error {
	return failed("SetPause", s.update(ctx, func(t *txn) error {
		query := `DELETE FROM webhook_pauses WHERE account = ? AND type = ? AND host = ?`
		if on {
			query = `INSERT OR IGNORE INTO webhook_pauses (account, type, host) VALUES (?, ?, ?)`
		}
		n, err := t.exec(query, p.Account, p.Type, p.Host)
		if err != nil || n == 0 {
			return err
		}
		if _, err := t.exec(`UPDATE webhook_meta SET value = value + 1 WHERE name = 'pauses'`); err != nil || on {
			return err
		}
		lanes, err := t.list(`SELECT lane FROM webhook_lanes WHERE parked = 1`)
		if err != nil {
			return err
		}
		for _, lane := range lanes {
			if err := t.wake(lane); err != nil {
				return err
			}
		}
		return nil
	}))
}
