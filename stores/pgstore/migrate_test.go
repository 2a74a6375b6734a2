package pgstore_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

func TestMigrateTenAtOnce(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			conn, err := pgx.Connect(t.Context(), server)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = conn.Close(context.Background()) }()
			if err := pgstore.Migrate(t.Context(), conn, schema); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s, err := pgstore.New(newPool(t, 2), &pgstore.Options{Schema: schema})
	check(t, err)
	endpoint(t, s)
}

// What New says about a schema that it cannot use.
func TestNewChecksVersion(t *testing.T) {
	t.Parallel()
	pool := newPool(t, 2)
	schema := newSchema(t)
	refused := func(words string) {
		t.Helper()
		if _, err := pgstore.New(pool, &pgstore.Options{Schema: schema}); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("want an error with %q, got %v", words, err)
		}
	}
	refused("run Migrate")
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	exec := func(sql string) {
		t.Helper()
		_, err := pool.Exec(t.Context(), strings.ReplaceAll(sql, "{}", schema))
		check(t, err)
	}
	exec("UPDATE {}.meta SET version = version + 1")
	if _, err := pgstore.New(pool, &pgstore.Options{Schema: schema}); err != nil {
		t.Errorf("a release must run on the next one's schema: %v", err)
	}
	exec("UPDATE {}.meta SET minimum = version")
	refused("later release")
	exec(fmt.Sprintf("UPDATE {}.meta SET version = %d, minimum = 1", pgstore.SchemaVersion-1))
	if pgstore.SchemaVersion > 1 {
		refused("run Migrate")
	}
	for _, bad := range []string{"Webhook", "a.b", "pg_x", `x"y`, "1x", strings.Repeat("x", 64)} {
		if _, err := pgstore.New(pool, &pgstore.Options{Schema: bad}); err == nil {
			t.Errorf("the schema name %q is accepted", bad)
		}
		if err := pgstore.Migrate(t.Context(), pool, bad); err == nil {
			t.Errorf("Migrate accepts the schema name %q", bad)
		}
	}
}

// The plain files are the whole of it, for whoever runs them by hand.
func TestMigrationsAsFiles(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	pool := newPool(t, 1)
	steps, err := pgstore.Migrations(schema)
	check(t, err)
	if len(steps) == 0 || steps[len(steps)-1].Version != pgstore.SchemaVersion {
		t.Fatalf("the last of %d steps must be %d", len(steps), pgstore.SchemaVersion)
	}
	for i, m := range steps {
		if text, err := os.ReadFile(filepath.Join("migrations", m.Name)); err != nil || m.Version != i+1 || len(text) == 0 {
			t.Errorf("step %d: %d %s, %v", i, m.Version, m.Name, err)
		}
		_, err := pool.Exec(t.Context(), m.SQL, pgx.QueryExecModeSimpleProtocol)
		check(t, err)
	}
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	endpoint(t, s)
}

// asRole returns a pool configuration for a role that may use the schema's rows
// only, and nothing else in the database.
func asRole(t testing.TB, schema string) func(*pgxpool.Config) {
	t.Helper()
	admin := newPool(t, 1)
	role := "app_" + schema
	for _, sql := range []string{
		"CREATE ROLE {role} LOGIN",
		"GRANT USAGE ON SCHEMA {} TO {role}",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {role}",
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {} TO {role}",
	} {
		_, err := admin.Exec(context.Background(), strings.NewReplacer("{role}", role, "{}", schema).Replace(sql))
		check(t, err)
	}
	t.Cleanup(func() {
		_, err := admin.Exec(context.Background(), strings.NewReplacer("{role}", role).Replace("DROP OWNED BY {role}; DROP ROLE {role}"), pgx.QueryExecModeSimpleProtocol)
		check(t, err)
	})
	return func(c *pgxpool.Config) {
		c.ConnConfig.User = role
		c.ConnConfig.RuntimeParams["search_path"] = "pg_catalog"
	}
}

// The whole life of deliveries by a role without DDL, on a schema that is not
// in its search_path; Migrate on a schema that is up to date included.
func TestRoleWithoutDDL(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	check(t, pgstore.Migrate(t.Context(), newPool(t, 1), schema))
	pool := newPool(t, 4, asRole(t, schema))
	if _, err := pool.Exec(t.Context(), "CREATE TABLE "+schema+".x ()"); err == nil {
		t.Fatal("the role may create tables")
	}
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	t.Cleanup(s.Close)
	everything(t, s)
}

