package pgstore_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/webhooktest"
)

// A process that delivers has the connections of its pool and one more,
// however much it has to do; one that only emits has its pool's.
func TestConnectionsBounded(t *testing.T) {
	t.Parallel()
	const most, lanes, emitters, each = 4, 20, 20, 15
	schema := newSchema(t)
	admin := newPool(t, 1)
	check(t, pgstore.Migrate(t.Context(), admin, schema))
	connections := func() int {
		return query[int](t, admin, schema, "SELECT count(*) FROM pg_stat_activity WHERE application_name = $1", schema)
	}
	pool := newPool(t, most, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = schema })
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	t.Cleanup(s.Close)
	network := webhooktest.NewNetwork()
	t.Cleanup(func() { check(t, network.Close()) })
	d, err := webhook.New(s, &webhook.Options{Transport: network.Transport(), Lease: 3 * time.Second})
	check(t, err)
	for i := range lanes {
		host := fmt.Sprintf("r%d.example.com", i)
		network.Handle(host, &receiver{got: map[string]int{}})
		_, err := d.CreateEndpoint(t.Context(), webhook.Endpoint{
			Account: fmt.Sprint("acct_", i%4), Name: host, URL: "https://" + host + "/hooks", Events: []string{events.LeadScored},
		})
		check(t, err)
	}
	emitAll := func() {
		var emitting sync.WaitGroup
		for i := range emitters {
			emitting.Go(func() {
				for range each {
					if _, err := d.Emit(t.Context(), webhook.Event{Account: fmt.Sprint("acct_", i%4), Type: events.LeadScored, Data: events.LeadScoredData{}}); err != nil {
						t.Errorf("Emit: %v", err)
					}
				}
			})
		}
		emitting.Wait()
	}
	emitAll()
	if n := connections(); n > most {
		t.Errorf("a process that only emits has %d connections, its pool may have %d", n, most)
	}

	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	running.Go(emitAll)
	seen := 0
	drained, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	running.Go(func() {
		defer stop()
		time.Sleep(1500 * time.Millisecond) // until leases were renewed
		if err := d.Drain(drained); err != nil {
			t.Errorf("Drain: %v", err)
		}
	})
	for ctx.Err() == nil {
		seen = max(seen, connections())
		time.Sleep(5 * time.Millisecond)
	}
	running.Wait()
	if seen > most+1 {
		t.Errorf("a process that delivers had %d connections, its pool may have %d", seen, most)
	}
	if seen < most {
		t.Errorf("%d connections at most were seen: the test looks at too little", seen)
	}
}

// A pool that is exhausted, perhaps by the host, costs a process none of its
// lanes.
func TestRenewalsHaveTheirOwnConnection(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	schema := newSchema(t)
	pool := newPool(t, 2)
	check(t, pgstore.Migrate(ctx, pool, schema))
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	t.Cleanup(s.Close)
	endpoint(t, s)
	emit(t, s, event())
	claims, _, err := s.Claim(ctx, 1, time.Minute)
	check(t, err)
	for range 2 { // all there are
		conn, err := pool.Acquire(ctx)
		check(t, err)
		t.Cleanup(conn.Release)
	}
	short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	if _, _, err := s.Claim(short, 1, time.Minute); err == nil {
		t.Error("the pool is not exhausted")
	}
	for range 3 {
		lost, err := s.Extend(ctx, []webhook.Hold{claims[0].Hold}, time.Minute)
		if err != nil || len(lost) > 0 {
			t.Errorf("Extend: %v, %v", lost, err)
		}
	}
}
