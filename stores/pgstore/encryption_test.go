package pgstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/internal/atrest"
)

// With keys nothing that is to be encrypted is in any column of any table.
func TestEncryptionAtRest(t *testing.T) {
	t.Parallel()
	s, schema := openSchema(t)
	pool := newPool(t, 1)
	atrest.Subject{
		Store: s,
		InTx: func(f func(webhook.Tx)) {
			check(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error { f(s.InTx(tx)); return nil }))
		},
		Holds:   func(text string) []string { return holding(t, schema, text) },
		Columns: []string{"endpoints.config", "events.body", "log.response", "attempts.response", "health.response"},
	}.Test(t)
}
