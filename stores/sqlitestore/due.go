package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/autoreach/webhook"
)

// Due implements [webhook.Lanes]. It reads one snapshot, beside whoever
// writes.
func (s *Store) Due(ctx context.Context, wants []webhook.Want) (out []webhook.Batch, err error) {
	if len(wants) == 0 {
		return nil, nil
	}
	err = s.peek(ctx, func(t *txn) error {
		a := asking{txn: t}
		for i := range wants {
			if err := a.due(&wants[i]); err != nil {
				return err
			}
		}
		err := a.fetch()
		out = a.out
		return err
	})
	if err != nil {
		return nil, failed("Due", err)
	}
	return out, nil
}

// An asking is the work of one Due.
type asking struct {
	*txn
	out    []webhook.Batch
	chosen []int64 // deliveries in the queue that are to be read, of all batches
	of     []int   // their batches
}

// due answers one want, unless the lane is not the caller's.
func (t *asking) due(w *webhook.Want) error {
	b := webhook.Batch{Hold: w.Hold}
	var lane, version int64
	var fifo, more bool
	var front string
	look := w.Max + len(w.Skip)
	if w.Max <= 0 || len(w.Exclude) > 0 {
		look = 0
	}
	found, err := t.get(`SELECT l.lane, l.mark, l.fifo, p.version,
		EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.lane = l.lane AND d.state = 0),
		coalesce((SELECT group_concat(id) FROM (SELECT id FROM webhook_queue q WHERE q.lane = l.lane ORDER BY id LIMIT ?+0)), '')
		FROM webhook_endpoints p CROSS JOIN webhook_lanes l ON l.lane = p.lane
		WHERE p.id = ? AND l.token = ? AND +l.held = 1 AND l.ready_at > ?`,
		[]any{look, w.Endpoint, w.Token, t.now}, &lane, &b.Mark, &fifo, &version, &more, &front)
	if err != nil || !found {
		return err
	}
	if version != w.Version {
		e, err := t.find(w.Endpoint)
		if err != nil {
			return err
		}
		b.Config = &e.Endpoint
	}
	if w.Count > 0 {
		if _, err := t.get(`SELECT count(*) FROM (SELECT 1 FROM webhook_queue WHERE lane = ?1
			UNION ALL SELECT 1 FROM webhook_deliveries WHERE lane = ?1 AND state = 0 LIMIT ?2+0)`,
			[]any{lane, w.Count}, &b.Pending); err != nil {
			return err
		}
	}
	switch {
	case w.Max <= 0:
	case fifo || more || len(w.Exclude) > 0:
		b.Deliveries, err = t.dueIn(lane, fifo, more, w)
	case front != "":
		err = t.choose(front, w)
	}
	t.out = append(t.out, b)
	return err
}

// choose takes what is wanted of the front of a lane's queue, a list of IDs.
func (t *asking) choose(front string, w *webhook.Want) error {
	var ids []int64
	for text := range strings.SplitSeq(front, ",") {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		if !slices.Contains(w.Skip, id) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids) // SQLite promises no order
	for _, id := range ids[:min(w.Max, len(ids))] {
		t.chosen, t.of = append(t.chosen, id), append(t.of, len(t.out))
	}
	return nil
}

// fetch reads what was chosen.
func (t *asking) fetch() error {
	if len(t.chosen) == 0 {
		return nil
	}
	list, err := json.Marshal(t.chosen)
	if err != nil {
		return err
	}
	read, _, err := t.handOut(fresh+`d.id IN (SELECT value FROM json_each(?))`, []any{string(list)})
	if err != nil {
		return err
	}
	byID := make(map[int64]*webhook.Delivery, len(read))
	for i := range read {
		byID[read[i].ID] = &read[i]
	}
	for i, id := range t.chosen {
		if d := byID[id]; d != nil {
			b := &t.out[t.of[i]]
			b.Deliveries = append(b.Deliveries, *d)
		}
	}
	return nil
}

// What is handed out of the queue, and of the deliveries that have been tried
// or are sent again.
const (
	fresh = `SELECT d.id, 0, 0, 0, 0, d.created_at, d.created_at, d.type,
	e.id, e.account, e.subject, e.occurred_at, e.body, e.body IS NOT NULL
	FROM webhook_queue d LEFT JOIN webhook_events e ON e.pk = d.event WHERE `
	waiting = `SELECT d.id, d.attempts, d.delay, d.gone, d.resend, d.created_at, d.due, d.type,
	e.id, e.account, e.subject, e.occurred_at, e.body, e.body IS NOT NULL
	FROM webhook_deliveries d LEFT JOIN webhook_events e ON e.pk = d.event WHERE `
)

