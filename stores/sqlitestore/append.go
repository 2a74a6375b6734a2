package sqlitestore

import (
	"context"
	"slices"
	"strings"

	"github.com/autoreach/webhook"
)

// Append implements [webhook.Tx].
func (s *Store) Append(ctx context.Context, events []webhook.EventRecord) (out []webhook.Appended, err error) {
	if len(events) == 0 {
		return nil, nil
	}
	err = s.update(ctx, func(t *txn) error { out, err = t.append(events); return err })
	if err != nil {
		return nil, failed("Append", err)
	}
	return out, nil
}

// sorted returns the numbers of the items in the order of their keys, and where
// these are equal in that of the items. What is written in the order of an index
// costs less.
func sorted[T any](items []T, key func(*T) string) []int {
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(key(&items[a]), key(&items[b])) })
	return order
}

// An appending is the work of one Append.
type appending struct {
	*txn
	last        int64                      // number that is taken
	subscribers map[[2]string][]subscriber // by account and type
	woken       []int64                    // lanes, once each
	missed      map[int64]int64            // by lane
}

type subscriber struct {
	lane    int64
	enabled bool
}

func (t *txn) append(events []webhook.EventRecord) ([]webhook.Appended, error) {
	a := appending{txn: t, subscribers: map[[2]string][]subscriber{}, missed: map[int64]int64{}}
	out := make([]webhook.Appended, len(events))
	var err error
	if a.last, err = t.last(); err != nil {
		return nil, err
	}
	for _, i := range sorted(events, func(e *webhook.EventRecord) string { return e.Account }) {
		if out[i], err = a.event(&events[i]); err != nil {
			return nil, err
		}
	}
	if err := t.took(a.last); err != nil {
		return nil, err
	}
	done := map[int64]bool{}
	for _, lane := range a.woken {
		if done[lane] {
			continue
		}
		done[lane] = true
		if err := t.wake(lane); err != nil {
			return nil, err
		}
	}
	for lane, n := range a.missed {
		if _, err := t.exec(`UPDATE webhook_health SET undelivered = undelivered + ?, last_reason = ? WHERE lane = ?`,
			n, webhook.ReasonMissed.Sentence(0), lane); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// event stores one event with its deliveries, unless it is a duplicate.
func (a *appending) event(e *webhook.EventRecord) (webhook.Appended, error) {
	if e.Key != "" {
		first, err := a.duplicate(e)
		if err != nil || first.Duplicate {
			return first, err
		}
	}
	subs, err := a.concerned(e.Account, e.Type)
	if err != nil {
		return webhook.Appended{}, err
	}
	n := 0
	for _, s := range subs {
		if s.enabled {
			n++
		}
	}
	var body []byte // NULL if nobody will ever get it: only the ID stays, against repeats
	if len(subs) > 0 {
		if body = e.Body; body == nil {
			body = []byte{}
		}
	}
	pk := a.last + 1
	stored, err := a.exec(`INSERT INTO webhook_events (pk, id, account, type, subject, occurred_at, deliveries, span, turn, body)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id, account) DO NOTHING`,
		pk, e.ID, e.Account, e.Type, e.Subject, e.OccurredAt.UnixMicro(), n, len(subs), a.now, body)
	if err != nil {
		return webhook.Appended{}, err
	}
	if stored == 0 {
		return a.duplicate(e)
	}
	if e.Key != "" {
		if _, err := a.exec(`INSERT OR REPLACE INTO webhook_keys (account, key, event, deliveries, until) VALUES (?, ?, ?, ?, ?)`,
			e.Account, e.Key, e.ID, n, after(a.now, e.KeyWindow)); err != nil {
			return webhook.Appended{}, err
		}
	}
	a.last = pk + int64(len(subs))
	for i, s := range subs {
		id := pk + 1 + int64(i)
		if s.enabled {
			a.woken = append(a.woken, s.lane)
			_, err = a.exec(`INSERT INTO webhook_queue (id, lane, event, type, created_at) VALUES (?, ?, ?, ?, ?)`,
				id, s.lane, pk, e.Type, a.now)
		} else {
			a.missed[s.lane]++
			_, err = a.exec(`INSERT INTO webhook_deliveries (id, lane, event, type, due, created_at, state, finished_at, reason, undelivered)
				VALUES (?, ?, ?, ?, ?, ?, 2, ?, 'missed', 1)`, id, s.lane, pk, e.Type, a.now, a.now, a.now)
		}
		if err != nil {
			return webhook.Appended{}, err
		}
	}
	return webhook.Appended{ID: e.ID, Deliveries: n}, nil
}

// duplicate returns what was stored first under the event's ID or key.
func (a *appending) duplicate(e *webhook.EventRecord) (webhook.Appended, error) {
	first := webhook.Appended{ID: e.ID}
	var err error
	first.Duplicate, err = a.get(`SELECT deliveries FROM webhook_events WHERE account = ? AND id = ?`, []any{e.Account, e.ID}, &first.Deliveries)
	if err != nil || first.Duplicate || e.Key == "" {
		return first, err
	}
	first.Duplicate, err = a.get(`SELECT event, deliveries FROM webhook_keys WHERE account = ? AND key = ? AND until > ?`,
		[]any{e.Account, e.Key, a.now}, &first.ID, &first.Deliveries)
	return first, err
}

// concerned returns whom an event of the type makes a delivery for, if only a
// missed one.
func (a *appending) concerned(account, kind string) ([]subscriber, error) {
	key := [2]string{account, kind}
	subs, known := a.subscribers[key]
	if known {
		return subs, nil
	}
	err := a.each(`SELECT s.lane, p.enabled FROM webhook_subscriptions s CROSS JOIN webhook_endpoints p ON p.lane = s.lane
		WHERE s.account = ? AND s.type = ? AND (p.enabled = 1 OR p.disabled_by = 'engine')`,
		[]any{account, kind}, func(r row) error {
			var s subscriber
			err := r.Scan(&s.lane, &s.enabled)
			subs = append(subs, s)
			return err
		})
	a.subscribers[key] = subs
	return subs, err
}
