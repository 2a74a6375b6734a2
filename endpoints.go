package webhook

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"time"
)

// CreateEndpoint registers a webhook, enabled. Account, Name, URL and Events
// are required; Version, Enabled and the times are the library's to set.
// An empty Secret, without a SigningKey, means unsigned deliveries: pass
// [GenerateSecret] for one that works with every Standard Webhooks library.
//
// What is refused is an [*InvalidError] with every wrong field; one endpoint
// too many is also [ErrLimit]. After any other error the outcome is unknown:
// call again with ID set to the one that was returned and all else as it was,
// which does no harm if the endpoint was created. An ID is otherwise left empty.
func (d *Dispatcher) CreateEndpoint(ctx context.Context, e Endpoint) (Endpoint, error) {
	return d.CreateEndpointTx(ctx, d.store, e)
}

// CreateEndpointTx is CreateEndpoint as a part of the caller's transaction.
func (d *Dispatcher) CreateEndpointTx(ctx context.Context, tx Tx, e Endpoint) (Endpoint, error) {
	if err := given(tx); err != nil {
		return Endpoint{}, err
	}
	if e.Version = 0; e.ID == "" {
		e.ID = newID()
	} else if !validID(e.ID) {
		return Endpoint{}, &InvalidError{Fields: []FieldError{{
			Field: "id", Code: "malformed", Message: "is not an ID that a create returned; leave it empty for a new endpoint"}}}
	}
	id := e.ID
	e.Enabled, e.DisabledBy, e.DisabledReason = true, "", ""
	e.OldSecret, e.OldSecretUntil = "", time.Time{}
	if err := d.check(&e); err != nil {
		return Endpoint{}, err
	}
	var err error
	if e.ChangedBy, err = actor(ctx); err != nil {
		return Endpoint{}, err
	}
	limit, asked := d.options.EndpointLimit(e.Account), e
	e, err = d.sealed(tx).PutEndpoint(ctx, e, limit)
	if errors.Is(err, ErrLimit) {
		return Endpoint{}, &InvalidError{cause: ErrLimit, Fields: []FieldError{{
			Field: "account", Code: "endpoint_limit", Bound: itoa(limit),
			Message: fmt.Sprintf("has its %d webhooks already, disabled ones counted; delete one that is not needed", limit),
		}}}
	}
	switch {
	case err == nil && !sameAs(&e, &asked): // a repeat
		return Endpoint{}, fmt.Errorf("%w: the endpoint %s was created with other fields; repeat a create with what it was called with, a generated secret too", ErrConflict, id)
	case err == nil:
		return d.public(e), nil
	case errors.Is(err, ErrConflict):
		return Endpoint{}, fmt.Errorf("%w: the ID %s belongs to an endpoint that was changed since it was created, or is another's", err, id)
	case isRefusal(err):
		return Endpoint{}, err
	}
	return Endpoint{ID: id}, err
}

// sameAs says whether all that a create can say is the same.
func sameAs(a, b *Endpoint) bool {
	return a.Name == b.Name && a.URL == b.URL && slices.Equal(a.Events, b.Events) && a.Format == b.Format &&
		a.Secret == b.Secret && a.SigningKey == b.SigningKey && maps.Equal(a.Headers, b.Headers) &&
		a.Timeout == b.Timeout && a.MaxInFlight == b.MaxInFlight && a.PerSecond == b.PerSecond && a.FIFO == b.FIFO
}

// Endpoint returns one endpoint with its health. A foreign one is
// [ErrNotFound]; one that cannot be decrypted is an error.
func (d *Dispatcher) Endpoint(ctx context.Context, account, id string) (EndpointRecord, error) {
	return d.endpoint(ctx, d.store, account, id, d.public)
}

func (d *Dispatcher) endpoint(ctx context.Context, tx Tx, account, id string, show func(Endpoint) Endpoint) (EndpointRecord, error) {
	found, err := d.sealed(tx).Endpoints(ctx, EndpointQuery{Account: account, ID: id, Limit: 1})
	if err != nil {
		return EndpointRecord{}, err
	}
	if len(found) == 0 || id == "" {
		return EndpointRecord{}, fmt.Errorf("%w: endpoint %q", ErrNotFound, id)
	}
	if found[0].Unreadable != nil {
		return EndpointRecord{}, found[0].Unreadable
	}
	found[0].Endpoint = show(found[0].Endpoint)
	return found[0], nil
}

