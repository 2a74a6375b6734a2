package sqlitestore

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// Deliveries implements [webhook.Log].
func (s *Store) Deliveries(ctx context.Context, q webhook.DeliveryQuery) (out []webhook.DeliveryRecord, err error) {
	err = s.view(ctx, func(t *txn) error {
		ids, err := t.matching(q, true, everything)
		if err == nil {
			out, err = t.records(ids, q.Body)
		}
		return err
	})
	if err != nil {
		return nil, failed("Deliveries", err)
	}
	return out, nil
}

// A walk is a part of a lane's log that an index holds in the order of IDs.
type walk string

const (
	walkPending     walk = `d.state = 0`
	walkDelivered   walk = `d.state = 1`
	walkDead        walk = `d.state = 2`
	walkUndelivered walk = `d.undelivered = 1`
)

var everything = []walk{walkPending, walkDelivered, walkDead}

// A filter is a condition with its arguments.
type filter struct {
	sql  strings.Builder
	args []any
}

func (f *filter) and(cond string, args ...any) {
	f.sql.WriteString(` AND ` + cond)
	f.args = append(f.args, args...)
}

// filter is the part of a query that is no walk.
func (t *txn) filter(q *webhook.DeliveryQuery) *filter {
	var f filter
	if q.Type != "" {
		f.and(`d.type = ?`, q.Type)
	}
	if !q.Since.IsZero() {
		f.and(`d.created_at >= ?`, ceil(q.Since))
	}
	if !q.Until.IsZero() {
		f.and(`d.created_at < ?`, ceil(q.Until))
	}
	if q.Before != 0 {
		f.and(`d.id < ?`, q.Before)
	}
	if q.Undelivered {
		f.and(`+d.undelivered = 1`)
	}
	return &f
}

// ceil is the first microsecond that is not before the time.
func ceil(u time.Time) int64 {
	us := u.UnixMicro()
	if u.After(time.UnixMicro(us)) {
		us++
	}
	return us
}

// walks leaves those out that the query cannot match.
func walks(q *webhook.DeliveryQuery, all []walk) []walk {
	if q.Undelivered && !slices.Contains(all, walkUndelivered) {
		all = append(slices.Clone(all), walkUndelivered)
	}
	return slices.DeleteFunc(slices.Clone(all), func(w walk) bool {
		if w == walkUndelivered {
			return len(q.States) > 0 && !slices.Contains(q.States, webhook.StateDead)
		}
		if q.Undelivered {
			return true
		}
		i := slices.Index(everything, w)
		return len(q.States) > 0 && !slices.Contains(q.States, states[i])
	})
}

// matching returns the IDs of deliveries that match the query and lie on one
// of the walks, newest or oldest first, at most q.Limit.
func (t *txn) matching(q webhook.DeliveryQuery, newest bool, on []walk, more ...string) ([]int64, error) {
	limit := pageLimit(q.Limit)
	on = walks(&q, on)
	f := t.filter(&q)
	for _, cond := range more {
		f.and(cond)
	}
	if len(on) == 0 {
		return nil, nil
	}
	if len(q.IDs) > 0 || q.Event != "" {
		return t.named(&q, newest, on, f, limit)
	}
	lanes, err := t.lanesOf(q.Account, q.Endpoint)
	if err != nil {
		return nil, err
	}
	order := ` ORDER BY d.id LIMIT ?+0`
	if newest {
		order = ` ORDER BY d.id DESC LIMIT ?+0`
	}
	var found []int64
	for _, lane := range lanes {
		for _, w := range on {
			ids, err := t.list(`SELECT d.id FROM webhook_deliveries d WHERE d.lane = ? AND `+string(w)+f.sql.String()+order,
				append(append([]any{lane}, f.args...), limit)...)
			if err != nil {
				return nil, err
			}
			found = firstOf(append(found, ids...), newest, limit)
		}
	}
	return found, nil
}

// firstOf sorts the IDs and keeps the first ones.
func firstOf(ids []int64, newest bool, limit int) []int64 {
	slices.SortFunc(ids, func(a, b int64) int {
		if newest {
			a, b = b, a
		}
		return cmp.Compare(a, b)
	})
	ids = slices.Compact(ids)
	return ids[:min(limit, len(ids))]
}

