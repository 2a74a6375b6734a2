package pgstore_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/stores/pgstore"
)

var roles atomic.Int64

// newRole makes a role that owns nothing, may create nothing, and whose
// transactions are serializable by default. It returns how it connects.
func newRole(t testing.TB) *pgx.ConnConfig {
	t.Helper()
	ctx := context.Background()
	c, err := pgx.ParseConfig(server)
	check(t, err)
	c.User, c.Password = fmt.Sprintf("app%d_%d", os.Getpid(), roles.Add(1)), "rows only"
	admin := newPool(t, 1)
	for _, sql := range []string{
		"CREATE ROLE {} LOGIN PASSWORD 'rows only'",
		"ALTER ROLE {} SET default_transaction_isolation = serializable",
		"ALTER ROLE {} SET search_path = pg_catalog",
	} {
		_, err := admin.Exec(ctx, strings.ReplaceAll(sql, "{}", c.User))
		check(t, err)
	}
	t.Cleanup(func() {
		_, err := admin.Exec(ctx, strings.ReplaceAll("DROP OWNED BY {}; DROP ROLE {}", "{}", c.User), pgx.QueryExecModeSimpleProtocol)
		check(t, err)
	})
	return c
}

// grantRows gives a role the rights that the package's documentation names.
func grantRows(t testing.TB, admin *pgxpool.Pool, schema, role string) {
	t.Helper()
	for _, sql := range []string{
		"GRANT USAGE ON SCHEMA {schema} TO {role}",
		"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
	} {
		_, err := admin.Exec(context.Background(), strings.NewReplacer("{schema}", schema, "{role}", role).Replace(sql))
		check(t, err)
	}
}

// The whole life of deliveries by a role without DDL, on a schema that is not
// in its search_path; Migrate on a schema that is up to date included.
func TestRoleWithoutDDL(t *testing.T) {
	t.Parallel()
	schema, role := newSchema(t), newRole(t)
	admin := newPool(t, 1)
	check(t, pgstore.Migrate(t.Context(), admin, schema))
	pool := newPool(t, 4, func(c *pgxpool.Config) { c.ConnConfig = role })
	if _, err := pgstore.New(pool, &pgstore.Options{Schema: schema}); err == nil || !strings.Contains(err.Error(), "grant it USAGE") {
		t.Errorf("New by a role without rights: %v", err)
	}
	grantRows(t, admin, schema, role.User)
	for _, sql := range []string{"CREATE TABLE {}.x ()", "ALTER TABLE {}.queue ADD COLUMN x int", "TRUNCATE {}.queue", "CREATE SCHEMA {}_x"} {
		if _, err := pool.Exec(t.Context(), strings.ReplaceAll(sql, "{}", schema)); err == nil {
			t.Fatalf("the role may %s", sql)
		}
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

// The owner of a schema that is there needs no right to create one.
func TestMigrateByOwner(t *testing.T) {
	t.Parallel()
	schema, role := newSchema(t), newRole(t)
	admin := newPool(t, 1)
	_, err := admin.Exec(t.Context(), "CREATE SCHEMA "+schema+" AUTHORIZATION "+role.User)
	check(t, err)
	pool := newPool(t, 2, func(c *pgxpool.Config) { c.ConnConfig = role })
	if _, err := pool.Exec(t.Context(), "CREATE SCHEMA "+schema+"_x"); err == nil {
		t.Fatal("the role may create schemas")
	}
	check(t, pgstore.Migrate(t.Context(), pool, schema))
	s, err := pgstore.New(pool, &pgstore.Options{Schema: schema})
	check(t, err)
	s.Close()
}
