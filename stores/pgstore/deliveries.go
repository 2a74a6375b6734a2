package pgstore

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/autoreach/webhook"
)

// A search composes the statement for a DeliveryQuery: for each endpoint that
// it can concern, what matches in the queue and in the log by their primary
// keys, and the best of all of them.
type search struct {
	q     webhook.DeliveryQuery
	args  []any
	conds []string // on x.id, x.event_id, x.created_at
	table string   // schema with a dot
}

func (s *Store) search(q webhook.DeliveryQuery) *search {
	return &search{q: q, table: s.schema}
}

// arg adds an argument and returns its name.
func (b *search) arg(value any, typ string) string {
	b.args = append(b.args, value)
	return fmt.Sprintf("$%d::%s", len(b.args), typ)
}

// on adds a condition.
func (b *search) on(format string, args ...any) {
	b.conds = append(b.conds, fmt.Sprintf(format, args...))
}

// has says whether deliveries of that state can match.
func (b *search) has(s webhook.State) bool {
	return (len(b.q.States) == 0 || slices.Contains(b.q.States, s)) && (!b.q.Undelivered || s == webhook.StateDead)
}

const (
	queueColumns = "x.id, x.event_id, x.created_at, NULL::timestamptz AS finished_at, 1::smallint AS state, NULL::text AS reason, x.due_at, " +
		"x.resend, x.of_id, NULL::bigint AS resent_as, false AS undelivered, NULL::int AS n, NULL::int AS seq, NULL::bigint AS took, " +
		"NULL::int AS status, NULL::text AS class, NULL::text AS error, NULL::bytea AS response"
	logColumns = "x.id, x.event_id, x.created_at, x.finished_at, x.state, x.reason, NULL::timestamptz, " +
		"x.resend, x.of_id, x.resent_as, x.undelivered, x.n, x.seq, x.took, x.status, x.class, x.error, x.response"
)

// compose returns the statement. head and tail are its select list with what
// is joined to a delivery x of an endpoint p; onQueue and onLog are further
// conditions, "false" to leave that part out.
func (b *search) compose(head, tail, order string, onQueue, onLog, onEndpoint string) (string, []any) {
	q := &b.q
	b.args = nil
	endpoint := "p.account = " + b.arg(text(q.Account), "text")
	if q.Endpoint != "" {
		endpoint += " AND p.id = " + b.arg(q.Endpoint, "uuid")
	}
	if onEndpoint != "" {
		endpoint += " AND " + onEndpoint
	}
	if q.Before != 0 {
		b.on("x.id < %s", b.arg(q.Before, "bigint"))
	}
	source := b.table + "%s x"
	if q.IDs != nil { // each by the whole key: the planner might read the lane
		source = "(SELECT DISTINCT unnest(" + b.arg(q.IDs, "bigint[]") + ") AS id) i CROSS JOIN LATERAL (SELECT * FROM " +
			source + " WHERE x.lane = p.lane AND x.id = i.id OFFSET 0) x"
	}
	if !q.Since.IsZero() {
		b.on("x.created_at >= %s", b.arg(q.Since, "timestamptz"))
	}
	if !q.Until.IsZero() {
		b.on("x.created_at < %s", b.arg(q.Until, "timestamptz"))
	}
	limit := b.arg(pageLimit(q.Limit), "int")
	queue, log := slices.Clone(b.conds), slices.Clone(b.conds)
	if q.Type != "" {
		typ := b.arg(text(q.Type), "text")
		queue = append(queue, "x.type = "+typ)
		log = append(log, fmt.Sprintf("EXISTS (SELECT FROM %sevents v WHERE v.id = x.event_id AND v.type = %s OFFSET 0)", b.table, typ))
	}
	if q.Undelivered {
		log = append(log, "x.undelivered")
	}
	delivered, dead := b.has(webhook.StateDelivered), b.has(webhook.StateDead)
	if delivered != dead && !q.Undelivered { // which are dead anyway, and have an index of their own
		log = append(log, fmt.Sprintf("x.state = %d", map[bool]int16{true: stateDelivered, false: stateDead}[delivered]))
	}
	var parts []string
	part := func(columns, table string, conds []string, extra string, in bool) {
		if !in || extra == "false" {
			return
		}
		if extra != "" {
			conds = append(conds, extra)
		}
		conds = append(conds, "x.lane = p.lane")
		parts = append(parts, fmt.Sprintf("(SELECT %s FROM %s WHERE %s ORDER BY x.id %s LIMIT %s)",
			columns, fmt.Sprintf(source, table), strings.Join(conds, " AND "), order, limit))
	}
	part(queueColumns, "queue", queue, onQueue, b.has(webhook.StatePending))
	part(logColumns, "log", log, onLog, delivered || dead)
	if len(parts) == 0 {
		return "", nil
	}
	return fmt.Sprintf("SELECT %s FROM %sendpoints p CROSS JOIN LATERAL (%s) x %s WHERE %s ORDER BY x.id %s LIMIT %s",
		head, b.table, strings.Join(parts, " UNION ALL "), tail, endpoint, order, limit), b.args
}

