package sqlitestore

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

func dispatcher(t *testing.T, s *Store, n *webhooktest.Network) *webhook.Dispatcher {
	t.Helper()
	return check[*webhook.Dispatcher](t)(webhook.New(s, &webhook.Options{
		Transport: n.Transport(), Retry: webhook.Schedule{200 * time.Millisecond, 300 * time.Millisecond},
	}))
}

// running runs the dispatcher; the returned function ends it.
func running(t *testing.T, d *webhook.Dispatcher) func() {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	for d.Ready() != nil {
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	end := func() {
		if stop != nil {
			stop()
			stop = nil
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(end)
	return end
}

func emitted(i int) webhook.Event {
	return webhook.Event{Account: webhooktest.Account, Type: events.LeadScored, Data: events.LeadScoredData{}, Key: fmt.Sprint("k", i)}
}

// Everything that is emitted arrives, with retries, from this process, from
// another store on the file, and from a transaction; and what one run leaves
// behind the next one delivers.
func TestRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	s := openAt(t, path)
	n := webhooktest.NewNetwork()
	t.Cleanup(func() { _ = n.Close() })
	d := dispatcher(t, s, n)
	stop := running(t, d)
	rcv := webhooktest.Register(t, d, n, webhook.Endpoint{Events: []string{events.LeadScored}})
	rcv.Each(func(r webhooktest.Request) webhooktest.Answer {
		if r.Attempt == 1 && r.N%5 == 0 {
			return webhooktest.Status(500)
		}
		return webhooktest.Answer{}
	})
	other := dispatcher(t, openAt(t, path), n) // as another process has it
	if err := other.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "delivers from this file") {
		t.Errorf("a second Run: %v", err)
	}
	for i := range 50 {
		check[webhook.Emitted](t)(d.Emit(t.Context(), emitted(i)))
		check[webhook.Emitted](t)(other.Emit(t.Context(), emitted(100+i)))
		tx := check[*sql.Tx](t)(s.DB().BeginTx(t.Context(), nil))
		check[webhook.Emitted](t)(d.EmitTx(t.Context(), InTx(tx), emitted(200+i)))
		check[webhook.Emitted](t)(d.EmitTx(t.Context(), InTx(tx), emitted(200+i)))
		end := tx.Commit
		if i%2 == 1 {
			end = tx.Rollback
		}
		check[any](t)(nil, end())
	}
	drain(t, d)
	stop()
	for i := range 25 {
		check[webhook.Emitted](t)(other.Emit(t.Context(), emitted(300+i)))
	}
	running(t, other)
	drain(t, other)
	if got := len(rcv.Deliveries()); got != 50+50+25+25 {
		t.Errorf("%d events were delivered, want 150", got)
	}
	st := check[webhook.StoreStats](t)(s.Stats(t.Context()))
	if st.Pending != 0 || st.Undelivered != 0 {
		t.Errorf("at the end: %+v", st)
	}
}

func drain(t *testing.T, d *webhook.Dispatcher) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	check[any](t)(nil, d.Drain(ctx))
}

// While another transaction keeps the file for longer than the busy timeout,
// an emit fails in words; afterwards the engine goes on by itself.
func TestRunAfterBusy(t *testing.T) {
	s := check[*Store](t)(Open(newFile(t, blank), &Options{BusyTimeout: 200 * time.Millisecond}))
	t.Cleanup(func() { check[any](t)(nil, s.Close()) })
	n := webhooktest.NewNetwork()
	t.Cleanup(func() { _ = n.Close() })
	d := dispatcher(t, s, n)
	running(t, d)
	rcv := webhooktest.Register(t, d, n, webhook.Endpoint{Events: []string{events.LeadScored}})
	arrived := make(chan struct{}, 10)
	answer := make(chan struct{})
	rcv.Each(func(webhooktest.Request) webhooktest.Answer {
		arrived <- struct{}{}
		<-answer
		return webhooktest.Answer{}
	})
	check[webhook.Emitted](t)(d.Emit(t.Context(), emitted(1)))
	<-arrived // it is on its way, and cannot be settled
	other := openAt(t, s.path)
	tx := check[*sql.Tx](t)(other.DB().BeginTx(t.Context(), nil))
	close(answer)
	for range 3 {
		_, err := d.Emit(t.Context(), emitted(2))
		wantError(t, err, "another transaction has been writing to the file for 200ms")
	}
	check[any](t)(nil, tx.Rollback())
	check[webhook.Emitted](t)(d.Emit(t.Context(), emitted(2)))
	drain(t, d)
	if got := len(rcv.Deliveries()); got != 2 {
		t.Errorf("%d events were delivered, want 2", got)
	}
}

// What another process emits is found within the polling interval.
func TestPoll(t *testing.T) {
	path := filepath.Join(t.TempDir(), "webhooks.db")
	s := openAt(t, path)
	n := webhooktest.NewNetwork()
	t.Cleanup(func() { _ = n.Close() })
	d := dispatcher(t, s, n)
	running(t, d)
	rcv := webhooktest.Register(t, d, n, webhook.Endpoint{Events: []string{events.LeadScored}})
	other := dispatcher(t, openAt(t, path), n)
	for i := range 5 {
		check[webhook.Emitted](t)(other.Emit(t.Context(), emitted(i)))
		rcv.Await(i+1, 5*time.Second)
	}
}
