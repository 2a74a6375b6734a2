package webhook

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/autoreach/webhook/internal/exchange"
	"github.com/autoreach/webhook/internal/group"
	"github.com/autoreach/webhook/internal/guard"
)

// Dispatcher is what a host uses: it registers endpoints, emits events and,
// in processes that call [Dispatcher.Run], delivers them. It is safe for
// concurrent use. A process may have one that only emits.
type Dispatcher struct {
	store     Store
	exclusive Exclusive // the store, if it is one
	options   Options
	catalogue catalogue
	formats   formats
	policy    *guard.Policy
	client    *exchange.Client
	append    *group.Group[EventRecord, Appended]
	attempts  int      // that one delivery may have
	reserved  []string // headers of the signers, which customers may not set
	waits     bool     // a signer may take its time

	tests testLimiter

	engine atomic.Pointer[engine] // while Run runs
	totals totals
}

var _ Emitter = (*Dispatcher)(nil)

// New returns a dispatcher on the store. It starts no goroutine and holds no
// connection. Nil options mean the defaults; what is out of bounds is refused
// with an [*InvalidError].
func New(store Store, opts *Options) (*Dispatcher, error) {
	if store == nil {
		return nil, &InvalidError{Fields: []FieldError{{Field: "store", Code: "required", Message: "is nil; use NewMemoryStore or one of the store modules"}}}
	}
	o, err := opts.defaults()
	if err != nil {
		return nil, err
	}
	d := &Dispatcher{store: store, options: o, policy: o.policy(), attempts: attempts(o.Retry), reserved: signerHeaders(o.Signers)}
	d.waits = slices.ContainsFunc(o.Signers, waits)
	d.exclusive, _ = store.(Exclusive)
	d.store = newEncryptedStore(store, o.EncryptionKeys, func(endpoint string, err error) {
		o.Logger.Error("webhook: cannot decrypt", "endpoint", endpoint, "error", err)
	})
	if d.catalogue, err = newCatalogue(o.Events); err != nil {
		return nil, err
	}
	if d.formats, err = newFormats(o.Formats); err != nil {
		return nil, err
	}
	dialer := guard.NewDialer(d.policy, &net.Dialer{KeepAlive: 30 * time.Second})
	transport := exchange.Options{Transport: o.Transport, TLS: o.TLS, IdlePerHost: o.MaxInFlightHost, Dial: dialer.DialContext}
	if o.AllowPlainHTTP {
		transport.DialPlain = dialer.DialPlainContext
	}
	if d.client, err = exchange.New(transport); err != nil {
		return nil, err
	}
	d.append = group.New(maxBatch, d.appendInTime)
	d.append.Split = isRefusal
	d.append.Weigh, d.append.Heavy = func(e EventRecord) int { return len(e.Body) }, heavyBatch
	if d.exclusive == nil { // such a store has one writer
		d.append.Beside = besideBatch
	}
	return d, nil
}

// maxBatch is how many events one EmitBatch, and one commit of the emits of
// many callers, may hold.
const maxBatch = 1000

// heavyBatch is how many bytes of payloads one commit of the emits of many callers
// may hold, and maxBatchBytes how many those of one EmitBatch may have: a database
// bounds what one statement can bring.
const (
	heavyBatch    = 32 << 20
	maxBatchBytes = 256 << 20
)

// besideBatch is how many events must wait for a second commit to begin beside
// one that is under way.
const besideBatch = 32

