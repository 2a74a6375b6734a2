package sqlitestore

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/autoreach/webhook"
)

// pages returns how many pages the store's connections have fetched so far,
// from their caches or the file.
func pages(t testing.TB, s *Store) (n int) {
	t.Helper()
	for _, l := range []*slot{&s.writer, &s.engine, &s.log} {
		if l.s == nil {
			continue
		}
		check[any](t)(nil, l.s.conn.Raw(func(c any) error {
			for _, op := range []sqlite.DBStatusOp{sqlite.DBStatusCacheHit, sqlite.DBStatusCacheMiss} {
				k, _, err := c.(sqlite.DBStatus).Status(op, false)
				if err != nil {
					return err
				}
				n += k
			}
			return nil
		}))
	}
	return n
}

// few is what an endpoint's pending count goes up to.
const few = 10_000

// What the engine and people do fetches the same pages with few and with many
// deliveries that wait for a blocked endpoint, but for those by which the trees
// have grown higher, once for each row that is shown. To read one index through
// would take 50 at the least.
func TestSamePages(t *testing.T) {
	s := openNew(t)
	var eps []webhook.Endpoint
	for _, id := range []string{"blocked", "fine"} {
		eps = append(eps, check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint(id), 10)))
	}
	var before []cost
	for n, waiting := range []int{few, many} {
		fill(t, s, "blocked", waiting-n*few)
		var now []cost
		for _, fifo := range []bool{false, true} {
			for i := range eps {
				eps[i].FIFO = fifo
				eps[i] = check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), eps[i], 10))
			}
			now = append(now, costs(t, s, fifo)...)
		}
		if n == 0 {
			before = now
			continue
		}
		for i, c := range now {
			t.Logf("%d pages with %d waiting, %d with %d: %s", before[i].pages, few, c.pages, many, c.call)
			if c.pages > before[i].pages+40 {
				t.Errorf("%s fetches %d pages with %d waiting deliveries, %d with %d", c.call, before[i].pages, few, c.pages, many)
			}
		}
	}
}

type cost struct {
	call  string
	pages int
}

// costs counts the pages of each call.
func costs(t *testing.T, s *Store, fifo bool) (out []cost) {
	t.Helper()
	ctx := t.Context()
	count := func(call string, run func()) {
		before := pages(t, s)
		run()
		out = append(out, cost{fmt.Sprintf("%s, FIFO %t", call, fifo), pages(t, s) - before})
	}
	for range 2 { // the first time also prepares the statements
		out = nil
		e := event(1)
		e.ID, e.Key = fmt.Sprint("pages", now.micros()), ""
		count("Append", func() { check[[]webhook.Appended](t)(s.Append(ctx, []webhook.EventRecord{e})) })
		holds := map[string]webhook.Hold{}
		count("Claim", func() {
			claims, _, err := s.Claim(ctx, 10, time.Minute)
			check[any](t)(nil, err)
			for _, c := range claims {
				holds[c.Endpoint] = c.Hold
			}
		})
		var batches []webhook.Batch
		for _, id := range []string{"blocked", "fine"} {
			count("Due of the "+id+" lane", func() {
				batches = append(batches, check[[]webhook.Batch](t)(
					s.Due(ctx, []webhook.Want{{Hold: holds[id], Max: 8, Skip: []int64{1, 2, 3}, Count: 8}}))...)
			})
		}
		if len(batches) != 2 || batches[0].Pending != 8 || len(batches[1].Deliveries) == 0 {
			t.Fatalf("due: %+v", batches)
		}
		count("Extend", func() {
			check[[]webhook.Hold](t)(s.Extend(ctx, []webhook.Hold{holds["blocked"], holds["fine"]}, time.Minute))
		})
		count("Settle", func() {
			var returns []webhook.Return
			for _, b := range batches {
				returns = append(returns, webhook.Return{Hold: b.Hold, Mark: b.Mark})
			}
			got := check[webhook.Settled](t)(s.Settle(ctx, []webhook.Outcome{{
				Hold: holds["fine"], Delivery: batches[1].Deliveries[0].ID, State: webhook.StateDelivered,
				Attempt: &webhook.Attempt{Result: webhook.ResultDelivered, Status: 204},
			}}, returns))
			if !got.Applied[0] || len(got.Refused) != 0 {
				t.Fatalf("settled: %+v", got)
			}
		})
		all := webhook.DeliveryQuery{Account: "acct", Limit: 10}
		count("Deliveries", func() { check[[]webhook.DeliveryRecord](t)(s.Deliveries(ctx, all)) })
		count("Endpoints", func() { check[[]webhook.EndpointRecord](t)(s.Endpoints(ctx, webhook.EndpointQuery{Account: "acct"})) })
		count("Recover", func() { check[int](t)(s.Recover(ctx, all)) })
		count("Dismiss", func() { check[int](t)(s.Dismiss(ctx, webhook.DeliveryQuery{Account: "acct", Limit: 2})) })
		count("Purge", func() {
			check[int](t)(s.Purge(ctx, webhook.Ages{Bodies: time.Hour, Log: time.Hour}, 10))
		})
	}
	return out
}

