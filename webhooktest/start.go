package webhooktest

import (
	"context"
	"fmt"
	"net/url"
	"runtime"
	"testing"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

// Account is the account of the endpoints that [Start] and [Register] make.
const Account = "acct_test"

// Start returns a dispatcher that delivers, on an empty memory store and an
// in-memory network, and a receiver that is an endpoint of [Account],
// subscribed to every event type, with a generated secret. When the test ends
// everything is stopped, and no goroutine is left.
//
// Nil options mean the defaults; those given hold with two exceptions:
// Transport is the network's, and EventsPerEndpoint is at least the number of
// event types.
func Start(t testing.TB, opts *webhook.Options) (*webhook.Dispatcher, *Receiver) {
	t.Helper()
	var o webhook.Options
	if opts != nil {
		o = *opts
	}
	types := o.Events
	if types == nil {
		types = events.All()
	}
	var names []webhook.EventType
	for _, e := range types[:min(len(types), 100)] { // an endpoint cannot have more
		names = append(names, e.Name)
	}
	o.EventsPerEndpoint = max(o.EventsPerEndpoint, len(names))
	n := NewNetwork()
	t.Cleanup(func() { _ = n.Close() })
	o.Transport = n.Transport()
	d, err := webhook.New(webhook.NewMemoryStore(nil), &o)
	if err != nil {
		t.Fatalf("webhooktest: Start: %v", err)
	}
	run(t, d)
	return d, Register(t, d, n, webhook.Endpoint{Events: names})
}

// run runs the dispatcher until the test ends. When it returns the dispatcher
// is ready, for tests that look at a readiness probe.
func run(t testing.TB, d *webhook.Dispatcher) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("webhooktest: %v", err)
		}
	})
	for d.Ready() != nil {
		runtime.Gosched()
	}
}

// Register creates the endpoint at the dispatcher and returns the receiver at
// its URL on the network, which must be the one of the dispatcher's Transport.
// Events are required; Account, Name, URL and Secret are made up when they are
// empty. With a SigningKey the receiver asks for that signature too, which only
// [webhook.StandardSigner] makes. It ends the test if the dispatcher refuses the
// endpoint.
//
//	d, first := webhooktest.Start(t, nil)
//	second := webhooktest.Register(t, d, first.Network(), webhook.Endpoint{
//		Events: []webhook.EventType{events.LeadScored},
//		FIFO:   true,
//	})
func Register(t testing.TB, d *webhook.Dispatcher, n *Network, e webhook.Endpoint) *Receiver {
	t.Helper()
	if e.Account == "" {
		e.Account = Account
	}
	if e.Name == "" {
		e.Name = "Receiver"
	}
	if e.URL == "" {
		e.URL = "https://" + n.freeHost() + "/hooks"
	}
	if e.Secret == "" {
		e.Secret = webhook.GenerateSecret()
	}
	r := NewReceiver(t, e.Secret)
	created, err := d.CreateEndpoint(t.Context(), e)
	if err != nil {
		t.Fatalf("webhooktest: the endpoint was refused: %v", err)
	}
	u, err := url.Parse(created.URL)
	if err != nil {
		t.Fatalf("webhooktest: the endpoint's URL does not parse") // err would show it
	}
	r.endpoint, r.network = created, n
	if created.PublicKey != "" {
		r.AcceptPublic(created.PublicKey)
	}
	n.Handle(u.Host, r)
	return r
}

// freeHost returns a name that no handler is registered for.
func (n *Network) freeHost() string {
	for i := 1; ; i++ {
		host := fmt.Sprintf("receiver-%d.example.com", i)
		if _, taken := n.lookup(host); !taken {
			return host
		}
	}
}