// isRefusal says whether a store's error is one of the sentinels that say
// that nothing was done.
func isRefusal(err error) bool {
	for _, s := range []error{ErrNotFound, ErrConflict, ErrLimit, ErrDisabled, ErrFull} {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

// Emit stores the event, and one delivery for each endpoint of its account
// that is enabled and subscribed to its type at that moment. A nil error
// means that this is as durable as the store promises; every delivery then
// ends delivered, or dead with a reason that the account can see, unless its
// endpoint is deleted.
//
// A refused event is an [*InvalidError] and a full store [ErrFull]; nothing
// was stored then. After any other error the outcome is unknown: emit again
// with Event.ID set to the returned ID (or with the same Key), which does no
// harm if the event was stored.
func (d *Dispatcher) Emit(ctx context.Context, e Event) (Emitted, error) {
	out, err := d.EmitBatch(ctx, []Event{e})
	if len(out) == 0 {
		return Emitted{}, err
	}
	return out[0], err
}

// EmitBatch is Emit for up to 1,000 events with up to 256 MiB of payloads: all of
// them or none. An [*InvalidError] names the wrong ones by their index, such as
// "3.data". With an error whose outcome is unknown the results hold the IDs.
func (d *Dispatcher) EmitBatch(ctx context.Context, events []Event) ([]Emitted, error) {
	records, err := d.records(events)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	appended, err := d.append.Do(ctx, records...)
	switch {
	case err == nil:
	case isRefusal(err):
		return nil, err
	case errors.Is(err, group.ErrNotStarted):
		return emittedIDs(records), fmt.Errorf("webhook: nothing was stored: %w", context.Cause(ctx))
	case errors.Is(err, group.ErrUnknown):
		return emittedIDs(records), fmt.Errorf("webhook: it is not known whether it was stored: %w", context.Cause(ctx))
	default:
		return emittedIDs(records), err
	}
	out := emitted(appended)
	deliveries := 0
	for _, e := range out {
		if !e.Duplicate {
			deliveries += e.Deliveries
		}
	}
	if deliveries > 0 {
		d.wake(deliveries)
	}
	return out, nil
}

// appendInTime bounds the store's time: one call that hangs would hold up
// every emit of the process.
func (d *Dispatcher) appendInTime(ctx context.Context, events []EventRecord) ([]Appended, error) {
	ctx, cancel := context.WithTimeout(ctx, maxAppend)
	defer cancel()
	return d.store.Append(ctx, events)
}

const maxAppend = 30 * time.Second

// EmitTx is Emit as a part of the caller's own transaction: the event exists
// if and when that commits. The store's module makes the Tx, and refuses
// what is not a transaction. An [*InvalidError] leaves the transaction usable.
//
// Deliveries begin within the store's polling interval after the commit; a
// caller that wants them sooner calls [Dispatcher.Wake] then.
func (d *Dispatcher) EmitTx(ctx context.Context, tx Tx, e Event) (Emitted, error) {
	if err := given(tx); err != nil {
		return Emitted{}, err
	}
	records, err := d.records([]Event{e})
	if err != nil {
		return Emitted{}, err
	}
	appended, err := d.sealed(tx).Append(ctx, records)
	if err != nil {
		return emittedIDs(records)[0], err
	}
	return emitted(appended)[0], nil
}

// Wants says whether an event of that type would be stored for any endpoint
// of the account, so that a host need not build payloads that nobody listens
// to. Endpoints that the engine disabled count: what they miss can be
// recovered.
func (d *Dispatcher) Wants(ctx context.Context, account string, t EventType) (bool, error) {
	if err := ofAccount(account); err != nil {
		return false, err
	}
	found, err := d.store.Endpoints(ctx, EndpointQuery{Account: account, Type: t, Limit: 1})
	return len(found) > 0, err
}

// records checks and encodes events.
func (d *Dispatcher) records(events []Event) ([]EventRecord, error) {
	var p problems
	if len(events) > maxBatch {
		p.add("events", "too_many", "1000", "are %d; the limit is 1000 in one batch", len(events))
		return nil, p.err()
	}
	out, bytes := make([]EventRecord, len(events)), 0
	for i, e := range events {
		r, err := d.record(e)
		var invalid *InvalidError
		if errors.As(err, &invalid) {
			for _, f := range invalid.Fields {
				if len(events) > 1 {
					f.Field = itoa(i) + "." + f.Field
				}
				p = append(p, f)
			}
		}
		out[i] = r
		bytes += len(r.Body)
	}
	if bytes > maxBatchBytes {
		p.add("events", "too_large", itoa(maxBatchBytes), "have payloads of %d bytes; the limit is %d in one batch: emit them in smaller ones", bytes, maxBatchBytes)
	}
	return out, p.err()
}

func emitted(as []Appended) []Emitted {
	out := make([]Emitted, len(as))
	for i, a := range as {
		out[i] = Emitted(a)
	}
	return out
}

func emittedIDs(rs []EventRecord) []Emitted {
	out := make([]Emitted, len(rs))
	for i, r := range rs {
		out[i].ID = r.ID
	}
	return out
}

// Wake makes a running dispatcher of this process look for work at once, for
// instance after the commit of a transaction with EmitTx.
func (d *Dispatcher) Wake() { d.wake(1) }

func (d *Dispatcher) wake(deliveries int) {
	if e := d.engine.Load(); e != nil {
		e.wake(deliveries)
	}
}