// dueIn returns what is due in a lane: resends, and then the others. more says
// that some may not be in the queue.
func (t *txn) dueIn(lane int64, fifo, more bool, w *webhook.Want) ([]webhook.Delivery, error) {
	filter, others, err := leaveOut(w)
	if err != nil {
		return nil, err
	}
	args := append(append([]any{lane, t.now}, others...), w.Max)
	ofQueue := append(append([]any{lane}, others...), w.Max) // which is due
	var out []webhook.Delivery
	if more {
		out, _, err = t.handOut(waiting+`d.lane = ? AND d.state = 0 AND d.resend = 1 AND d.due <= ?`+filter+
			` ORDER BY d.due, d.id LIMIT ?+0`, args)
		if err != nil || len(out) >= w.Max {
			return out, err
		}
	}
	if fifo { // the head, and nothing else
		queued, tried, err := t.heads(lane)
		if err != nil {
			return nil, err
		}
		var head []webhook.Delivery
		if ofQueue[0], args[0] = queued, tried; queued < tried {
			head, _, err = t.handOut(fresh+`d.id = ?`+filter+` LIMIT ?+0`, ofQueue)
		} else {
			head, _, err = t.handOut(waiting+`d.id = ? AND d.due <= ?`+filter+` LIMIT ?+0`, args)
		}
		return append(out, head...), err
	}
	n := w.Max - len(out)
	args[len(args)-1], ofQueue[len(ofQueue)-1] = n, n
	queued, dues, err := t.handOut(fresh+`d.lane = ?`+filter+` ORDER BY d.id LIMIT ?+0`, ofQueue)
	if err != nil || !more {
		return append(out, queued...), err
	}
	tried, late, err := t.handOut(waiting+`d.lane = ? AND d.state = 0 AND d.resend = 0 AND d.due <= ?`+filter+
		` ORDER BY d.due, d.id LIMIT ?+0`, args)
	for ; n > 0 && len(queued)+len(tried) > 0; n-- {
		if len(tried) == 0 || len(queued) > 0 && (dues[0] < late[0] || dues[0] == late[0] && queued[0].ID < tried[0].ID) {
			out, queued, dues = append(out, queued[0]), queued[1:], dues[1:]
		} else {
			out, tried, late = append(out, tried[0]), tried[1:], late[1:]
		}
	}
	return out, err
}

// heads are the first deliveries of a lane beside resends, in the queue and out
// of it, or never.
func (t *txn) heads(lane int64) (queued, tried int64, err error) {
	queued, tried = never, never
	if _, err = t.get(`SELECT id FROM webhook_queue WHERE lane = ? ORDER BY id LIMIT 1`, []any{lane}, &queued); err == nil {
		_, err = t.get(`SELECT id FROM webhook_deliveries WHERE lane = ? AND state = 0 AND resend = 0 ORDER BY id LIMIT 1`, []any{lane}, &tried)
	}
	return queued, tried, err
}

// leaveOut is what a want leaves out.
func leaveOut(w *webhook.Want) (cond string, args []any, err error) {
	if len(w.Skip) > 0 {
		ids, err := json.Marshal(w.Skip)
		if err != nil {
			return "", nil, err
		}
		cond, args = ` AND d.id NOT IN (SELECT value FROM json_each(?))`, append(args, string(ids))
	}
	if len(w.Exclude) > 0 {
		cond += ` AND d.type NOT IN (?` + strings.Repeat(`, ?`, len(w.Exclude)-1) + `)`
		for _, x := range w.Exclude {
			args = append(args, x)
		}
	}
	return cond, args, nil
}

// handOut returns the deliveries that the query selects, and when they are due.
func (t *txn) handOut(query string, args []any) (out []webhook.Delivery, dues []int64, err error) {
	err = t.each(query, args, func(r row) error {
		var d webhook.Delivery
		var delay, created, due int64
		var kind string
		var id, account, subject sql.NullString
		var occurred sql.NullInt64
		var body []byte
		var readable bool
		if err := r.Scan(&d.ID, &d.Attempts, &delay, &d.Gone, &d.Resend, &created, &due, &kind,
			&id, &account, &subject, &occurred, &body, &readable); err != nil {
			return err
		}
		d.Delay, d.Age = time.Duration(delay), elapsed(max(0, t.now-created))
		if readable {
			d.Event = &webhook.EventRecord{ID: id.String, Account: account.String, Type: kind, Subject: subject.String,
				OccurredAt: time.UnixMicro(occurred.Int64).UTC(), Body: body}
		}
		out, dues = append(out, d), append(dues, due)
		return nil
	})
	return out, dues, err
}

// earliest is when the next delivery of a lane is due whose type is not
// excluded. In a FIFO lane the head alone counts, beside resends.
func (t *txn) earliest(lane int64, fifo bool, exclude []webhook.EventType) (int64, error) {
	first := never
	look := func(query string, args ...any) error {
		var due int64
		var kind string
		found, err := t.get(query, args, &due, &kind)
		if found && !slices.Contains(exclude, kind) {
			first = min(first, due)
		}
		return err
	}
	const queue = `SELECT created_at, type FROM webhook_queue WHERE `
	const from = `SELECT due, type FROM webhook_deliveries WHERE state = 0 AND lane = ? AND resend = `
	args, filter := []any{lane}, ``
	if len(exclude) > 0 {
		filter = ` AND type NOT IN (?` + strings.Repeat(`, ?`, len(exclude)-1) + `)`
		for _, x := range exclude {
			args = append(args, x)
		}
	}
	if err := look(from+`1`+filter+` ORDER BY due, id LIMIT 1`, args...); err != nil {
		return 0, err
	}
	if !fifo {
		err := look(queue+`lane = ?`+filter+` ORDER BY id LIMIT 1`, args...)
		if err == nil {
			err = look(from+`0`+filter+` ORDER BY due, id LIMIT 1`, args...)
		}
		return first, err
	}
	queued, tried, err := t.heads(lane)
	switch {
	case err != nil:
	case queued < tried:
		err = look(queue+`id = ?`, queued)
	case tried != never:
		err = look(`SELECT due, type FROM webhook_deliveries WHERE id = ?`, tried)
	}
	return first, err
}
