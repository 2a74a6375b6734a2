package webhook

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"
)

// ListDeliveries returns one page of the log, newest first. A query without an
// account is an [*InvalidError], here and in all calls that answer for many.
func (d *Dispatcher) ListDeliveries(ctx context.Context, q DeliveryQuery) ([]DeliveryRecord, error) {
	if err := ofAccount(q.Account); err != nil {
		return nil, err
	}
	return d.store.Deliveries(ctx, q)
}

// Deliveries goes through all matching deliveries, newest first; q.Limit is how
// many it reads at a time.
func (d *Dispatcher) Deliveries(ctx context.Context, q DeliveryQuery) iter.Seq2[DeliveryRecord, error] {
	return func(yield func(DeliveryRecord, error) bool) {
		for {
			page, err := d.ListDeliveries(ctx, q)
			if err != nil {
				yield(DeliveryRecord{}, err)
				return
			}
			for _, r := range page {
				if !yield(r, nil) {
					return
				}
				q.Before = r.ID
			}
			if len(page) < pageLimit(q.Limit) {
				return
			}
		}
	}
}

// Delivery returns one delivery with its attempts and its payload.
func (d *Dispatcher) Delivery(ctx context.Context, account string, id int64) (DeliveryRecord, error) {
	found, err := d.store.Deliveries(ctx, DeliveryQuery{Account: account, IDs: []int64{id}, Body: true, Limit: 1})
	if err != nil {
		return DeliveryRecord{}, err
	}
	if len(found) == 0 {
		return DeliveryRecord{}, fmt.Errorf("%w: delivery %d", ErrNotFound, id)
	}
	return found[0], nil
}

// Resend sends a finished delivery again, delivered or dead: once, with the
// same webhook-id and bytes, signed anew. It returns the ID of the new
// delivery. It is [ErrDisabled] for an endpoint that is disabled,
// [ErrNotFound] if there is no such delivery or its payload was purged, and
// [ErrConflict] while the delivery, or its last resend, is still waiting.
//
// An endpoint that is being left alone, because it asked for it or fails all
// the time, gets the resend when that is over.
func (d *Dispatcher) Resend(ctx context.Context, account string, id int64) (int64, error) {
	op := newID()
	n, err := d.store.Resend(ctx, account, id, op)
	if err != nil && !isRefusal(err) && ctx.Err() == nil {
		n, err = d.store.Resend(ctx, account, id, op) // the outcome is unknown
	}
	switch {
	case errors.Is(err, ErrConflict):
		return 0, fmt.Errorf("%w: delivery %d, or what it was sent again as, still waits", err, id)
	case err != nil:
		return 0, fmt.Errorf("%w: delivery %d", err, id)
	}
	d.wake(1)
	return n, nil
}

// Recover makes what an endpoint did not get pending again, with all retries:
// deliveries that were emitted from since until until, died, and were neither
// resent nor dismissed, and events that it missed after the engine had
// disabled it. A zero since means from the beginning, a zero until now.
//
// It takes at most limit of them (0 means 100; at most 1,000), oldest first,
// and returns how many. To recover all, call it until that is 0, each time
// with the same until, so that what dies again meanwhile is not taken again.
// It is [ErrDisabled] for an endpoint that is disabled.
func (d *Dispatcher) Recover(ctx context.Context, account, endpoint string, since, until time.Time, limit int) (int, error) {
	if err := ofAccount(account); err != nil {
		return 0, err
	}
	n, err := d.store.Recover(ctx, DeliveryQuery{Account: account, Endpoint: endpoint, Since: since, Until: until, Limit: limit})
	if n > 0 {
		d.wake(n)
	}
	return n, err
}

// Dismiss gives deliveries up: matching ones that wait are dead, discarded,
// and matching dead ones leave the undelivered count. It takes at most
// q.Limit of them and returns how many: call it again while that is not 0.
// Set q.States to choose one kind.
func (d *Dispatcher) Dismiss(ctx context.Context, q DeliveryQuery) (int, error) {
	if err := ofAccount(q.Account); err != nil {
		return 0, err
	}
	return d.store.Dismiss(ctx, q)
}

// Purge makes deliveries dead that have waited for longer than
// [Options.ExpireAfter], and forgets what is past [Options.BodyRetention] and
// [Options.LogRetention]: at most limit of each kind, which is 1 to 1,000; 0
// means 100. It returns how many.
// Run does this by itself every minute.
func (d *Dispatcher) Purge(ctx context.Context, limit int) (int, error) {
	return d.store.Purge(ctx, Ages{
		Pending: d.options.ExpireAfter, Bodies: d.options.BodyRetention, Log: d.options.LogRetention,
	}, pageLimit(limit))
}

// Erase forgets all about an account or a data subject, at once and for good:
// see [Erasure]. It takes at most limit events, 1 to 1,000 (0 means 100), and
// returns how many: call it again while that is not 0.
func (d *Dispatcher) Erase(ctx context.Context, e Erasure, limit int) (int, error) {
	if e.Account == "" && e.Subject == "" {
		return 0, &InvalidError{Fields: []FieldError{{Field: "account", Code: "required",
			Message: "is empty, and so is subject; say whose data is to be erased"}}}
	}
	n, err := d.store.Erase(ctx, e, pageLimit(limit))
	if e.Subject == "" {
		d.forget(func(x Endpoint) bool { return x.Account == e.Account })
	}
	return n, err
}
