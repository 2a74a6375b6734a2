package main

import (
	"context"
	"errors"

	"github.com/autoreach/webhook/stores/sqlitestore"
)

// block holds the write lock of an SQLite file until SIGTERM.
func block(ctx context.Context, r *role) error {
	s, err := sqlitestore.Open(r.Place.File, nil)
	if err != nil {
		return err
	}
	tx, err := s.DB().BeginTx(context.Background(), nil) // immediate
	if err != nil {
		return err
	}
	ready("blocks")
	<-ctx.Done()
	return errors.Join(tx.Rollback(), s.Close())
}
