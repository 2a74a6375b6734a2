package pgstore

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

const (
	sweepBatch = 2000 // wakes that one statement takes
	sweepMax   = 5    // statements in one Claim
)

// Claim implements [webhook.Lanes].
func (s *Store) Claim(ctx context.Context, max int, lease time.Duration) (claims []webhook.Claim, next time.Duration, err error) {
	more := false
	for range sweepMax {
		swept, left := 0, time.Duration(0)
		var got []webhook.Claim
		err = s.delivering(ctx, s.pool, func(t *txn) error {
			swept, left, got = 0, s.poll, nil
			t.value(&swept, "sweep", sweepBatch)
			t.rows(func(r pgx.CollectableRow) error {
				c, err := scanClaim(r)
				got = append(got, c)
				return err
			}, "claim", max-len(claims), micros(lease))
			t.rows(func(r pgx.CollectableRow) error {
				var us int64
				err := r.Scan(&us)
				left = min(left, time.Duration(us)*time.Microsecond)
				return err
			}, "next")
			return nil
		})
		if err != nil {
			if len(claims) > 0 { // those of the round before are ours
				return claims, 0, nil
			}
			return nil, 0, err
		}
		claims, next = append(claims, got...), left
		// Those that were ready for longest may still be among the wakes; but
		// what was claimed is worth more than another look.
		if more = swept == sweepBatch; !more || len(claims) == max {
			break
		}
	}
	if more || next < 0 {
		next = 0
	}
	return claims, next, nil
}

