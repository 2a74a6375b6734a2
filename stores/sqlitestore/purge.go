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
		{`SELECT 1 FROM webhook_deleted LIMIT 1`, nil, func(t *txn, n int) (int, error) { return t.clear(n, "") }},
		{`SELECT 1 FROM webhook_deliveries WHERE state = 0 AND created_at < ?1
			UNION ALL SELECT 1 FROM (SELECT created_at FROM webhook_queue ORDER BY id LIMIT 1) WHERE created_at < ?1 LIMIT 1`, []any{pending},
			func(t *txn, n int) (int, error) { return t.expire(pending, n) }},
		{`SELECT 1 FROM webhook_deliveries WHERE finished_at < ?1
			UNION ALL SELECT 1 FROM (SELECT finished_at FROM webhook_delivered ORDER BY id LIMIT 100) WHERE finished_at < ?1 LIMIT 1`, []any{log},
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

// clear removes what deleted endpoints have left behind, of an account if one is
// named.
func (t *txn) clear(n int, account string) (int, error) {
	total := 0
	query, args := `SELECT lane FROM webhook_deleted ORDER BY lane LIMIT 1`, []any(nil)
	if account != "" {
		query, args = `SELECT lane FROM webhook_deleted WHERE account = ? ORDER BY lane LIMIT 1`, []any{account}
	}
	for total < n {
		var lane int64
		if found, err := t.get(query, args, &lane); err != nil || !found {
			return total, err
		}
		for _, table := range tables {
			gone, err := t.remove(table, `SELECT id, event FROM `+table+` WHERE lane = ? LIMIT ?+0`, lane, n-total)
			if err != nil {
				return total, err
			}
			total += gone
		}
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
func (t *txn) remove(table, query string, args ...any) (int, error) {
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
		if table == `webhook_deliveries` {
			if _, err := t.exec(`DELETE FROM webhook_attempts WHERE delivery = ?`, id); err != nil {
				return 0, err
			}
		}
		if _, err := t.exec(`DELETE FROM `+table+` WHERE id = ?`, id); err != nil {
			return 0, err
		}
	}
	slices.Sort(events)
	for _, event := range slices.Compact(events) {
		used, err := t.used(event, false)
		if err != nil {
			return 0, err
		}
		if used {
			continue
		}
		if _, err := t.exec(`UPDATE webhook_events SET body = NULL WHERE pk = ? AND body IS NOT NULL`, event); err != nil {
			return 0, err
		}
	}
	return len(ids), nil
}

// tables are where deliveries are.
var tables = []string{`webhook_queue`, `webhook_delivered`, `webhook_deliveries`}

// used says whether there is a delivery of the event, or one that waits.
func (t *txn) used(event int64, waits bool) (bool, error) {
	query := `SELECT 1 WHERE EXISTS (SELECT 1 FROM webhook_queue WHERE ` + ofEvent + `)
		OR EXISTS (SELECT 1 FROM webhook_delivered WHERE ` + ofEvent + `)
		OR EXISTS (SELECT 1 FROM webhook_deliveries WHERE ` + ofEvent + `)
		OR EXISTS (SELECT 1 FROM webhook_deliveries WHERE event = ?1 AND of <> 0)`
	if waits {
		query = `SELECT 1 WHERE EXISTS (SELECT 1 FROM webhook_queue WHERE ` + ofEvent + `)
		OR EXISTS (SELECT 1 FROM webhook_deliveries WHERE ` + ofEvent + ` AND +state = 0)
		OR EXISTS (SELECT 1 FROM webhook_deliveries WHERE event = ?1 AND of <> 0 AND +state = 0)`
	}
	return t.get(query, []any{event}, new(int64))
}

// ofEvent finds the first deliveries of an event, by their IDs.
const ofEvent = `id > ?1 AND id <= ?1 + (SELECT span FROM webhook_events WHERE pk = ?1)`

// expire makes deliveries dead that have been waiting since before.
func (t *txn) expire(before int64, n int) (int, error) {
	type expired struct {
		id, lane     int64
		attempts     int
		resend, moot bool
	}
	var list []expired
	queued, err := t.list(`SELECT id FROM (SELECT id, created_at FROM webhook_queue ORDER BY id LIMIT ?+0) WHERE created_at < ?`, n, before)
	if err != nil {
		return 0, err
	}
	for _, id := range queued {
		if _, err := t.unqueue(id); err != nil {
			return 0, err
		}
	}
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
	total, err := t.remove(`webhook_deliveries`,
		`SELECT id, event FROM webhook_deliveries WHERE finished_at < ? ORDER BY finished_at, id LIMIT ?+0`, before, n)
	if err != nil || total == n {
		return total, err
	}
	// These finished soon after they began, so the old ones are at the front.
	more, err := t.remove(`webhook_delivered`, `SELECT id, event FROM (SELECT id, event, finished_at FROM webhook_delivered ORDER BY id LIMIT ?+0)
		WHERE finished_at < ? LIMIT ?+0`, 10*n, before, n-total)
	return total + more, err
}

// later is when an event is looked at again that could not go yet.
const later = time.Hour

// forgetBodies removes bodies that no waiting delivery needs.
func (t *txn) forgetBodies(before int64, n int) (int, error) {
	return t.forgetEach(`SELECT pk FROM webhook_events WHERE body IS NOT NULL AND turn < ? ORDER BY turn LIMIT ?+0`, before, n,
		true,
		`UPDATE webhook_events SET body = NULL WHERE pk = ?`)
}

// forgetEvents removes events that no delivery refers to.
func (t *txn) forgetEvents(before int64, n int) (int, error) {
	return t.forgetEach(`SELECT pk FROM webhook_events WHERE body IS NULL AND turn < ? ORDER BY turn LIMIT ?+0`, before, n,
		false,
		`DELETE FROM webhook_events WHERE pk = ?`)
}

// forgetEach takes what is old enough, puts off what is needed, and goes on
// until n are gone or as many were looked at.
func (t *txn) forgetEach(old string, before int64, n int, waits bool, forget string) (int, error) {
	total := 0
	for looked := 0; total < n && looked < 10*n; {
		events, err := t.list(old, before, n-total)
		if err != nil || len(events) == 0 {
			return total, err
		}
		looked += len(events)
		for _, pk := range events {
			keep, err := t.used(pk, waits)
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