// Deleting an endpoint costs the same whatever waits, and Purge clears the rest.
func TestDeleteAtOnce(t *testing.T) {
	s := openNew(t)
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("blocked"), 10))
	check[webhook.Endpoint](t)(s.PutEndpoint(t.Context(), endpoint("fine"), 10))
	const waiting = 5_000
	fill(t, s, "blocked", waiting)
	before := pages(t, s)
	check[any](t)(nil, s.DeleteEndpoint(t.Context(), "acct", "blocked"))
	if n := pages(t, s) - before; n > 200 {
		t.Errorf("deleting an endpoint with %d waiting deliveries fetches %d pages", waiting, n)
	}
	if st := check[webhook.StoreStats](t)(s.Stats(t.Context())); st.Pending != 0 || st.Endpoints != 1 {
		t.Errorf("what is left: %+v", st)
	}
	left := waiting
	for n := 1; n > 0; left -= n {
		n = check[int](t)(s.Purge(t.Context(), webhook.Ages{}, 20_000))
	}
	if left != 0 {
		t.Errorf("%d rows of the deleted endpoint are left", left)
	}
}

func fill(t *testing.T, s *Store, id string, n int) {
	t.Helper()
	err := s.update(t.Context(), func(tx *txn) error {
		e, err := tx.find(id)
		if err != nil {
			return err
		}
		last, err := tx.last()
		if err != nil {
			return err
		}
		pk := last + 1
		if _, err := tx.exec(`INSERT INTO webhook_events (pk, id, account, type, subject, occurred_at, deliveries, span, turn, body)
			VALUES (?1, 'filler' || ?1, 'acct', 't0', '', 0, ?2, ?2, 0, x'7b7d')`, pk, n); err != nil {
			return err
		}
		// Half of them have been tried.
		if _, err := tx.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 2 FROM n WHERE i + 2 <= ?1)
			INSERT INTO webhook_queue (id, lane, event, type, created_at) SELECT ?2 + i, ?3, ?2, 't0', 0 FROM n`, n, pk, e.lane); err != nil {
			return err
		}
		if _, err := tx.exec(`WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 2 FROM n WHERE i + 2 <= ?1)
			INSERT INTO webhook_deliveries (id, lane, event, type, due, created_at) SELECT ?2 + i, ?3, ?2, 't0', 0, 0 FROM n`, n, pk, e.lane); err != nil {
			return err
		}
		return errors.Join(tx.took(pk+int64(n)), tx.wake(e.lane))
	})
	if err != nil {
		t.Fatal(err)
	}
}

func claimOf(t *testing.T, s *Store, id string) webhook.Hold {
	t.Helper()
	claims, _, err := s.Claim(t.Context(), 10, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		if c.Endpoint == id {
			return c.Hold
		}
	}
	t.Fatalf("%s is not ready", id)
	return webhook.Hold{}
}
