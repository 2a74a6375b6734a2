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

// A place is a schema, and the way to it.
type place struct {
	pool   *pgxpool.Pool
	schema string
}

// harness opens stores at places that open makes. cut ends all connections of
// one, as hard as can be arranged.
func harness(open func(t testing.TB) place, cut func(t testing.TB, p place)) storetest.Harness {
	var mu sync.Mutex
	places := map[webhook.Store]place{}
	store := func(t testing.TB, p place) webhook.Store {
		s, err := pgstore.New(p.pool, &pgstore.Options{Schema: p.schema})
		check(t, err)
		t.Cleanup(s.Close)
		mu.Lock()
		defer mu.Unlock()
		places[s] = p
		return s
	}
	of := func(s webhook.Store) place {
		mu.Lock()
		defer mu.Unlock()
		return places[s]
	}
	return storetest.Harness{
		Open: func(t testing.TB) webhook.Store { return store(t, open(t)) },
		Reopen: func(t testing.TB, s webhook.Store) webhook.Store {
			p := of(s)
			cut(t, p)
			return store(t, p)
		},
		InTx: func(t testing.TB, s webhook.Store, run func(tx webhook.Tx) bool) {
			tx, err := of(s).pool.BeginTx(context.Background(), pgx.TxOptions{IsoLevel: pgx.ReadCommitted})
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

// direct is a harness on the server itself, through pools that with configures.
func direct(with ...func(*pgxpool.Config)) storetest.Harness {
	return harness(func(t testing.TB) place {
		schema := newSchema(t)
		pool := newPool(t, 8, append(with[:len(with):len(with)], func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = schema })...)
		check(t, pgstore.Migrate(context.Background(), pool, schema))
		return place{pool, schema}
	}, func(t testing.TB, p place) {
		_, err := p.pool.Exec(context.Background(),
			"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND application_name = $1", p.schema)
		check(t, err)
		p.pool.Reset()
	})
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, direct())
}

// The whole suite where everything is different at once: behind pgbouncer in
// transaction mode with fewer connections than clients, for a role that may
// use rows only and whose transactions are serializable by default, on the
// schema of the release after this one. There are tests of each alone, which
// tell what is at fault when this one fails.
func TestStoreElsewhere(t *testing.T) {
	t.Parallel()
	owner, err := pgx.ParseConfig(server)
	check(t, err)
	app := newRole(t)
	through := bouncer(t, 16, app, owner)
	h := harness(func(t testing.TB) place {
		schema := newSchema(t)
		admin := newPool(t, 1, through("owner"))
		check(t, pgstore.MigrateBy(context.Background(), admin, schema, nextSteps(t, schema)))
		grantRows(t, admin, schema, app.User)
		p := place{newPool(t, 8, through("app")), schema}
		if level := query[string](t, p.pool, schema, "SHOW transaction_isolation"); level != "serializable" {
			t.Fatalf("transactions are %s by default", level)
		}
		if n := query[int](t, p.pool, schema, "SELECT version FROM {}.meta"); n != pgstore.SchemaVersion+1 {
			t.Fatalf("the schema has version %d", n)
		}
		return p
	}, func(_ testing.TB, p place) { p.pool.Reset() })
	h.Unit = 350 * time.Millisecond // every statement goes through one more process
	storetest.Run(t, h)
}
