package handles

import (
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/internal/pgserver"
)

// server is the connection string of the Postgres of the tests.
var server string

func TestMain(m *testing.M) {
	var stop func()
	var err error
	if server, stop, err = pgserver.Use(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

// A handle is a transaction of some library, and what makes of it one that a
// dispatcher can emit in.
type handle struct {
	tx               webhook.Tx
	insert           func(words string) error // a row of the caller's
	commit, rollback func() error
}

// A library begins transactions.
type library func(t *testing.T) handle

// each runs the same with every library: events and endpoints exist together
// with the caller's rows, or not at all.
func each(t *testing.T, s webhook.Store, db *sql.DB, rows string, libraries map[string]library) {
	for name, begin := range libraries {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			d, err := webhook.New(s, nil)
			check(t, err)
			account := "acct_" + name
			kept, err := d.CreateEndpoint(ctx, endpoint(account, "kept"))
			check(t, err)
			gone, err := d.CreateEndpoint(ctx, endpoint(account, "gone"))
			check(t, err)
			first, err := d.Emit(ctx, event(account, "first"))
			check(t, err)

			// everything is what a transaction does.
			everything := func(h handle) webhook.Emitted {
				t.Helper()
				check(t, h.insert(name))
				_, err := d.CreateEndpointTx(ctx, h.tx, endpoint(account, "created"))
				check(t, err)
				_, err = d.UpdateEndpointTx(ctx, h.tx, account, kept.ID, kept.Version, webhook.EndpointPatch{Name: webhook.Set("renamed")})
				check(t, err)
				check(t, d.DeleteEndpointTx(ctx, h.tx, account, gone.ID))
				// A duplicate does not poison the transaction.
				again, err := d.EmitTx(ctx, h.tx, event(account, "first"))
				if err != nil || !again.Duplicate || again.ID != first.ID {
					t.Errorf("a duplicate: %+v, %v", again, err)
				}
				emitted, err := d.EmitTx(ctx, h.tx, event(account, "second"))
				if err != nil || emitted.Duplicate || emitted.Deliveries != 2 {
					t.Errorf("an event for the endpoint that was there and the one that was created: %+v, %v", emitted, err)
				}
				if err := d.DeleteEndpointTx(ctx, h.tx, account, gone.ID); !errors.Is(err, webhook.ErrNotFound) {
					t.Errorf("deleting it again: %v", err)
				}
				check(t, h.insert(name))
				return emitted
			}
			names := func() (out []string) {
				t.Helper()
				list, err := s.Endpoints(ctx, webhook.EndpointQuery{Account: account})
				check(t, err)
				for _, e := range list {
					out = append(out, e.Name)
				}
				slices.Sort(out)
				return out
			}
			stored := func() (events, inserted int) {
				t.Helper()
				list, err := s.Deliveries(ctx, webhook.DeliveryQuery{Account: account})
				check(t, err)
				seen := map[string]bool{}
				for _, x := range list {
					seen[x.Event] = true
				}
				check(t, db.QueryRowContext(ctx, rows, name).Scan(&inserted))
				return len(seen), inserted
			}

			h := begin(t)
			everything(h)
			check(t, h.rollback())
			if got := names(); !slices.Equal(got, []string{"gone", "kept"}) {
				t.Errorf("after a rollback there are the endpoints %q", got)
			}
			if events, rows := stored(); events != 1 || rows != 0 {
				t.Errorf("after a rollback there are %d events and %d rows of the caller's", events, rows)
			}

			h = begin(t)
			emitted := everything(h)
			check(t, h.commit())
			if got := names(); !slices.Equal(got, []string{"created", "renamed"}) {
				t.Errorf("after a commit there are the endpoints %q", got)
			}
			if events, rows := stored(); events != 2 || rows != 2 {
				t.Errorf("after a commit there are %d events and %d rows of the caller's", events, rows)
			}
			again, err := d.Emit(ctx, event(account, "second"))
			if err != nil || !again.Duplicate || again.ID != emitted.ID {
				t.Errorf("what was emitted in the transaction, again: %+v, %v", again, err)
			}
		})
	}
}

func endpoint(account, name string) webhook.Endpoint {
	return webhook.Endpoint{Account: account, Name: name, URL: "https://crm.example.com/hooks", Events: []string{events.LeadScored}}
}

func event(account, key string) webhook.Event {
	return webhook.Event{Account: account, Type: events.LeadScored, Key: key, Data: events.LeadScoredData{}}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
