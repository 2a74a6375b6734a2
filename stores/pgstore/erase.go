package pgstore

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

// Erase implements [webhook.Log].
func (s *Store) Erase(ctx context.Context, e webhook.Erasure, n int) (total int, err error) {
	if n <= 0 || e.Account == "" && e.Subject == "" {
		return 0, nil
	}
	if e.Subject == "" {
		total, err = untilChanged(func() (int, int, error) { return s.eraseEndpoints(ctx, e.Account, n) })
		if err != nil || total == n {
			return total, err
		}
	}
	k, err := untilChanged(func() (int, int, error) { return s.eraseEvents(ctx, e, n-total) })
	total += k
	if err != nil || e.Subject != "" || total > 0 {
		return total, err
	}
	// Nothing is left to be seen: the keys, and what lies in the lanes of
	// deleted endpoints, this account's among them.
	err = s.own(ctx, s.pool, func(t *txn) error {
		t.exec("eraseAccount", text(e.Account))
		t.exec("eraseKeys", text(e.Account))
		return nil
	})
	for err == nil {
		var k int
		if k, err = s.bury(ctx, 1000); k == 0 {
			break
		}
	}
	return 0, err
}

// eraseEndpoints erases endpoints of an account.
func (s *Store) eraseEndpoints(ctx context.Context, account string, n int) (found, total int, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		t.rows(func(r pgx.CollectableRow) error { return r.Scan(&found, &total) }, "eraseEndpoints", text(account), n)
		return nil
	})
	return found, total, err
}

// eraseEvents erases events with their deliveries and attempts.
func (s *Store) eraseEvents(ctx context.Context, e webhook.Erasure, n int) (found, total int, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		total = 0
		var ids []string
		t.rows(scanIDs(&ids), "findErased", text(e.Account), text(e.Subject), n)
		err := t.send()
		if found = len(ids); err != nil || found == 0 {
			return err
		}
		var rows keys
		t.rows(rows.scan, "erasedRows", ids)
		if err := t.send(); err != nil {
			return err
		}
		// In the order in which everybody locks: health, events, and then a
		// look at what is there.
		rows.lock(t)
		t.exec("lockEvents", ids)
		var k keys
		t.rows(k.scan, "erasedRows", ids)
		if err := t.send(); err != nil {
			return err
		}
		if len(k.ids) > 0 {
			t.exec("eraseQueue", k.lanes, k.ids)
			t.rows(func(pgx.CollectableRow) error { return nil }, "forget", k.lanes, k.ids)
			t.exec("eraseHealth", k.lanes, ids)
		}
		t.count(&total, "eraseEvents", ids)
		return nil
	})
	return found, total, err
}
