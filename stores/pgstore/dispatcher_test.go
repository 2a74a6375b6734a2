package pgstore_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/stores/pgstore"
	"github.com/autoreach/webhook/webhooktest"
)

// receiver counts what arrives, by event.
type receiver struct {
	mu    sync.Mutex
	got   map[string]int
	order []string
	fail  int // so many requests first
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail > 0 {
		r.fail--
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	id := q.Header.Get("webhook-id")
	r.got[id]++
	r.order = append(r.order, id)
	w.WriteHeader(http.StatusNoContent)
}

// Two dispatchers, each with a store and pool of its own, and a third that
// only emits, also in transactions.
func TestTwoDispatchers(t *testing.T) {
	t.Parallel()
	schema := newSchema(t)
	check(t, pgstore.Migrate(t.Context(), newPool(t, 1), schema))
	network := webhooktest.NewNetwork()
	t.Cleanup(func() { check(t, network.Close()) })
	options := &webhook.Options{
		Transport: network.Transport(),
		Retry:     webhook.Schedule{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond},
	}
	dispatcher := func() *webhook.Dispatcher {
		s, err := pgstore.New(newPool(t, 8), &pgstore.Options{Schema: schema})
		check(t, err)
		t.Cleanup(s.Close)
		d, err := webhook.New(s, options)
		check(t, err)
		return d
	}
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		d := dispatcher()
		running.Go(func() {
			if err := d.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
	}
	store, err := pgstore.New(newPool(t, 4), &pgstore.Options{Schema: schema})
	check(t, err)
	t.Cleanup(store.Close)
	d, err := webhook.New(store, options)
	check(t, err)

	const lanes, each = 6, 25
	receivers := make([]*receiver, lanes)
	for i := range receivers {
		host := fmt.Sprintf("r%d.example.com", i)
		receivers[i] = &receiver{got: map[string]int{}, fail: i % 4}
		network.Handle(host, receivers[i])
		_, err := d.CreateEndpoint(ctx, webhook.Endpoint{
			Account: account, Name: host, URL: "https://" + host + "/hooks", Events: []string{events.LeadScored},
			Secret: webhook.GenerateSecret(), FIFO: i == lanes-1,
		})
		check(t, err)
	}
	pool := newPool(t, 1)
	var want []string
	for i := range each {
		ev := webhook.Event{Account: account, Type: events.LeadScored, Data: events.LeadScoredData{}}
		if i%2 == 0 {
			sent, err := d.Emit(ctx, ev)
			check(t, err)
			want = append(want, sent.ID)
			continue
		}
		check(t, pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			sent, err := d.EmitTx(ctx, store.InTx(tx), ev)
			want = append(want, sent.ID)
			return err
		}))
		tx, err := pool.Begin(ctx)
		check(t, err)
		_, err = d.EmitTx(ctx, store.InTx(tx), ev)
		check(t, err)
		check(t, tx.Rollback(ctx))
	}
	patience, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	check(t, d.Drain(patience))
	stop()
	running.Wait()

	for i, r := range receivers {
		if len(r.got) != each {
			t.Errorf("receiver %d got %d events, want %d", i, len(r.got), each)
		}
		for id, n := range r.got {
			if n != 1 {
				t.Errorf("receiver %d got %s %d times", i, id, n)
			}
		}
	}
	if got := fmt.Sprint(receivers[lanes-1].order); got != fmt.Sprint(want) {
		t.Errorf("the FIFO endpoint got\n%s, want\n%v", got, want)
	}
	st, err := store.Stats(t.Context())
	check(t, err)
	if st.Pending != 0 || st.Held != 0 || st.Undelivered != 0 {
		t.Errorf("after both have ended: %+v", st)
	}
}
