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
type walk struct {
	table string
	cond  string // beside the lane; may be empty
	state int64
}

var (
	walkQueue       = walk{`webhook_queue`, ``, pending}
	walkPending     = walk{`webhook_deliveries`, ` AND d.state = 0`, pending}
	walkAtOnce      = walk{`webhook_delivered`, ``, delivered}
	walkDelivered   = walk{`webhook_deliveries`, ` AND d.state = 1`, delivered}
	walkDead        = walk{`webhook_deliveries`, ` AND d.state = 2`, dead}
	walkUndelivered = walk{`webhook_deliveries`, ` AND d.undelivered = 1`, dead}
)

var everything = []walk{walkQueue, walkPending, walkAtOnce, walkDelivered, walkDead}

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
	if q.Undelivered {
		all = []walk{walkUndelivered}
	}
	return slices.DeleteFunc(slices.Clone(all), func(w walk) bool {
		return len(q.States) > 0 && !slices.Contains(q.States, states[w.state])
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
			ids, err := t.list(`SELECT d.id FROM `+w.table+` d WHERE d.lane = ?`+w.cond+f.sql.String()+order,
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
	ids := q.IDs
	if q.Event != "" {
		of, err := t.deliveriesOf(q.Account, q.Event)
		if err != nil {
			return nil, err
		}
		if len(ids) > 0 {
			of = slices.DeleteFunc(of, func(id int64) bool { return !slices.Contains(ids, id) })
		}
		ids = of
	}
	list, err := json.Marshal(ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	f.and(`p.account = ?`, q.Account)
	if q.Endpoint != "" {
		f.and(`p.id = ?`, q.Endpoint)
	}
	var found []int64
	for _, w := range on {
		cond := strings.Replace(w.cond, `d.`, `+d.`, 1) // by ID, whatever other indexes there are
		more, err := t.list(`SELECT d.id FROM `+w.table+` d CROSS JOIN webhook_endpoints p ON p.lane = d.lane
			WHERE d.id IN (SELECT value FROM json_each(?))`+cond+f.sql.String(), append([]any{string(list)}, f.args...)...)
		if err != nil {
			return nil, err
		}
		found = append(found, more...)
	}
	return firstOf(found, newest, limit), nil
}

// deliveriesOf returns what deliveries an event has or had.
func (t *txn) deliveriesOf(account, event string) ([]int64, error) {
	var pk, span int64
	found, err := t.get(`SELECT pk, span FROM webhook_events WHERE account = ? AND id = ?`, []any{account, event}, &pk, &span)
	if err != nil || !found {
		return nil, err
	}
	ids, err := t.list(`SELECT id FROM webhook_deliveries WHERE event = ? AND of <> 0`, pk) // sent again
	for id := pk + 1; id <= pk+span; id++ {
		ids = append(ids, id)
	}
	return ids, err
}

// lanesOf returns the account's lanes, or the one of an endpoint.
func (t *txn) lanesOf(account, endpoint string) ([]int64, error) {
	if endpoint != "" {
		return t.list(`SELECT lane FROM webhook_endpoints WHERE account = ? AND id = ?`, account, endpoint)
	}
	return t.list(`SELECT lane FROM webhook_endpoints WHERE account = ? ORDER BY id`, account)
}

// records reads deliveries with their attempts, in the order of the IDs.
func (t *txn) records(ids []int64, body bool) ([]webhook.DeliveryRecord, error) {
	list, err := json.Marshal(ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	found := make(map[int64]*webhook.DeliveryRecord, len(ids))
	// What the tables for what goes well do not have is the same for all in them.
	for _, from := range []struct{ table, columns string }{
		{`webhook_deliveries`, `d.finished_at, d.state, d.reason, d.due, d.resend, d.of, d.resent_as, d.undelivered`},
		{`webhook_queue`, `NULL, 0, '', d.created_at, 0, 0, 0, 0`},
		{`webhook_delivered`, `d.finished_at, 1, '', 0, 0, 0, 0, 0`},
	} {
		columns := from.columns + `, NULL`
		if body {
			columns = from.columns + `, e.body`
		}
		err := t.each(`SELECT d.id, p.account, p.id, coalesce(e.id, ''), d.type, coalesce(e.occurred_at, 0), d.created_at, `+columns+`
			FROM `+from.table+` d CROSS JOIN webhook_endpoints p ON p.lane = d.lane LEFT JOIN webhook_events e ON e.pk = d.event
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
		if err != nil {
			return nil, err
		}
	}
	err = t.attempts(string(list), found)
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
	for _, from := range []string{
		`SELECT delivery, n, at, took, result, status, class, error, response FROM webhook_attempts
			WHERE delivery IN (SELECT value FROM json_each(?)) ORDER BY delivery, seq`,
		`SELECT id, 1, finished_at, took, 'delivered', status, '', '', response FROM webhook_delivered
			WHERE id IN (SELECT value FROM json_each(?))`,
	} {
		if err := t.each(from, []any{ids}, func(r row) error {
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
		}); err != nil {
			return err
		}
	}
	return nil
}
