package sqlitestore

import (
	"context"
	"time"

	"github.com/autoreach/webhook"
)

// wake tells a lane that work came: it raises the mark and, if nobody holds
// the lane, makes it ready, not before a pause ends. Most lanes are ready or
// held already; then the index of ready lanes is not touched.
func (t *txn) wake(lane int64) error {
	n, err := t.exec(`UPDATE webhook_lanes SET mark = mark + 1
		WHERE lane = ?1 AND (held = 1 OR disabled = 1 OR parked = 0 AND ready_at <= max(?2, not_before))`, lane, t.now)
	if err == nil && n == 0 {
		_, err = t.exec(`UPDATE webhook_lanes SET mark = mark + 1, parked = 0, ready_at = min(ready_at, max(?2, not_before))
			WHERE lane = ?1`, lane, t.now)
	}
	return err
}

// stop makes whoever holds the lane lose it, and keeps it from being claimed.
// The holder may go on sending until its lease ends: so long it is not
// handed out again.
func (t *txn) stop(lane int64) error {
	_, err := t.exec(`UPDATE webhook_lanes SET disabled = 1, parked = 0, held = 0, token = token + 1,
		not_before = CASE WHEN held = 1 THEN max(not_before, ready_at) ELSE not_before END,
		ready_at = 4611686018427387904 WHERE lane = ?`, lane)
	return err
}

// firstReady is when the first lane is ready.
func (t *txn) firstReady() (int64, error) {
	at := never
	_, err := t.get(`SELECT ready_at FROM webhook_lanes WHERE ready_at < 4611686018427387904 ORDER BY ready_at LIMIT 1`, nil, &at)
	return at, err
}

// next is how long a claimer may sleep.
func (s *Store) next(t *txn) (time.Duration, error) {
	first, err := t.firstReady()
	return min(s.options.PollInterval, elapsed(max(0, first-t.now))), err
}

// Claim implements [webhook.Lanes]. It writes only when a lane is ready.
func (s *Store) Claim(ctx context.Context, max int, lease time.Duration) (claims []webhook.Claim, next time.Duration, err error) {
	err = s.peek(ctx, func(t *txn) error { next, err = s.next(t); return err })
	if err == nil && next == 0 && max > 0 {
		err = s.update(ctx, func(t *txn) error {
			if claims, err = t.claim(max, lease); err == nil {
				next, err = s.next(t)
			}
			return err
		})
	}
	if err != nil {
		return nil, 0, failed("Claim", err)
	}
	return claims, next, nil
}

func (t *txn) claim(max int, lease time.Duration) ([]webhook.Claim, error) {
	var claims []webhook.Claim
	var lanes []int64
	err := t.each(`SELECT `+endpointColumns+`, l.token + 1, l.pace, h.failing_since, h.dead_in_row
		FROM webhook_lanes l CROSS JOIN webhook_endpoints p ON p.lane = l.lane CROSS JOIN webhook_health h ON h.lane = l.lane
		WHERE l.ready_at < 4611686018427387904 AND l.ready_at <= ? ORDER BY l.ready_at LIMIT ?+0`,
		[]any{t.now, max}, func(r row) error {
			var e storedEndpoint
			var c webhook.Claim
			var since int64
			if err := r.Scan(append(e.fields(), &c.Token, &c.Pace, &since, &c.DeadInRow)...); err != nil {
				return err
			}
			if since != 0 {
				c.FailingFor = elapsed(t.now - since)
			}
			err := e.decode()
			c.Config, c.Endpoint = e.Endpoint, e.ID
			claims, lanes = append(claims, c), append(lanes, e.lane)
			return err
		})
	if err != nil {
		return nil, err
	}
	until := after(t.now, lease)
	for i, lane := range lanes {
		if _, err := t.exec(`UPDATE webhook_lanes SET held = 1, token = ?, ready_at = ? WHERE lane = ?`, claims[i].Token, until, lane); err != nil {
			return nil, err
		}
	}
	return claims, nil
}

// Extend implements [webhook.Lanes].
func (s *Store) Extend(ctx context.Context, holds []webhook.Hold, lease time.Duration) (lost []webhook.Hold, err error) {
	err = s.update(ctx, func(t *txn) error {
		until := after(t.now, lease)
		for _, h := range holds {
			n, err := t.exec(`UPDATE webhook_lanes SET ready_at = ? WHERE token = ? AND held = 1
				AND lane = (SELECT lane FROM webhook_endpoints WHERE id = ?)`, until, h.Token, h.Endpoint)
			if err != nil {
				return err
			}
			if n == 0 {
				lost = append(lost, h)
			}
		}
		return nil
	})
	if err != nil {
		return nil, failed("Extend", err)
	}
	return lost, nil
}
