package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

// Of two calls that find the same, the second goes on with what else there is:
// 0 means that nothing is left.
func TestFoundByTwoCalls(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call     func(ctx context.Context, s *pgstore.Store) (int, error)
		dead     bool   // the deliveries; else they wait
		lock     string // what both calls wait for when they have looked
		noEvents bool
	}{
		"Dismiss": {
			func(ctx context.Context, s *pgstore.Store) (int, error) {
				return s.Dismiss(ctx, webhook.DeliveryQuery{Account: account, Limit: 2})
			}, false, "health", false},
		"Recover": {
			func(ctx context.Context, s *pgstore.Store) (int, error) {
				return s.Recover(ctx, webhook.DeliveryQuery{Account: account, Limit: 2})
			}, true, "health", false},
		"Erase of a subject": {
			func(ctx context.Context, s *pgstore.Store) (int, error) {
				return s.Erase(ctx, webhook.Erasure{Subject: "lead:1"}, 2)
			}, false, "health", false},
		"Erase of an account": {
			func(ctx context.Context, s *pgstore.Store) (int, error) {
				return s.Erase(ctx, webhook.Erasure{Account: account}, 2)
			}, false, "endpoints", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, schema, admin := t.Context(), newSchema(t), newPool(t, 2)
			check(t, pgstore.Migrate(ctx, admin, schema))
			pool := newPool(t, 4, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = schema })
			s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
			check(t, err)
			t.Cleanup(s.Close)
			for range 4 {
				if endpoint(t, s); !c.noEvents {
					break
				}
			}
			if !c.noEvents {
				for range 4 {
					emit(t, s, event(func(e *webhook.EventRecord) { e.Subject = "lead:1" }))
				}
			}
			if c.dead {
				answer(t, s, webhook.StateDead)
			}
			tx, err := admin.Begin(ctx)
			check(t, err)
			defer func() { _ = tx.Rollback(context.Background()) }()
			_, err = tx.Exec(ctx, "SELECT * FROM "+schema+"."+c.lock+" FOR UPDATE")
			check(t, err)
			counts := make(chan int, 2)
			for i := range 2 {
				go func() {
					ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
					defer cancel()
					n, err := c.call(ctx, s)
					if err != nil {
						t.Errorf("the call: %v", err)
					}
					counts <- n
				}()
				waitForLocks(t, admin, schema, i+1)
			}
			check(t, tx.Commit(ctx))
			if a, b := <-counts, <-counts; a != 2 || b != 2 {
				t.Errorf("the calls changed %d and %d, want 2 and 2 of 4", a, b)
			}
			if n, err := c.call(ctx, s); n != 0 || err != nil {
				t.Errorf("a third call changed %d, %v; want 0: nothing is left", n, err)
			}
		})
	}
}
