package pgstore_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/webhooktest"
)

// Connections are cut in the middle of everything, and dispatchers vanish
// without a word. Every event whose emit was answered, or repeated until it
// was, arrives; nothing arrives that was not emitted; and nothing is stuck.
func TestConnectionsCut(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	check(t, pgstore.Migrate(t.Context(), newPool(t, 1), schema))
	network := webhooktest.NewNetwork()
	t.Cleanup(func() { check(t, network.Close()) })
	options := &webhook.Options{
		Transport: network.Transport(), Lease: time.Second, Grace: time.Millisecond,
		Retry: webhook.Schedule{20 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond},
	}
	named := func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["application_name"] = schema }
	dispatcher := func() *webhook.Dispatcher {
		s, err := pgstore.New(newPool(t, 6, named), &pgstore.Options{Schema: schema})
		check(t, err)
		t.Cleanup(s.Close)
		d, err := webhook.New(s, options)
		check(t, err)
		return d
	}
	ds := []*webhook.Dispatcher{dispatcher(), dispatcher(), dispatcher()}
	const lanes = 8
	receivers := make([]*receiver, lanes)
	for i := range receivers {
		host := fmt.Sprintf("r%d.example.com", i)
		receivers[i] = &receiver{got: map[string]int{}, fail: i % 3}
		network.Handle(host, receivers[i])
		_, err := ds[0].CreateEndpoint(t.Context(), webhook.Endpoint{
			Account: account, Name: host, URL: "https://" + host + "/hooks", Events: []string{events.LeadScored},
			Secret: webhook.GenerateSecret(), FIFO: i%4 == 0,
		})
		check(t, err)
	}

	ctx, end := context.WithCancel(t.Context())
	var all sync.WaitGroup
	for i, d := range ds {
		all.Go(func() {
			for ctx.Err() == nil { // again and again, with a store that is cut
				run, stop := context.WithTimeout(ctx, time.Duration(700+300*i)*time.Millisecond)
				_ = d.Run(run)
				stop()
			}
		})
	}
	noise, quiet := context.WithTimeout(ctx, 6*time.Second)
	defer quiet()
	admin := newPool(t, 1)
	var cut atomic.Int64
	all.Go(func() {
		for noise.Err() == nil {
			ended, err := admin.Exec(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1 ORDER BY random() LIMIT 2`, schema)
			if err != nil {
				t.Errorf("cutting: %v", err)
				return
			}
			cut.Add(ended.RowsAffected())
			time.Sleep(30 * time.Millisecond)
		}
	})
	var mu sync.Mutex
	emitted := map[string]bool{}
	var emitters sync.WaitGroup
	for i := range 3 {
		emitters.Go(func() {
			for noise.Err() == nil {
				ev := webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}}
				for ctx.Err() == nil {
					sent, err := ds[i].Emit(ctx, ev)
					if err == nil {
						mu.Lock()
						emitted[sent.ID] = true
						mu.Unlock()
						break
					}
					ev.ID = sent.ID // the outcome is unknown: the same again
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	<-noise.Done()
	emitters.Wait()
	quietStore, err := pgstore.New(newPool(t, 2), &pgstore.Options{Schema: schema})
	check(t, err)
	watcher, err := webhook.New(quietStore, options)
	check(t, err)
	patience, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	check(t, watcher.Drain(patience))
	end()
	all.Wait()

	if cut.Load() < 50 || len(emitted) < 50 {
		t.Errorf("%d connections were cut and %d events emitted, too few to tell anything", cut.Load(), len(emitted))
	}
	twice := 0
	for i, r := range receivers {
		r.mu.Lock() // of a request that was cut off the handler may still run
		for id := range emitted {
			if r.got[id] == 0 {
				t.Errorf("receiver %d did not get %s", i, id)
			}
		}
		for id, n := range r.got {
			if !emitted[id] {
				t.Errorf("receiver %d got %s, which was not emitted", i, id)
			}
			twice += n - 1
		}
		r.mu.Unlock()
	}
	st, err := quietStore.Stats(t.Context())
	check(t, err)
	if st.Undelivered != 0 || st.Pending != 0 {
		t.Errorf("in the end: %+v", st)
	}
	rs, err := quietStore.Deliveries(t.Context(), webhook.DeliveryQuery{Account: account, Limit: 1000})
	check(t, err)
	for _, r := range rs {
		if r.State != webhook.StateDelivered || len(r.Attempts) == 0 {
			t.Errorf("logged is %+v", r)
		}
	}
	t.Logf("%d events to %d endpoints, %d arrived twice, %d connections were cut", len(emitted), lanes, twice, cut.Load())
}
