package pgstore_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook/stores/pgstore"
)

// modes are the ways in which a pool can be configured to send statements. All
// but the first do without prepared statements of the session, as pgbouncer
// before 1.21 needs it in transaction mode. TestStore runs in the first one,
// TestStoreElsewhere in the second.
var modes = map[string]pgx.QueryExecMode{
	"cache_statement": pgx.QueryExecModeCacheStatement,
	"cache_describe":  pgx.QueryExecModeCacheDescribe,
	"describe_exec":   pgx.QueryExecModeDescribeExec,
	"exec":            pgx.QueryExecModeExec,
	"simple_protocol": pgx.QueryExecModeSimpleProtocol,
}

func inMode(mode pgx.QueryExecMode) func(*pgxpool.Config) {
	return func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode }
}

// Every method in every mode, by a store that leaves nothing in the session.
func TestModes(t *testing.T) {
	for name, mode := range modes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := openSchema(t, inMode(mode))
			everything(t, s)
			pool := newPool(t, 1, inMode(mode))
			tx, err := pool.Begin(t.Context())
			check(t, err)
			endpoint(t, s.InTx(tx))
			emit(t, s.InTx(tx), event(keyed("k")), event(keyed("k")))
			check(t, tx.Commit(t.Context()))
			if n := pending(t, s); n != 1 {
				t.Errorf("%d pending, want 1", n)
			}
		})
	}
}

// Transactions of the store's own leave no trace in the session, which behind
// pgbouncer is anybody's next: no lock, no setting, no statement, no listener.
func TestSessionStaysClean(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 1, inMode(pgx.QueryExecModeCacheDescribe))
	schema := newSchema(t)
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	state := func() string {
		return query[string](t, pool, schema, `SELECT concat_ws(';', pg_backend_pid(),
			(SELECT count(*) FROM pg_prepared_statements WHERE NOT from_sql AND name <> ''), (SELECT count(*) FROM pg_listening_channels()),
			(SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'),
			(SELECT string_agg(name || '=' || setting, ',' ORDER BY name) FROM pg_settings WHERE source IN ('session', 'client')))`)
	}
	before := state()
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	t.Cleanup(s.Close)
	everything(t, s)
	if after := state(); after != before {
		t.Errorf("the session before:\n%s\nand after:\n%s", before, after)
	}
}
