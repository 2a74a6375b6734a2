// Package standin is what the examples run against instead of the real thing:
// the product that sends webhooks, and the APIs that a receiver calls. The APIs
// enforce what their documentation says of required fields, authorisation,
// limits and status codes, on this machine, and keep what they were sent.
package standin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/autoreach/webhook"
	"github.com/autoreach/webhook/events"
)

const account = "acct_1" // whose webhooks these are

// A Sender is the product: a dispatcher that delivers over HTTPS to a receiver
// on this machine.
type Sender struct {
	dispatcher *webhook.Dispatcher
	server     *httptest.Server
	receiver   atomic.Pointer[http.Handler]
	lost       atomic.Int64 // answers still to lose
	stop       func() error
}

// NewSender starts the product. Its retries come soon, since nobody wants to
// wait for 30 seconds here. Close it.
func NewSender(receiver http.Handler) (*Sender, error) {
	s := &Sender{}
	s.Restart(receiver)
	s.server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	d, err := webhook.New(webhook.NewMemoryStore(nil), &webhook.Options{
		AllowPrefixes: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		TLS:           s.server.Client().Transport.(*http.Transport).TLSClientConfig,
		Retry:         webhook.Schedule{50 * time.Millisecond, 100 * time.Millisecond, 200 * time.Millisecond},
	})
	if err != nil {
		s.server.Close()
		return nil, err
	}
	s.dispatcher = d
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		err := <-ran
		s.server.Close()
		return err
	})
	return s, nil
}

// Sample returns the sample data of an event.
func Sample(event webhook.EventType) any {
	for _, t := range events.All() {
		if t.Name == event {
			return t.Sample()
		}
	}
	panic("standin: " + event + " is no event")
}

// Close ends the product and the server in front of the receiver.
func (s *Sender) Close() error { return s.stop() }

// Restart puts another receiver in the place of the former, as when its process
// starts again.
func (s *Sender) Restart(receiver http.Handler) { s.receiver.Store(&receiver) }

// LoseAnswers cuts the connection off, n times, when the receiver has done its
// work and is about to answer: the product has to send again.
func (s *Sender) LoseAnswers(n int) { s.lost.Store(int64(n)) }

func (s *Sender) serve(w http.ResponseWriter, r *http.Request) {
	receiver := *s.receiver.Load()
	if s.lost.Add(-1) >= 0 {
		receiver.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	}
	receiver.ServeHTTP(w, r)
}

// Subscribe registers a webhook for each event, with this secret and a path at
// the receiver.
func (s *Sender) Subscribe(ctx context.Context, path, secret string, events ...webhook.EventType) error {
	for _, e := range events {
		if _, err := s.dispatcher.CreateEndpoint(ctx, webhook.Endpoint{
			Account: account, Name: e, URL: s.server.URL + path, Events: []webhook.EventType{e}, Secret: webhook.Secret(secret),
		}); err != nil {
			return err
		}
	}
	return nil
}

// Emit says that something happened, and returns when every webhook of the
// event has it.
func (s *Sender) Emit(ctx context.Context, event webhook.EventType, data any) error {
	return s.EmitAt(ctx, event, data, time.Time{})
}

// EmitAt is Emit for what happened earlier.
func (s *Sender) EmitAt(ctx context.Context, event webhook.EventType, data any, at time.Time) error {
	sent, err := s.dispatcher.Emit(ctx, webhook.Event{Account: account, Type: event, Data: data, OccurredAt: at})
	if err != nil {
		return err
	}
	if sent.Deliveries == 0 {
		return fmt.Errorf("no webhook is subscribed to %s", event)
	}
	return s.delivered(ctx, sent.ID)
}

// Redeliver sends everything once more, as when an operator resends it or every
// answer had been lost, and returns how much that was.
func (s *Sender) Redeliver(ctx context.Context) (n int, err error) {
	all, err := s.dispatcher.ListDeliveries(ctx, webhook.DeliveryQuery{Account: account, Limit: 1000})
	if err != nil {
		return 0, err
	}
	for _, r := range all {
		if r.Resend {
			continue
		}
		if _, err := s.dispatcher.Resend(ctx, account, r.ID); err != nil {
			return n, err
		}
		n++
	}
	return n, s.delivered(ctx, "")
}

// Attempts counts the requests that were made to deliver events of a type.
func (s *Sender) Attempts(ctx context.Context, event webhook.EventType) (n int, err error) {
	all, err := s.dispatcher.ListDeliveries(ctx, webhook.DeliveryQuery{Account: account, Type: event, Limit: 1000})
	for _, r := range all {
		n += len(r.Attempts)
	}
	return n, err
}

// delivered waits until nothing is on its way, and says what did not arrive.
func (s *Sender) delivered(ctx context.Context, event string) error {
	if err := s.dispatcher.Drain(ctx); err != nil {
		return err
	}
	all, err := s.dispatcher.ListDeliveries(ctx, webhook.DeliveryQuery{Account: account, Event: event, Limit: 1000})
	if err != nil {
		return err
	}
	var errs []error
	for _, r := range all {
		if r.State != webhook.StateDelivered {
			last := r.Attempts[len(r.Attempts)-1]
			errs = append(errs, fmt.Errorf("%s was not delivered in %d attempts: %d %s", r.Type, len(r.Attempts), last.Status, last.Error))
		}
	}
	return errors.Join(errs...)
}