// joinEvents finds the event of each delivery by its ID, whatever the planner
// thinks of reading all of them.
func (s *Store) joinEvents() string {
	return "LEFT JOIN LATERAL (SELECT * FROM " + s.schema + "events v WHERE v.id = x.event_id OFFSET 0) v ON true"
}

// narrow replaces an event in the query by the IDs of its deliveries. It says
// whether anything can match.
func (s *Store) narrow(t *txn, q *webhook.DeliveryQuery) (bool, error) {
	if q.Endpoint != "" && !isID(q.Endpoint) || q.Event != "" && !isID(q.Event) {
		return false, nil
	}
	if len(q.IDs) == 0 {
		q.IDs = nil
	}
	if q.Event == "" {
		return true, nil
	}
	ids := []int64{}
	t.rows(func(r pgx.CollectableRow) error {
		var lane, id int64
		if err := r.Scan(&lane, &id); err != nil {
			return err
		}
		if q.IDs == nil || slices.Contains(q.IDs, id) {
			ids = append(ids, id)
		}
		return nil
	}, "erasedRows", []string{q.Event})
	err := t.send()
	q.IDs = ids
	return len(ids) > 0, err
}

// Deliveries implements [webhook.Log].
func (s *Store) Deliveries(ctx context.Context, q webhook.DeliveryQuery) (out []webhook.DeliveryRecord, err error) {
	query := q
	err = s.own(ctx, s.readPool, func(t *txn) error {
		q, out = query, nil
		if ok, err := s.narrow(t, &q); err != nil || !ok {
			return err
		}
		body := "NULL::bytea"
		if q.Body {
			body = "v.body"
		}
		sql, args := s.search(q).compose("p.lane, p.id, x.*, coalesce(v.type, ''), v.occurred_at, "+body,
			s.joinEvents(), "DESC", "", "", "")
		if sql == "" {
			return nil
		}
		var lanes, ids []int64
		var last []*attempt
		t.text(func(r pgx.CollectableRow) error {
			d, lane, a, err := scanRecord(r)
			d.Account = q.Account
			out, lanes, ids, last = append(out, d), append(lanes, lane), append(ids, d.ID), append(last, a)
			return err
		}, sql, args...)
		if err := t.send(); err != nil || len(out) == 0 {
			return err
		}
		return histories(t, out, lanes, ids, last)
	})
	return out, err
}

// scanRecord reads a delivery and the attempt that ended it.
func scanRecord(r pgx.CollectableRow) (d webhook.DeliveryRecord, lane int64, last *attempt, err error) {
	var state int16
	var finished, due, occurred *time.Time
	var reason, class, words *string
	var of, as, took *int64
	var n, seq, status *int
	var response []byte
	err = r.Scan(&lane, &d.Endpoint, &d.ID, &d.Event, &d.CreatedAt, &finished, &state, &reason, &due, &d.Resend, &of, &as, &d.Undelivered,
		&n, &seq, &took, &status, &class, &words, &response, &d.Type, &occurred, &d.Body)
	if err != nil {
		return d, 0, nil, err
	}
	d.CreatedAt, d.FinishedAt, d.NextAt, d.OccurredAt, d.Type = d.CreatedAt.UTC(), utc(finished), utc(due), utc(occurred), untext(d.Type)
	d.Of, d.ResentAs = or(of), or(as)
	d.Reason = webhook.Reason(or(reason))
	d.State = map[int16]webhook.State{statePending: webhook.StatePending, stateDelivered: webhook.StateDelivered, stateDead: webhook.StateDead}[state]
	if n != nil {
		last = &attempt{Attempt: webhook.Attempt{N: *n, At: d.FinishedAt, Took: time.Duration(or(took)), Result: webhook.ResultFailed,
			Status: or(status), Class: or(class), Error: or(words), Response: response}, seq: or(seq)}
		if state == stateDelivered {
			last.Result = webhook.ResultDelivered
		}
	}
	return d, lane, last, nil
}

// or is the zero value for nothing.
func or[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// histories fills in the attempts, in the order in which they were recorded.
func histories(t *txn, out []webhook.DeliveryRecord, lanes, ids []int64, last []*attempt) error {
	all := map[int64][]attempt{}
	for i, a := range last {
		if a != nil {
			all[ids[i]] = append(all[ids[i]], *a)
		}
	}
	t.rows(func(r pgx.CollectableRow) error {
		var id int64
		var a attempt
		var result string
		err := r.Scan(&id, &a.N, &a.At, &a.seq, &a.Took, &result, &a.Status, &a.Class, &a.Error, &a.Response)
		a.At, a.Result = a.At.UTC(), webhook.Result(result)
		all[id] = append(all[id], a)
		return err
	}, "attempts", lanes, ids)
	if err := t.send(); err != nil {
		return err
	}
	for i := range out {
		as := all[out[i].ID]
		slices.SortStableFunc(as, func(a, b attempt) int {
			if c := a.At.Compare(b.At); c != 0 {
				return c
			}
			return a.seq - b.seq
		})
		out[i].Attempts = nil
		for _, a := range as {
			out[i].Attempts = append(out[i].Attempts, a.Attempt)
		}
	}
	return nil
}
