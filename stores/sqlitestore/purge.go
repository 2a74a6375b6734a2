package sqlitestore

import (
	"context"
	"slices"
	"time"

	"github.com/autoreach/webhook"
)

// A chore is a part of Purge: it says with one look whether there is anything
// to do, and does at most n rows of it.
type chore struct {
	due  string
	args []any
	do   func(t *txn, n int) (int, error)
}

// Purge implements [webhook.Log]. Each part runs in a transaction of its own,
// and only if there is something to do.
func (s *Store) Purge(ctx context.Context, ages webhook.Ages, n int) (total int, err error) {
	var list []chore
	if err := s.peek(ctx, func(t *txn) error {
		for _, c := range chores(ages, t.now) {
			found, err := t.get(c.due, c.args, new(int64))
			if err != nil {
				return err
			}
			if found {
				list = append(list, c)
			}
		}
		return nil
	}); err != nil {
		return 0, failed("Purge", err)
	}
	for _, c := range list {
		done := 0
		if err := s.update(ctx, func(t *txn) error { done, err = c.do(t, n); return err }); err != nil {
			return total, failed("Purge", err)
		}
		total += done
	}
	return total, nil
}

func chores(ages webhook.Ages, now int64) []chore {
	before := func(age time.Duration) int64 {
		if age <= 0 {
			return -never
		}
		return now - after(0, age)
	}
	pending, bodies, log := before(ages.Pending), before(ages.Bodies), before(ages.Log)
	lastHour := hour(now) - maxHours
	return []chore{
		{`SELECT 1 FROM webhook_deleted LIMIT 1`, nil, func(t *txn, n int) (int, error) { return t.clear(n) }},
		{`SELECT 1 FROM webhook_deliveries WHERE state = 0 AND created_at < ? LIMIT 1`, []any{pending},
			func(t *txn, n int) (int, error) { return t.expire(pending, n) }},
		{`SELECT 1 FROM webhook_deliveries WHERE finished_at < ? LIMIT 1`, []any{log},
			func(t *txn, n int) (int, error) { return t.forget(log, n) }},
		{`SELECT 1 FROM webhook_events WHERE body IS NOT NULL AND turn < ? LIMIT 1`, []any{bodies},
			func(t *txn, n int) (int, error) { return t.forgetBodies(bodies, n) }},
		{`SELECT 1 FROM webhook_events WHERE body IS NULL AND turn < ? LIMIT 1`, []any{log},
			func(t *txn, n int) (int, error) { return t.forgetEvents(log, n) }},
		{`SELECT 1 FROM webhook_keys WHERE until <= ? LIMIT 1`, []any{now}, func(t *txn, n int) (int, error) {
			return t.count(`DELETE FROM webhook_keys WHERE (account, key) IN (
				SELECT account, key FROM webhook_keys WHERE until <= ? LIMIT ?+0)`, now, n)
		}},
		{`SELECT 1 FROM webhook_hours WHERE hour <= ? LIMIT 1`, []any{lastHour}, func(t *txn, n int) (int, error) {
			return t.count(`DELETE FROM webhook_hours WHERE (lane, hour) IN (
				SELECT lane, hour FROM webhook_hours WHERE hour <= ? LIMIT ?+0)`, lastHour, n)
		}},
	}
}

func (t *txn) count(query string, args ...any) (int, error) {
	n, err := t.exec(query, args...)
	return int(n), err
}

// clear removes what deleted endpoints have left behind.
func (t *txn) clear(n int) (int, error) {
	total := 0
	for total < n {
		var lane int64
		if found, err := t.get(`SELECT lane FROM webhook_deleted ORDER BY lane LIMIT 1`, nil, &lane); err != nil || !found {
			return total, err
		}
		gone, err := t.remove(`SELECT id, event FROM webhook_deliveries WHERE lane = ? LIMIT ?+0`, lane, n-total)
		if err != nil {
			return total, err
		}
		total += gone
		if total < n {
			for _, q := range []string{`DELETE FROM webhook_hours WHERE lane = ?`, `DELETE FROM webhook_deleted WHERE lane = ?`} {
				if _, err := t.exec(q, lane); err != nil {
					return total, err
				}
			}
		}
	}
	return total, nil
}

