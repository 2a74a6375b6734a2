package pgstore

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

// Stats implements [webhook.Operator]. It counts all that waits: a second for
// some millions.
func (s *Store) Stats(ctx context.Context) (st webhook.StoreStats, err error) {
	err = s.own(ctx, s.readPool, func(t *txn) error {
		t.batch.Queue(wholeSQL) // it does read everything
		t.rows(func(r pgx.CollectableRow) error {
			var oldest int64
			err := r.Scan(&st.Endpoints, &st.Pending, &oldest, &st.Undelivered, &st.Held)
			st.Oldest = time.Duration(max(oldest, 0)) * time.Microsecond
			return err
		}, "stats")
		return nil
	})
	if err != nil {
		return webhook.StoreStats{}, err
	}
	return st, nil
}

// Pauses implements [webhook.Operator].
func (s *Store) Pauses(ctx context.Context) (p webhook.Pauses, err error) {
	err = s.own(ctx, s.pool, func(t *txn) error {
		p = webhook.Pauses{}
		t.rows(func(r pgx.CollectableRow) error {
			var account, typ, host *string
			if err := r.Scan(&p.Seq, &account, &typ, &host); err != nil {
				return err
			}
			if account != nil {
				p.List = append(p.List, webhook.Pause{Account: untext(*account), Type: untext(*typ), Host: untext(*host)})
			}
			return nil
		}, "pauses")
		return nil
	})
	if err != nil {
		return webhook.Pauses{}, err
	}
	return p, nil
}

// SetPause implements [webhook.Operator].
func (s *Store) SetPause(ctx context.Context, p webhook.Pause, on bool) error {
	name := "lift"
	if on {
		name = "pause"
	}
	return s.own(ctx, s.pool, func(t *txn) error {
		t.exec(name, text(p.Account), text(p.Type), text(p.Host))
		return nil
	})
}
