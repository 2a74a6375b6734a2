package webhooktest_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/webhooktest"
)

func TestStartSubscribesToEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		noError(t, d.Ready())
		var want []webhook.EventType
		for _, typ := range events.All() {
			_, err := d.Emit(t.Context(), webhook.Event{Account: webhooktest.Account, Type: typ.Name, Data: typ.Sample()})
			noError(t, err)
			want = append(want, typ.Name)
		}
		noError(t, d.Drain(t.Context()))
		rcv.Want(want...)
		rcv.WantVerified(len(want))
		wantEqual(t, "HasSecret", rcv.Endpoint().HasSecret, true)
	})
}

func TestStartWithOptions(t *testing.T) {
	type order struct{ ID string }
	opts := &webhook.Options{
		Events: []events.Type{events.Of("order.paid", "Order Paid", "An order was paid.", func() order { return order{"1"} })},
		Retry:  webhook.Schedule{time.Minute},
	}
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, opts)
		rcv.Always(webhooktest.Status(500))
		_, err := d.Emit(t.Context(), webhook.Event{Account: webhooktest.Account, Type: "order.paid", Data: order{"2"}})
		noError(t, err)
		noError(t, d.Drain(t.Context()))
		rcv.WantRetries(time.Minute)
		rcv.Want()
	})
	if opts.Transport != nil || opts.EventsPerEndpoint != 0 {
		t.Error("the caller's options were changed")
	}
}

// TestStartInRealTime ends at once though a request hangs.
func TestStartInRealTime(t *testing.T) {
	began := time.Now()
	t.Run("hanging", func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		rcv.Then(webhooktest.Status(200), webhooktest.Hang(), webhooktest.Slow(time.Hour, webhooktest.Status(200)))
		emit(t, d, 3)
		rcv.Await(3, 10*time.Second)
	})
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestThousandDeliveries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		rcv.Each(func(r webhooktest.Request) webhooktest.Answer {
			if r.N%10 == 0 && r.Attempt == 1 {
				return webhooktest.Status(500)
			}
			return webhooktest.Slow(20*time.Millisecond, webhooktest.Answer{})
		})
		emit(t, d, 1000)
		noError(t, d.Drain(t.Context()))
		wantEqual(t, "delivered", len(rcv.Deliveries()), 1000)
		for _, r := range rcv.Requests() {
			if !r.Verified {
				t.Fatal(r)
			}
		}
		st, err := d.Stats(t.Context())
		noError(t, err)
		wantEqual(t, "undelivered", st.Undelivered, 0)
	})
}

func TestRegister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, first := webhooktest.Start(t, nil)
		second := webhooktest.Register(t, d, first.Network(), webhook.Endpoint{Events: []webhook.EventType{events.LeadScored}, FIFO: true})
		other := webhooktest.Register(t, d, first.Network(), webhook.Endpoint{
			Account: "acct_other", URL: "https://other.example.com:8443/a?b=c", Secret: "a secret of another",
			Events: []webhook.EventType{events.LeadScored}})
		if first.Endpoint().URL == second.Endpoint().URL {
			t.Error("one URL for both")
		}
		emit(t, d, 2)
		noError(t, d.Drain(t.Context()))
		first.WantVerified(2)
		second.WantVerified(2)
		other.WantNothing()
		_, err := d.Emit(t.Context(), webhook.Event{Account: "acct_other", Type: events.LeadScored, Data: events.LeadScoredData{}})
		noError(t, err)
		noError(t, d.Drain(t.Context()))
		other.WantVerified(1)
		wantEqual(t, "path", other.Last().Path, "/a?b=c")

		f := &fakeT{TB: t}
		wantFailure(t, fails(t, f, func() { webhooktest.Register(f, d, first.Network(), webhook.Endpoint{}) }), "the endpoint was refused", "events")
		wantFailure(t, fails(t, f, func() { webhooktest.Start(f, &webhook.Options{Timeout: time.Hour}) }), "Options.Timeout")
	})
}

// TestUnknownHost is an endpoint whose name does not resolve.
func TestUnknownHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _ := webhooktest.Start(t, nil)
		a, err := d.TestNew(t.Context(), webhook.Endpoint{Account: webhooktest.Account, Name: "typo",
			URL: "https://crn.example.com/", Events: []webhook.EventType{events.LeadScored}}, events.LeadScored)
		noError(t, err)
		wantEqual(t, "class", a.Class, webhook.ClassDNS)
	})
}

// TestDisconnected is an outage: nobody listens for ten minutes.
func TestDisconnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, rcv := webhooktest.Start(t, nil)
		host := strings.TrimPrefix(strings.TrimSuffix(rcv.Endpoint().URL, "/hooks"), "https://")
		rcv.Network().Handle(host, nil)
		emit(t, d, 1)
		time.Sleep(5 * time.Minute)
		rcv.WantNothing()
		r, err := d.Endpoint(t.Context(), webhooktest.Account, rcv.Endpoint().ID)
		noError(t, err)
		wantEqual(t, "class", r.Health.Class, webhook.ClassRefused)
		rcv.Network().Handle(host, rcv)
		noError(t, d.Drain(t.Context()))
		rcv.WantVerified(1)
	})
}
