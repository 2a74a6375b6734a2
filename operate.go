package webhook

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/autoreach/webhook/events"
	"github.com/autoreach/webhook/internal/guard"
)

// Pause stops deliveries, of everything or of what p names, until they are
// resumed; events are accepted meanwhile, and deliveries still expire. It is
// kept by the store and followed by every process within a second. What is on
// its way is not cut off. A type has to be registered in this process.
func (d *Dispatcher) Pause(ctx context.Context, p Pause) error { return d.setPause(ctx, p, true) }

// Resume lifts a pause; p is the same as it was for Pause.
func (d *Dispatcher) Resume(ctx context.Context, p Pause) error { return d.setPause(ctx, p, false) }

func (d *Dispatcher) setPause(ctx context.Context, p Pause, on bool) error {
	set := 0
	for _, s := range []string{p.Account, p.Type, p.Host} {
		if s != "" {
			set++
		}
	}
	if set > 1 {
		return &InvalidError{Fields: []FieldError{{Field: "pause", Code: "ambiguous",
			Message: "names more than one of account, type and host; set one pause for each"}}}
	}
	host, ok := hostOf(p.Host)
	if !ok && on {
		return &InvalidError{Fields: []FieldError{{Field: "pause.host", Code: "malformed",
			Message: "is not the host of a URL; use a name or an address alone, such as crm.example.com"}}}
	}
	p.Host = host
	if _, known := d.catalogue.lookup(p.Type); p.Type != "" && !known && on {
		return &InvalidError{Fields: []FieldError{{Field: "pause.type", Code: "unknown_event",
			Message: fmt.Sprintf("is %q, which is not a registered event type; known are %s", p.Type, d.catalogue.names())}}}
	}
	if err := d.store.SetPause(ctx, p, on); err != nil {
		return err
	}
	e := d.engine.Load()
	if e != nil {
		e.watchPauses(ctx)
	}
	return nil
}

// hostOf is a host as those of endpoints' URLs are written, whatever the rules of
// this process allow. What cannot be one is returned as it is.
func hostOf(host string) (_ string, ok bool) {
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return a.String(), true
	}
	if strings.ContainsAny(host, "/:@?#[]% \\") {
		return host, false
	}
	if u, err := new(guard.Policy).URL("https://" + host); err == nil && host != "" {
		return u.Hostname(), true // an international name in its ASCII form
	}
	return strings.ToLower(host), true
}

// Pauses returns the pauses that are set.
func (d *Dispatcher) Pauses(ctx context.Context) ([]Pause, error) {
	p, err := d.store.Pauses(ctx)
	return p.List, err
}

// Limits are what a dispatcher's options allow an account, for a page that
// tells its customers.
type Limits struct {
	Endpoints         int           // that it may have, by [Options.EndpointLimit]
	EventsPerEndpoint int           // by [Options.EventsPerEndpoint]
	Attempts          int           // that one delivery gets, the first one counted
	Timeout           time.Duration // of one attempt, unless the endpoint says otherwise
}

// Limits returns what the options allow the account.
func (d *Dispatcher) Limits(account string) Limits {
	return Limits{
		Endpoints: d.options.EndpointLimit(account), EventsPerEndpoint: d.options.EventsPerEndpoint,
		Attempts: d.attempts, Timeout: d.options.Timeout,
	}
}

// EventTypes returns what can be emitted and subscribed to, in the order of
// [Options.Events].
func (d *Dispatcher) EventTypes() []events.Type { return slices.Clone(d.catalogue.types) }

// Stats is what there is to watch.
type Stats struct {
	StoreStats
	InFlight int            // requests of this process on their way
	Lanes    int            // endpoints whose deliveries are this process's to send at the moment
	Attempts map[string]int // of this process since it began, by class of failure; "" counts successes
}

// Stats counts what the store holds and what this process did.
func (d *Dispatcher) Stats(ctx context.Context) (Stats, error) {
	st, err := d.store.Stats(ctx)
	out := Stats{StoreStats: st, Attempts: d.totals.copy()}
	e := d.engine.Load()
	if e != nil {
		e.mu.Lock()
		out.InFlight, out.Lanes = len(e.flights), len(e.lanes)
		e.mu.Unlock()
	}
	return out, err
}

// totals counts attempts by class.
type totals struct {
	mu sync.Mutex
	by map[string]int
}

func (t *totals) count(a Attempt) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.by == nil {
		t.by = map[string]int{}
	}
	t.by[a.Class]++
}

func (t *totals) copy() map[string]int {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]int, len(t.by))
	for class, n := range t.by {
		out[class] = n
	}
	return out
}