// ListEndpoints returns one page. One that cannot be decrypted is in it, with
// [EndpointRecord.Unreadable].
func (d *Dispatcher) ListEndpoints(ctx context.Context, q EndpointQuery) ([]EndpointRecord, error) {
	if err := ofAccount(q.Account); err != nil {
		return nil, err
	}
	found, err := d.store.Endpoints(ctx, q)
	for i := range found {
		found[i].Endpoint = d.public(found[i].Endpoint)
	}
	return found, err
}

// Endpoints goes through all endpoints of an account, in the order of their
// creation.
func (d *Dispatcher) Endpoints(ctx context.Context, account string) iter.Seq2[EndpointRecord, error] {
	return func(yield func(EndpointRecord, error) bool) {
		q := EndpointQuery{Account: account}
		for {
			page, err := d.ListEndpoints(ctx, q)
			if err != nil {
				yield(EndpointRecord{}, err)
				return
			}
			for _, e := range page {
				if !yield(e, nil) {
					return
				}
				q.After = e.ID
			}
			if len(page) < pageLimit(q.Limit) {
				return
			}
		}
	}
}

// UpdateEndpoint changes an endpoint that still has the given version; 0
// means whatever version it has. A stale version is [ErrConflict].
//
// What waits for the endpoint goes to the new URL and is signed with the new
// secret from the next attempt on; changed events concern events that are
// emitted from now on. See [Dispatcher.EnableEndpoint] and
// [Dispatcher.DisableEndpoint] for Enabled.
func (d *Dispatcher) UpdateEndpoint(ctx context.Context, account, id string, version int64, p EndpointPatch) (Endpoint, error) {
	return d.UpdateEndpointTx(ctx, d.store, account, id, version, p)
}

// UpdateEndpointTx is UpdateEndpoint as a part of the caller's transaction. Where
// it disables an endpoint, requests of this process are cut off at once: if the
// transaction is rolled back, they are made again within a lease
// ([Options.Lease]).
func (d *Dispatcher) UpdateEndpointTx(ctx context.Context, tx Tx, account, id string, version int64, p EndpointPatch) (Endpoint, error) {
	if err := given(tx); err != nil {
		return Endpoint{}, err
	}
	return d.change(ctx, tx, account, id, version, func(e *Endpoint) error {
		if minOverlap <= p.Overlap && p.Overlap <= maxOverlap && p.Secret.Value != "" && p.Secret.Value == e.Secret {
			return errRepeated
		}
		p.apply(e)
		return d.checkPatched(e, &p)
	})
}

// errRepeated says that a change was made already.
var errRepeated = errors.New("webhook: it was changed so before")

// change reads, changes and puts an endpoint, again if somebody else was
// quicker.
func (d *Dispatcher) change(ctx context.Context, tx Tx, account, id string, version int64, f func(*Endpoint) error) (Endpoint, error) {
	who, err := actor(ctx)
	if err != nil {
		return Endpoint{}, err
	}
	for try := 0; ; try++ {
		r, err := d.endpoint(ctx, tx, account, id, func(e Endpoint) Endpoint { return e })
		if err != nil {
			return Endpoint{}, err
		}
		e := r.Endpoint
		e.Headers, e.Events = maps.Clone(e.Headers), slices.Clone(e.Events)
		err = f(&e)
		switch {
		case errors.Is(err, errRepeated):
			if !r.Enabled {
				d.forget(func(x Endpoint) bool { return x.ID == id })
			}
			return d.public(r.Endpoint), nil
		case version != 0 && r.Version != version:
			return Endpoint{}, fmt.Errorf("%w: it has version %d, not %d", ErrConflict, r.Version, version)
		case err != nil:
			return Endpoint{}, err
		}
		e.ChangedBy = who
		e, err = d.sealed(tx).PutEndpoint(ctx, e, 0)
		if errors.Is(err, ErrConflict) && try < 10 {
			wait(ctx, nil, time.Duration(rand.Int64N(int64(time.Millisecond)<<try)))
			continue
		}
		if errors.Is(err, ErrConflict) {
			return Endpoint{}, fmt.Errorf("%w: it was changed meanwhile and has not version %d any more", err, r.Version)
		}
		if err == nil && !e.Enabled { // also if it was: a former answer may have been lost
			d.forget(func(x Endpoint) bool { return x.ID == id })
		} else if err == nil {
			d.wake(1)
		}
		return d.public(e), err
	}
}

