package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

// Purge implements [webhook.Log]. Each kind is a short transaction of its own,
// so that none holds locks for the others; several processes may purge at
// once. It takes wakes, too, which are not counted: while all is paused nobody
// claims, and they would pile up.
func (s *Store) Purge(ctx context.Context, ages webhook.Ages, n int) (total int, err error) {
	if n <= 0 {
		return 0, nil
	}
	if err := s.sweep(ctx); err != nil {
		return 0, err
	}
	old := func(age time.Duration, f func(context.Context, time.Duration, int) (int, error)) func() (int, error) {
		return func() (int, error) {
			if age <= 0 {
				return 0, nil
			}
			return f(ctx, age, n)
		}
	}
	for _, step := range []func() (int, error){
		old(ages.Pending, s.expire),
		old(ages.Log, s.forget),
		old(ages.Bodies, s.dropBodies),
		// An event waits for the end of its deliveries' age. Those that are that
		// much older have none left: few are looked at in vain.
		old(ages.Log, func(ctx context.Context, age time.Duration, n int) (int, error) {
			return s.drop(ctx, "dropEvents", micros(age+ages.Pending), n)
		}),
		func() (int, error) { return s.drop(ctx, "dropKeys", n) },
		func() (int, error) { return s.bury(ctx, n) },
		func() (int, error) { return 0, s.tidy(ctx, n) },
	} {
		k, err := step()
		total += k
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// drop runs one statement and returns how many rows it changed.
func (s *Store) drop(ctx context.Context, name string, args ...any) (n int, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		n = 0
		t.count(&n, name, args...)
		return nil
	})
	return n, err
}

// expire makes pending deliveries dead that have waited for longer than age.
// They are found without locks and looked at again under the lock.
func (s *Store) expire(ctx context.Context, age time.Duration, n int) (total int, err error) {
	words := []string{webhook.ReasonExpired.Sentence(0), webhook.ReasonExpired.Sentence(1)}
	err = s.own(ctx, s.pool, func(t *txn) error {
		total = 0
		var k keys
		t.rows(k.scan, "findExpired", micros(age), n)
		if err := t.send(); err != nil || len(k.ids) == 0 {
			return err
		}
		k.lock(t)
		t.value(&total, "expire", k.lanes, k.ids, words)
		return nil
	})
	return total, err
}

// forget drops finished deliveries with their attempts.
func (s *Store) forget(ctx context.Context, age time.Duration, n int) (total int, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		total = 0
		var k keys
		t.rows(k.scan, "findOld", micros(age), n)
		if err := t.send(); err != nil || len(k.ids) == 0 {
			return err
		}
		k.lock(t)
		t.value(&total, "forget", k.lanes, k.ids)
		return nil
	})
	return total, err
}

// scanIDs collects UUIDs.
func scanIDs(ids *[]string) func(pgx.CollectableRow) error {
	return func(r pgx.CollectableRow) error {
		var id string
		err := r.Scan(&id)
		*ids = append(*ids, id)
		return err
	}
}

// dropBodies forgets bodies that no pending delivery needs.
func (s *Store) dropBodies(ctx context.Context, age time.Duration, n int) (total int, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		total = 0
		var ids []string
		t.rows(scanIDs(&ids), "lockBodies", micros(age), n)
		if err := t.send(); err != nil || len(ids) == 0 {
			return err
		}
		t.count(&total, "dropBodies", ids)
		return nil
	})
	return total, err
}

// bury clears what a deleted endpoint left, one lane and up to n deliveries of each
// table, with their attempts, in a call. It returns how many rows went.
func (s *Store) bury(ctx context.Context, n int) (total int, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		total = 0
		var lane int64
		t.rows(func(r pgx.CollectableRow) error { return r.Scan(&lane) }, "findGrave")
		if err := t.send(); err != nil || lane == 0 {
			return err
		}
		t.exec("lockLanes", []int64{lane})
		t.exec("buryHealth", lane)
		t.value(&total, "buryQueue", lane, n)
		t.value(&total, "buryLog", lane, n)
		t.exec("buryLane", lane)
		t.count(&total, "buryRest", lane)
		t.exec("reopen", lane)
		return nil
	})
	return total, err
}

// tidy adds what was missed to the health, up to n endpoints at a time, and
// drops old counters. Nobody sees a difference, so it does not count.
func (s *Store) tidy(ctx context.Context, n int) error {
	_, err := s.drop(ctx, "dropHours", n)
	for last := int64(0); err == nil; {
		var k keys
		err = s.own(ctx, s.pool, func(t *txn) error {
			k = keys{}
			t.rows(func(r pgx.CollectableRow) error {
				var lane int64
				err := r.Scan(&lane)
				k.lanes = append(k.lanes, lane)
				return err
			}, "findMissed", last, n)
			if err := t.send(); err != nil || len(k.lanes) == 0 {
				return err
			}
			k.lock(t)
			t.exec("foldMissed", k.lanes, webhook.ReasonMissed.Sentence(0))
			return nil
		})
		if len(k.lanes) == 0 {
			break
		}
		last = k.lanes[len(k.lanes)-1]
	}
	return err
}