// remove forgets deliveries with their attempts, and the bodies of events
// that nobody refers to any more.
func (t *txn) remove(query string, args ...any) (int, error) {
	var ids, events []int64
	if err := t.each(query, args, func(r row) error {
		var id, event int64
		err := r.Scan(&id, &event)
		ids, events = append(ids, id), append(events, event)
		return err
	}); err != nil {
		return 0, err
	}
	for _, id := range ids {
		if _, err := t.exec(`DELETE FROM webhook_attempts WHERE delivery = ?`, id); err != nil {
			return 0, err
		}
		if _, err := t.exec(`DELETE FROM webhook_deliveries WHERE id = ?`, id); err != nil {
			return 0, err
		}
	}
	slices.Sort(events)
	for _, event := range slices.Compact(events) {
		if _, err := t.exec(`UPDATE webhook_events SET body = NULL WHERE pk = ? AND body IS NOT NULL
			AND NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE event = webhook_events.pk)`, event); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// expire makes deliveries dead that have been waiting since before.
func (t *txn) expire(before int64, n int) (int, error) {
	type expired struct {
		id, lane     int64
		attempts     int
		resend, moot bool
	}
	var list []expired
	if err := t.each(`SELECT id, lane, attempts, resend, moot FROM webhook_deliveries WHERE state = 0 AND created_at < ?
		ORDER BY created_at LIMIT ?+0`, []any{before, n}, func(r row) error {
		var e expired
		err := r.Scan(&e.id, &e.lane, &e.attempts, &e.resend, &e.moot)
		list = append(list, e)
		return err
	}); err != nil {
		return 0, err
	}
	woken := map[int64]bool{}
	for _, e := range list {
		if _, err := t.exec(`UPDATE webhook_deliveries SET state = 2, reason = 'expired', finished_at = ?, undelivered = ? WHERE id = ?`,
			t.now, bit(!e.moot), e.id); err != nil {
			return 0, err
		}
		reason := webhook.ReasonExpired.Sentence(e.attempts)
		if !e.moot {
			if _, err := t.exec(`UPDATE webhook_health SET undelivered = undelivered + 1, last_reason = ? WHERE lane = ?`,
				reason, e.lane); err != nil {
				return 0, err
			}
		}
		if !e.resend {
			if _, err := t.exec(`UPDATE webhook_health SET in_error = 1, reason = ? WHERE lane = ?`, reason, e.lane); err != nil {
				return 0, err
			}
		}
		if woken[e.lane] {
			continue
		}
		woken[e.lane] = true
		if err := t.wakeFIFO(e.lane); err != nil {
			return 0, err
		}
	}
	return len(list), nil
}

// wakeFIFO tells a lane that something ended without its holder: the next
// delivery of a FIFO lane comes to the head.
func (t *txn) wakeFIFO(lane int64) error {
	fifo, err := t.get(`SELECT 1 FROM webhook_lanes WHERE lane = ? AND fifo = 1`, []any{lane}, new(int64))
	if err == nil && fifo {
		err = t.wake(lane)
	}
	return err
}

// forget removes finished deliveries from the log.
func (t *txn) forget(before int64, n int) (int, error) {
	lanes, err := t.list(`SELECT lane FROM (SELECT lane, undelivered FROM webhook_deliveries WHERE finished_at < ?
		ORDER BY finished_at, id LIMIT ?+0) WHERE undelivered = 1`, before, n)
	if err != nil {
		return 0, err
	}
	for _, lane := range lanes {
		if err := t.forgetUndelivered(lane); err != nil {
			return 0, err
		}
	}
	return t.remove(`SELECT id, event FROM webhook_deliveries WHERE finished_at < ? ORDER BY finished_at, id LIMIT ?+0`, before, n)
}

// later is when an event is looked at again that could not go yet.
const later = time.Hour

// forgetBodies removes bodies that no waiting delivery needs.
func (t *txn) forgetBodies(before int64, n int) (int, error) {
	return t.forgetEach(`SELECT pk FROM webhook_events WHERE body IS NOT NULL AND turn < ? ORDER BY turn LIMIT ?+0`, before, n,
		`SELECT 1 FROM webhook_deliveries WHERE event = ? AND +state = 0 LIMIT 1`,
		`UPDATE webhook_events SET body = NULL WHERE pk = ?`)
}

// forgetEvents removes events that no delivery refers to.
func (t *txn) forgetEvents(before int64, n int) (int, error) {
	return t.forgetEach(`SELECT pk FROM webhook_events WHERE body IS NULL AND turn < ? ORDER BY turn LIMIT ?+0`, before, n,
		`SELECT 1 FROM webhook_deliveries WHERE event = ? LIMIT 1`,
		`DELETE FROM webhook_events WHERE pk = ?`)
}

// forgetEach takes what is old enough, puts off what is needed, and goes on
// until n are gone or as many were looked at.
func (t *txn) forgetEach(old string, before int64, n int, needed, forget string) (int, error) {
	total := 0
	for looked := 0; total < n && looked < 10*n; {
		events, err := t.list(old, before, n-total)
		if err != nil || len(events) == 0 {
			return total, err
		}
		looked += len(events)
		for _, pk := range events {
			keep, err := t.get(needed, []any{pk}, new(int64))
			if err != nil {
				return total, err
			}
			if keep {
				_, err = t.exec(`UPDATE webhook_events SET turn = ? WHERE pk = ?`, before+later.Microseconds(), pk)
			} else {
				_, err = t.exec(forget, pk)
				total++
			}
			if err != nil {
				return total, err
			}
		}
	}
	return total, nil
}
