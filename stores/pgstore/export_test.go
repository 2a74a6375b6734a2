package pgstore

import (
	"context"

	"github.com/autoreach/webhook"
)

// MigrateBy is Migrate with other steps than this release's.
func MigrateBy(ctx context.Context, db Beginner, schema string, steps []Migration) error {
	return migrate(ctx, db, schema, steps)
}

// Statement returns a statement as it is sent, for tests of plans.
func (s *Store) Statement(name string) string { return s.sql.get(name) }

// IndexSQL and KeepSQL are what transactions of the store's own begin with:
// KeepSQL those that deliver.
const (
	IndexSQL = indexSQL
	KeepSQL  = keepSQL
)

// Literal is an argument as text.
func Literal(a any) any { return literal(a) }

// DeliveriesStatement returns what Deliveries sends for a query, and its
// arguments.
func (s *Store) DeliveriesStatement(q webhook.DeliveryQuery) (string, []any) {
	return s.search(q).compose("p.lane, p.id, x.*, coalesce(v.type, ''), v.occurred_at, NULL::bytea",
		s.joinEvents(), "DESC", "", "", "")
}

// OldestStatement returns what Recover sends to find what to recover.
func (s *Store) OldestStatement(q webhook.DeliveryQuery) (string, []any) {
	q.Undelivered = true
	return s.search(q).compose("p.lane, x.id", "", "ASC", "false",
		"EXISTS (SELECT FROM "+s.schema+"events v WHERE v.id = x.event_id AND v.body IS NOT NULL OFFSET 0)", "p.enabled")
}