// EnableEndpoint enables an endpoint. What waited since before it was
// disabled goes on; discard it first with [Dispatcher.Dismiss] if it is not
// wanted. What it missed after the engine had disabled it is brought back by
// [Dispatcher.Recover].
func (d *Dispatcher) EnableEndpoint(ctx context.Context, account, id string) (Endpoint, error) {
	return d.UpdateEndpoint(ctx, account, id, 0, EndpointPatch{Enabled: Set(true)})
}

// DisableEndpoint disables an endpoint and says by whom. It gets nothing that
// is emitted from now on; what waits goes on waiting. When this returns
// nothing more is handed out; requests of this process are cut off, and one
// that another process was handed before may still arrive within its timeout.
func (d *Dispatcher) DisableEndpoint(ctx context.Context, account, id string, by DisabledBy) (Endpoint, error) {
	return d.UpdateEndpoint(ctx, account, id, 0, EndpointPatch{Enabled: Set(false), DisabledBy: by})
}

// DeleteEndpoint removes an endpoint with its deliveries and their log. It
// stops at once, as with [Dispatcher.DisableEndpoint].
func (d *Dispatcher) DeleteEndpoint(ctx context.Context, account, id string) error {
	return d.DeleteEndpointTx(ctx, d.store, account, id)
}

// DeleteEndpointTx is DeleteEndpoint as a part of the caller's transaction, and
// cuts off requests as [Dispatcher.UpdateEndpointTx] does. Nothing is kept of a
// deleted endpoint: a row of the caller's own, written in that transaction, can
// say who deleted it.
func (d *Dispatcher) DeleteEndpointTx(ctx context.Context, tx Tx, account, id string) error {
	if err := given(tx); err != nil {
		return err
	}
	err := tx.DeleteEndpoint(ctx, account, id)
	if err == nil || errors.Is(err, ErrNotFound) { // a former answer may have been lost
		d.forget(func(x Endpoint) bool { return x.ID == id && x.Account == account })
	}
	return err
}

// DefaultOverlap is how long both secrets sign after a rotation.
const DefaultOverlap = 24 * time.Hour

const (
	minOverlap = time.Minute
	maxOverlap = 30 * 24 * time.Hour
)

// RotateSecret gives the endpoint a new secret, while the old one goes on
// signing for overlap (0 means [DefaultOverlap]; at most 30 days), so that
// receivers can change over without a gap: webhook-signature then has an entry
// for each, and X-Webhook-Signature, which has room for one, stays with the
// old secret. An empty next is replaced by a generated one; the new secret is
// returned, this once. After an error whose outcome is unknown it is returned
// too: repeat the call with it, which does no harm, and not with an empty one,
// which would begin another rotation and end the first secret.
//
// Of an endpoint that is in a rotation already, the older secret goes. To rotate
// only what nobody else has changed, name the version in an UpdateEndpoint with
// [EndpointPatch.Overlap].
func (d *Dispatcher) RotateSecret(ctx context.Context, account, id string, next Secret, overlap time.Duration) (Secret, Endpoint, error) {
	if overlap == 0 {
		overlap = DefaultOverlap
	}
	if next == "" {
		next = GenerateSecret()
	}
	e, err := d.UpdateEndpoint(ctx, account, id, 0, EndpointPatch{Secret: Set(next), Overlap: overlap})
	if invalid := (*InvalidError)(nil); errors.As(err, &invalid) {
		next = ""
	}
	return next, e, err
}

// EndRotation makes the new secret the only one, before the overlap is over.
func (d *Dispatcher) EndRotation(ctx context.Context, account, id string) (Endpoint, error) {
	return d.change(ctx, d.store, account, id, 0, func(e *Endpoint) error {
		e.OldSecret, e.OldSecretUntil = "", time.Time{}
		return nil
	})
}

// public is an endpoint without its secrets.
func (d *Dispatcher) public(e Endpoint) Endpoint {
	e.SentAs = d.sentAs(&e)
	e.HasSecret, e.Rotating = e.Secret != "", e.rotating(time.Now())
	if !e.Rotating {
		e.OldSecretUntil = time.Time{}
	}
	e.PublicKey = ""
	if e.SigningKey != "" {
		e.PublicKey, _ = PublicKey(e.SigningKey) // it was checked before it was stored
	}
	e.Secret, e.OldSecret, e.SigningKey = "", "", ""
	e.Headers, e.Events = maps.Clone(e.Headers), slices.Clone(e.Events)
	return e
}

func (e *Endpoint) rotating(now time.Time) bool {
	return e.OldSecret != "" && now.Before(e.OldSecretUntil)
}
