package pgstore_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

// A sweep that waits for a lane's lock while the endpoint is enabled, and the
// wake of that is taken by another one, does not stop the lane by what it saw
// before.
func TestEnabledWhileASweepWaits(t *testing.T) {
	t.Parallel()
	ctx, schema, admin := t.Context(), newSchema(t), newPool(t, 2)
	check(t, pgstore.Migrate(ctx, admin, schema))
	open := func() *pgstore.Store {
		pool := newPool(t, 2, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = schema })
		s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
		check(t, err)
		t.Cleanup(s.Close)
		return s
	}
	a, b := open(), open()
	enable := func(e webhook.Endpoint, on bool) webhook.Endpoint {
		e.Enabled, e.DisabledBy = on, ""
		if !on {
			e.DisabledBy = webhook.DisabledByCustomer
		}
		e, err := b.PutEndpoint(ctx, e, 10)
		check(t, err)
		return e
	}
	first, second := endpoint(t, a), endpoint(t, a)
	emit(t, a, event())
	second = enable(second, false)

	// The sweep has the first lane's wakes and the second's, and waits for the
	// first lane.
	tx, err := admin.Begin(ctx)
	check(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	const lock = "SELECT l.lane FROM {}.lanes l JOIN {}.endpoints e ON e.lane = l.lane WHERE e.id = $1 FOR UPDATE OF l"
	query[int64](t, tx, schema, lock, first.ID)
	var claims []webhook.Claim
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		claims, _, failed = a.Claim(ctx, 10, time.Minute)
	}()
	waitForLocks(t, admin, schema, 1)

	second = enable(second, true)
	_, _, err = b.Claim(ctx, 0, time.Minute) // which only sweeps
	check(t, err)
	if n := query[int](t, admin, schema, "SELECT count(*) FROM {}.wakes"); n != 3 {
		t.Fatalf("%d wakes lie there, want those 3 that the waiting sweep takes", n)
	}
	check(t, tx.Commit(ctx))
	<-done
	check(t, failed)
	more, _, err := b.Claim(ctx, 10, time.Minute)
	check(t, err)
	held := map[string]bool{}
	for _, c := range append(claims, more...) {
		held[c.Endpoint] = true
	}
	if !held[first.ID] || !held[second.ID] {
		t.Errorf("claimed are %v, want %s and %s, which was enabled: what waits in it is stranded", held, first.ID, second.ID)
	}
}

// waitForLocks waits until n connections of the application wait for a lock.
func waitForLocks(t *testing.T, pool *pgxpool.Pool, application string, n int) {
	t.Helper()
	const waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND wait_event_type = 'Lock'"
	for end := time.Now().Add(20 * time.Second); query[int](t, pool, "", waiting, application) < n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("fewer than %d calls wait for a lock", n)
		}
	}
}