// named is matching for a query that names deliveries or their event.
func (t *txn) named(q *webhook.DeliveryQuery, newest bool, on []walk, f *filter, limit int) ([]int64, error) {
	parts := make([]string, len(on))
	for i, w := range on {
		parts[i] = `+` + string(w) // by ID or event, whatever other indexes there are
	}
	f.and(`(` + strings.Join(parts, ` OR `) + `) AND p.account = ?`)
	f.args = append(f.args, q.Account)
	if q.Endpoint != "" {
		f.and(`p.id = ?`, q.Endpoint)
	}
	by, arg := `d.event = (SELECT pk FROM webhook_events WHERE id = ?)`, any(q.Event)
	if len(q.IDs) > 0 {
		ids, err := json.Marshal(q.IDs)
		if err != nil {
			return nil, err
		}
		if q.Event != "" {
			f.and(`+`+by, q.Event)
		}
		by, arg = `d.id IN (SELECT value FROM json_each(?))`, string(ids)
	}
	ids, err := t.list(`SELECT d.id FROM webhook_deliveries d CROSS JOIN webhook_endpoints p ON p.lane = d.lane WHERE `+by+
		f.sql.String(), append([]any{arg}, f.args...)...)
	return firstOf(ids, newest, limit), err
}

// lanesOf returns the account's lanes, or the one of an endpoint.
func (t *txn) lanesOf(account, endpoint string) ([]int64, error) {
	if endpoint != "" {
		return t.list(`SELECT lane FROM webhook_endpoints WHERE account = ? AND id = ?`, account, endpoint)
	}
	return t.list(`SELECT lane FROM webhook_endpoints WHERE account = ? ORDER BY lane`, account)
}

// records reads deliveries with their attempts, in the order of the IDs.
func (t *txn) records(ids []int64, body bool) ([]webhook.DeliveryRecord, error) {
	list, err := json.Marshal(ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	bodyColumn := `NULL`
	if body {
		bodyColumn = `e.body`
	}
	found := make(map[int64]*webhook.DeliveryRecord, len(ids))
	err = t.each(`SELECT d.id, p.account, p.id, coalesce(e.id, ''), d.type, coalesce(e.occurred_at, 0), d.created_at, d.finished_at,
		d.state, d.reason, d.due, d.resend, d.of, d.resent_as, d.undelivered, `+bodyColumn+`
		FROM webhook_deliveries d CROSS JOIN webhook_endpoints p ON p.lane = d.lane LEFT JOIN webhook_events e ON e.pk = d.event
		WHERE d.id IN (SELECT value FROM json_each(?))`, []any{string(list)}, func(rows row) error {
		var r webhook.DeliveryRecord
		var occurred, created, state, due int64
		var finished sql.NullInt64
		if err := rows.Scan(&r.ID, &r.Account, &r.Endpoint, &r.Event, &r.Type, &occurred, &created, &finished,
			&state, &r.Reason, &due, &r.Resend, &r.Of, &r.ResentAs, &r.Undelivered, &r.Body); err != nil {
			return err
		}
		r.OccurredAt, r.CreatedAt, r.FinishedAt = time.UnixMicro(occurred).UTC(), at(created), at(finished.Int64)
		r.State = states[state]
		if state == pending {
			r.NextAt = at(due)
		}
		found[r.ID] = &r
		return nil
	})
	if err == nil {
		err = t.attempts(string(list), found)
	}
	out := make([]webhook.DeliveryRecord, 0, len(ids))
	for _, id := range ids {
		if r := found[id]; r != nil {
			out = append(out, *r)
		}
	}
	return out, err
}

// attempts fills in the histories.
func (t *txn) attempts(ids string, of map[int64]*webhook.DeliveryRecord) error {
	return t.each(`SELECT delivery, n, at, took, result, status, class, error, response FROM webhook_attempts
		WHERE delivery IN (SELECT value FROM json_each(?)) ORDER BY delivery, seq`, []any{ids}, func(r row) error {
		var id, when, took int64
		var a webhook.Attempt
		if err := r.Scan(&id, &a.N, &when, &took, &a.Result, &a.Status, &a.Class, &a.Error, &a.Response); err != nil {
			return err
		}
		a.At, a.Took = at(when), time.Duration(took)
		if d := of[id]; d != nil {
			d.Attempts = append(d.Attempts, a)
		}
		return nil
	})
}
