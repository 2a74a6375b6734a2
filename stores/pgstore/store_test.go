package pgstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/storetest"
)

// harness opens stores through pools that with configures.
func harness(with ...func(*pgxpool.Config)) storetest.Harness {
	type place struct {
		pool   *pgxpool.Pool
		schema string
	}
	var mu sync.Mutex
	places := map[webhook.Store]place{}
	put := func(s webhook.Store, p place) {
		mu.Lock()
		defer mu.Unlock()
		places[s] = p
	}
	get := func(s webhook.Store) place {
		mu.Lock()
		defer mu.Unlock()
		return places[s]
	}
	return storetest.Harness{
		Open: func(t testing.TB) webhook.Store {
			schema := newSchema(t)
			pool := newPool(t, 8, append(with[:len(with):len(with)], func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = schema })...)
			check(t, pgstore.Migrate(context.Background(), pool, schema))
			s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
			check(t, err)
			t.Cleanup(s.Close)
			put(s, place{pool, schema})
			return s
		},
		Reopen: func(t testing.TB, s webhook.Store) webhook.Store {
			p := get(s)
			_, err := p.pool.Exec(context.Background(),
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = $1", p.schema)
			check(t, err)
			p.pool.Reset()
			again, err := pgstore.New(p.pool, &pgstore.Options{Schema: p.schema})
			check(t, err)
			t.Cleanup(again.Close)
			put(again, p)
			return again
		},
		InTx: func(t testing.TB, s webhook.Store, run func(tx webhook.Tx) bool) {
			tx, err := get(s).pool.BeginTx(context.Background(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
			check(t, err)
			defer func() { _ = tx.Rollback(context.Background()) }()
			if run(s.(*pgstore.Store).InTx(tx)) {
				check(t, tx.Commit(context.Background()))
			}
		},
		Unit:     250 * time.Millisecond,
		Parallel: true,
	}
}

func TestStore(t *testing.T) { storetest.Run(t, harness()) }