// everything calls every method so that it has something to do.
func everything(t *testing.T, s *pgstore.Store) {
	t.Helper()
	ctx := t.Context()
	e := endpoint(t, s)
	gone := endpoint(t, s, func(e *webhook.Endpoint) { e.Account = "acct_2" })
	emit(t, s, event(keyed("k")), event(func(e *webhook.EventRecord) { e.Subject = "lead:1" }), event(), event(), event(func(e *webhook.EventRecord) { e.Account = "acct_2" }))
	check(t, s.SetPause(ctx, webhook.Pause{Account: "acct_3"}, true))
	check(t, s.SetPause(ctx, webhook.Pause{Account: "acct_3"}, false))
	if p, err := s.Pauses(ctx); err != nil || p.Seq != 3 || len(p.List) != 0 {
		t.Errorf("Pauses: %+v, %v", p, err)
	}
	check(t, s.DeleteEndpoint(ctx, "acct_2", gone.ID))
	claims, _, err := s.Claim(ctx, 10, time.Minute)
	check(t, err)
	if len(claims) != 1 || claims[0].Endpoint != e.ID {
		t.Fatalf("claimed are %+v", claims)
	}
	h := claims[0].Hold
	lost, err := s.Extend(ctx, []webhook.Hold{h}, time.Minute)
	check(t, err)
	bs, err := s.Due(ctx, []webhook.Want{{Hold: h, Max: 10, Exclude: []string{"x"}, Skip: []int64{1 << 40}, Count: 10}})
	check(t, err)
	if len(lost) != 0 || len(bs) != 1 || len(bs[0].Deliveries) != 4 || bs[0].Pending != 4 {
		t.Fatalf("lost %v, due %+v", lost, bs)
	}
	ds := bs[0].Deliveries
	fail := &webhook.Attempt{Result: webhook.ResultFailed, Status: 500, Error: "it said \x00 \xff", Class: "status", Response: []byte("a\x00b")}
	out, err := s.Settle(ctx, []webhook.Outcome{
		{Hold: h, Delivery: ds[0].ID, State: webhook.StateDelivered, Attempt: &webhook.Attempt{Result: webhook.ResultDelivered, Status: 204}},
		{Hold: h, Delivery: ds[1].ID, State: webhook.StateDead, Reason: webhook.ReasonFailed, Attempt: fail},
		{Hold: h, Delivery: ds[2].ID, State: webhook.StatePending, Attempt: fail, Delay: time.Minute},
		{Hold: h, Delivery: ds[3].ID, State: webhook.StateDead, Reason: webhook.ReasonFailed, Attempt: fail},
	}, []webhook.Return{{Hold: h, Mark: webhook.MarkAny, Pace: []byte{0}}})
	check(t, err)
	for i, applied := range out.Applied {
		if !applied {
			t.Errorf("outcome %d is not applied", i)
		}
	}
	if _, err := s.Resend(ctx, account, ds[0].ID, "op"); err != nil {
		t.Errorf("Resend: %v", err)
	}
	if n, err := s.Recover(ctx, webhook.DeliveryQuery{Account: account}); n != 2 || err != nil {
		t.Errorf("Recover: %d, %v", n, err)
	}
	if n, err := s.Dismiss(ctx, webhook.DeliveryQuery{Account: account, IDs: []int64{ds[2].ID}}); n != 1 || err != nil {
		t.Errorf("Dismiss: %d, %v", n, err)
	}
	rs, err := s.Deliveries(ctx, webhook.DeliveryQuery{Account: account, Body: true})
	if err != nil || len(rs) != 7 || string(rs[len(rs)-2].Attempts[0].Response) != "a\x00b" {
		t.Errorf("Deliveries: %+v, %v", rs, err)
	}
	es, err := s.Endpoints(ctx, webhook.EndpointQuery{Account: account, Hours: 3})
	if err != nil || len(es) != 1 || len(es[0].Hours) != 1 || es[0].Pending != 3 {
		t.Errorf("Endpoints: %+v, %v", es, err)
	}
	for n := 1; n > 0; {
		n, err = s.Erase(ctx, webhook.Erasure{Account: account, Subject: "lead:1"}, 10)
		check(t, err)
	}
	for n := 1; n > 0; {
		n, err = s.Purge(ctx, webhook.Ages{Pending: 1, Bodies: 1, Log: 1}, 10)
		check(t, err)
	}
	for n := 1; n > 0; {
		n, err = s.Erase(ctx, webhook.Erasure{Account: account}, 10)
		check(t, err)
	}
	if st, err := s.Stats(ctx); err != nil || st != (webhook.StoreStats{}) {
		t.Errorf("Stats: %+v, %v", st, err)
	}
}
