package webhook

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"
)

// encryptedTx is a Tx whose URLs, secrets, headers, bodies and responses are
// sealed in what it wraps, if there are keys: the store, or a transaction of the
// caller's.
type encryptedTx struct {
	Tx
	keys keyring
}

// sealed is the transaction with what it stores sealed.
func (d *Dispatcher) sealed(tx Tx) Tx {
	if _, done := tx.(*encryptedStore); done {
		return tx
	}
	return encryptedTx{tx, d.options.EncryptionKeys}
}

func (t encryptedTx) PutEndpoint(ctx context.Context, e Endpoint, limit int) (Endpoint, error) {
	if len(t.keys) == 0 {
		return t.Tx.PutEndpoint(ctx, e, limit)
	}
	e, err := t.Tx.PutEndpoint(ctx, t.keys.sealEndpoint(e), limit)
	if err != nil {
		return e, err
	}
	return t.keys.openEndpoint(e)
}

func (t encryptedTx) Endpoints(ctx context.Context, q EndpointQuery) ([]EndpointRecord, error) {
	found, err := t.Tx.Endpoints(ctx, q)
	if err != nil {
		return nil, err
	}
	for i := range found {
		// One that cannot be opened must not hide the account's others.
		found[i].Endpoint, found[i].Unreadable = t.keys.openEndpoint(found[i].Endpoint)
		found[i].Health.Response = t.keys.openResponse(found[i].Health.Response, found[i].ID)
	}
	return found, nil
}

func (t encryptedTx) Append(ctx context.Context, events []EventRecord) ([]Appended, error) {
	if len(t.keys) == 0 {
		return t.Tx.Append(ctx, events)
	}
	events = slices.Clone(events)
	for i := range events {
		e := &events[i]
		e.Body = t.keys.seal(e.Body, bodyPlace(e.Account, e.ID))
	}
	return t.Tx.Append(ctx, events)
}

// encryptedStore is a store with the same sealed. What cannot be opened costs
// nobody else anything: an endpoint rests for a lease and is tried again, since
// a key may have been forgotten in a deployment.
type encryptedStore struct {
	encryptedTx
	Lanes
	Log
	Operator
	unreadable func(endpoint string, err error)
}

func newEncryptedStore(s Store, keys keyring, unreadable func(endpoint string, err error)) *encryptedStore {
	return &encryptedStore{encryptedTx{s, keys}, s, s, s, unreadable}
}

// Claim implements Lanes.
func (s *encryptedStore) Claim(ctx context.Context, max int, lease time.Duration) ([]Claim, time.Duration, error) {
	claims, next, err := s.Lanes.Claim(ctx, max, lease)
	claims = slices.DeleteFunc(claims, func(c Claim) bool { return !s.readable(c.Endpoint, c.Config) })
	for i := range claims {
		claims[i].Config, _ = s.keys.openEndpoint(claims[i].Config)
	}
	return claims, next, err
}

func (s *encryptedStore) readable(id string, e Endpoint) bool {
	_, err := s.keys.openEndpoint(e)
	if err != nil {
		s.unreadable(id, err)
	}
	return err == nil
}

// Due implements Lanes. A body whose key is missing stays sealed: the attempt
// fails and is made again, since a deployment may be under way. One that does not
// open is like one that cannot be read: the delivery is dead, and can be recovered.
func (s *encryptedStore) Due(ctx context.Context, wants []Want) ([]Batch, error) {
	batches, err := s.Lanes.Due(ctx, wants)
	batches = slices.DeleteFunc(batches, func(b Batch) bool { return b.Config != nil && !s.readable(b.Endpoint, *b.Config) })
	for i := range batches {
		b := &batches[i]
		if b.Config != nil {
			config, _ := s.keys.openEndpoint(*b.Config)
			b.Config = &config
		}
		for j := range b.Deliveries {
			b.Deliveries[j].Event = s.event(b.Endpoint, b.Deliveries[j].Event)
		}
	}
	return batches, err
}

// event opens a copy of an event, which is shared; nil if it cannot.
func (s *encryptedStore) event(endpoint string, e *EventRecord) *EventRecord {
	if e == nil || !bytes.HasPrefix(e.Body, []byte(sealedPrefix)) {
		return e
	}
	out := *e
	var err error
	if out.Body, err = s.keys.open(e.Body, bodyPlace(e.Account, e.ID)); err == nil {
		return &out
	}
	s.unreadable(endpoint, err)
	if errors.As(err, new(noKeyError)) {
		return e
	}
	return nil
}

// Settle implements Lanes.
func (s *encryptedStore) Settle(ctx context.Context, outcomes []Outcome, returns []Return) (Settled, error) {
	if len(s.keys) == 0 {
		return s.Lanes.Settle(ctx, outcomes, returns)
	}
	outcomes = slices.Clone(outcomes)
	for i := range outcomes {
		a := outcomes[i].Attempt
		if a == nil {
			continue
		}
		sealed := *a
		if len(a.Response) > 0 {
			sealed.Response = s.keys.sealResponse(a.Response, outcomes[i].Endpoint)
		}
		sealed.Error = MaskURLs(a.Error)
		outcomes[i].Attempt = &sealed
	}
	return s.Lanes.Settle(ctx, outcomes, returns)
}

// Deliveries implements Log.
func (s *encryptedStore) Deliveries(ctx context.Context, q DeliveryQuery) ([]DeliveryRecord, error) {
	found, err := s.Log.Deliveries(ctx, q)
	for i := range found {
		d := &found[i]
		if len(d.Body) > 0 { // one that cannot be opened must not hide the others
			var sealed error
			if d.Body, sealed = s.keys.open(d.Body, bodyPlace(d.Account, d.Event)); sealed != nil {
				d.Body = nil
				s.unreadable(d.Endpoint, sealed)
			}
		}
		for j := range d.Attempts {
			d.Attempts[j].Response = s.keys.openResponse(d.Attempts[j].Response, d.Endpoint)
		}
	}
	if err != nil {
		return nil, err
	}
	return found, nil
}