// sweep takes all wakes that there are, and claims nothing.
func (s *Store) sweep(ctx context.Context) error {
	for swept := sweepBatch; swept == sweepBatch; {
		err := s.delivering(ctx, s.pool, func(t *txn) error {
			swept = 0
			t.value(&swept, "sweep", sweepBatch)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func scanClaim(r pgx.CollectableRow) (c webhook.Claim, err error) {
	var row endpointRow
	var failing int64
	if err := r.Scan(append(row.dest(), &c.Token, &c.Pace, &failing, &c.DeadInRow)...); err != nil {
		return c, err
	}
	c.Config, err = row.endpoint()
	c.Endpoint = c.Config.ID
	c.FailingFor = time.Duration(failing) * time.Microsecond
	return c, err
}

// micros is a duration in the database's unit, never shorter than it was.
func micros(d time.Duration) int64 {
	return int64((d + time.Microsecond - 1) / time.Microsecond)
}

// Extend implements [webhook.Lanes].
func (s *Store) Extend(ctx context.Context, holds []webhook.Hold, lease time.Duration) (lost []webhook.Hold, err error) {
	ids, tokens := split(holds, func(h webhook.Hold) webhook.Hold { return h })
	if len(ids) == 0 {
		return nil, nil
	}
	pool, err := s.renewals(ctx)
	if err != nil {
		return nil, err
	}
	kept := make([]bool, len(holds))
	err = s.delivering(ctx, pool, func(t *txn) error {
		clear(kept)
		t.rows(func(r pgx.CollectableRow) error {
			var o int
			err := r.Scan(&o)
			kept[o-1] = true
			return err
		}, "extend", ids, tokens, micros(lease))
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, h := range holds {
		if !kept[i] {
			lost = append(lost, h)
		}
	}
	return lost, nil
}

// nobody is an ID that no endpoint has, in the place of what is not an ID.
const nobody = "00000000-0000-0000-0000-000000000000"

// split makes columns of the holds of items.
func split[T any](items []T, hold func(T) webhook.Hold) (ids uuids, tokens []int64) {
	ids, tokens = make(uuids, 0, len(items)), make([]int64, 0, len(items))
	for _, x := range items {
		h := hold(x)
		if !isID(h.Endpoint) {
			h.Endpoint = nobody
		}
		ids.add(h.Endpoint)
		tokens = append(tokens, h.Token)
	}
	return ids, tokens
}

// typeList is a list of types as statements want it.
func typeList(types []webhook.EventType) string {
	if len(types) == 0 {
		return "{}"
	}
	return array(texts(types), quoted)
}

// Due implements [webhook.Lanes].
func (s *Store) Due(ctx context.Context, wants []webhook.Want) (out []webhook.Batch, err error) {
	if len(wants) == 0 {
		return nil, nil
	}
	ids, tokens := split(wants, func(w webhook.Want) webhook.Hold { return w.Hold })
	var most, counts []int32
	var versions []int64
	var excludes, skips []string
	for _, w := range wants {
		most, counts = append(most, int32(max(w.Max, 0))), append(counts, int32(max(w.Count, 0)))
		versions, excludes = append(versions, w.Version), append(excludes, typeList(w.Exclude))
		skips = append(skips, array(w.Skip, decimal))
	}
	var changed []int // indexes of out
	err = s.delivering(ctx, s.pool, func(t *txn) error {
		out, changed = nil, nil
		var d dueRow
		dest, last := d.dest(), 0
		t.rows(func(r pgx.CollectableRow) error {
			if err := r.Scan(dest...); err != nil {
				return err
			}
			if d.o != last {
				last = d.o
				if d.changed {
					changed = append(changed, len(out))
				}
				out = append(out, webhook.Batch{Hold: wants[d.o-1].Hold, Mark: d.mark, Pending: d.pending})
			}
			if d.id != 0 {
				b := &out[len(out)-1]
				b.Deliveries = append(b.Deliveries, d.delivery())
			}
			return nil
		}, "due", ids, tokens, most, versions, counts, excludes, skips)
		return nil
	})
	if err == nil && len(changed) > 0 {
		out, err = s.configs(ctx, out, changed)
	}
	if err != nil {
		return nil, err
	}
	return slices.Clip(out), nil
}

// configs fills in the endpoints of those batches whose caller knows another
// version. One that was disabled or deleted at this moment has no batch.
func (s *Store) configs(ctx context.Context, out []webhook.Batch, indexes []int) ([]webhook.Batch, error) {
	ids, tokens := split(indexes, func(i int) webhook.Hold { return out[i].Hold })
	err := s.delivering(ctx, s.pool, func(t *txn) error {
		t.rows(func(r pgx.CollectableRow) error {
			var row endpointRow
			var o int
			if err := r.Scan(append([]any{&o}, row.dest()...)...); err != nil {
				return err
			}
			e, err := row.endpoint()
			out[indexes[o-1]].Config = &e
			return err
		}, "dueConfig", ids, tokens)
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept := out[:0]
	for i, b := range out {
		if len(indexes) > 0 && indexes[0] == i {
			if indexes = indexes[1:]; b.Config == nil {
				continue
			}
		}
		kept = append(kept, b)
	}
	return kept, nil
}

// A dueRow is a delivery that is due, or a lane without one: id is 0 then.
type dueRow struct {
	o, pending int
	mark       int64
	changed    bool

	id, delay, age     int64
	attempts           int
	gone, resend       bool
	event              *string
	typ                string
	evAccount, subject string
	occurred           time.Time
	body               []byte // nil if the event is gone, or its body
}

func (d *dueRow) dest() []any {
	return []any{&d.o, &d.mark, &d.pending, &d.changed, &d.id, &d.attempts, &d.delay, &d.gone, &d.resend, &d.age, &d.event, &d.typ,
		&d.evAccount, &d.occurred, &d.subject, &d.body}
}

func (d *dueRow) delivery() webhook.Delivery {
	out := webhook.Delivery{
		ID: d.id, Attempts: d.attempts, Delay: time.Duration(d.delay), Gone: d.gone, Resend: d.resend,
		Age: time.Duration(d.age) * time.Microsecond,
	}
	if d.body != nil {
		out.Event = &webhook.EventRecord{
			ID: *d.event, Account: untext(d.evAccount), Type: untext(d.typ), OccurredAt: d.occurred.UTC(), Subject: untext(d.subject), Body: d.body,
		}
	}
	return out
}
