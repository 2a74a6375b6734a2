package sqlitestore

import (
	"context"
	"database/sql"
	"encoding/json"
	"slices"
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
		for i := range wants {
			b, err := t.due(&wants[i])
			if err != nil {
				return err
			}
			if b != nil {
				out = append(out, *b)
			}
		}
		return nil
	})
	if err != nil {
		return nil, failed("Due", err)
	}
	return out, nil
}

// due answers one want, or returns nil if the lane is not the caller's.
func (t *txn) due(w *webhook.Want) (*webhook.Batch, error) {
	b := webhook.Batch{Hold: w.Hold}
	var lane, version int64
	var fifo bool
	found, err := t.get(`SELECT l.lane, l.mark, l.fifo, p.version FROM webhook_endpoints p CROSS JOIN webhook_lanes l ON l.lane = p.lane
		WHERE p.id = ? AND l.token = ? AND +l.held = 1 AND l.ready_at > ?`,
		[]any{w.Endpoint, w.Token, t.now}, &lane, &b.Mark, &fifo, &version)
	if err != nil || !found {
		return nil, err
	}
	if version != w.Version {
		e, err := t.find(w.Endpoint)
		if err != nil {
			return nil, err
		}
		b.Config = &e.Endpoint
	}
	if w.Count > 0 {
		if _, err := t.get(`SELECT count(*) FROM (SELECT 1 FROM webhook_deliveries WHERE lane = ? AND state = 0 LIMIT ?+0)`,
			[]any{lane, w.Count}, &b.Pending); err != nil {
			return nil, err
		}
	}
	if w.Max <= 0 {
		return &b, nil
	}
	b.Deliveries, err = t.dueIn(lane, fifo, w)
	return &b, err
}

// waiting are the columns of the deliveries that may be handed out.
const waiting = `SELECT d.id, d.attempts, d.delay, d.gone, d.resend, d.created_at, d.due, d.type,
	e.id, e.account, e.subject, e.occurred_at, e.body, e.body IS NOT NULL
	FROM webhook_deliveries d LEFT JOIN webhook_events e ON e.pk = d.event WHERE `

// dueIn returns what is due in a lane: resends, and then the others.
func (t *txn) dueIn(lane int64, fifo bool, w *webhook.Want) ([]webhook.Delivery, error) {
	filter, more, err := leaveOut(w)
	if err != nil {
		return nil, err
	}
	args := append(append([]any{lane, t.now}, more...), w.Max)
	out, err := t.handOut(waiting+`d.lane = ? AND d.state = 0 AND d.resend = 1 AND d.due <= ?`+filter+
		` ORDER BY d.due, d.id LIMIT ?+0`, args, nil)
	if err != nil || len(out) >= w.Max {
		return out, err
	}
	if fifo { // the head, and nothing else
		return t.handOut(waiting+`d.id = (SELECT id FROM webhook_deliveries WHERE lane = ? AND state = 0 AND resend = 0 ORDER BY id LIMIT 1)
			AND d.due <= ?`+filter+` LIMIT ?+0`, args, out)
	}
	args[len(args)-1] = w.Max - len(out)
	return t.handOut(waiting+`d.lane = ? AND d.state = 0 AND d.resend = 0 AND d.due <= ?`+filter+
		` ORDER BY d.due, d.id LIMIT ?+0`, args, out)
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

// handOut appends the deliveries that the query selects.
func (t *txn) handOut(query string, args []any, to []webhook.Delivery) ([]webhook.Delivery, error) {
	err := t.each(query, args, func(r row) error {
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
		to = append(to, d)
		return nil
	})
	return to, err
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
	const from = `SELECT due, type FROM webhook_deliveries WHERE state = 0 AND lane = ? AND resend = `
	args, filter := []any{lane}, ``
	if len(exclude) > 0 {
		filter = ` AND type NOT IN (?` + strings.Repeat(`, ?`, len(exclude)-1) + `)`
		for _, x := range exclude {
			args = append(args, x)
		}
	}
	err := look(from+`1`+filter+` ORDER BY due, id LIMIT 1`, args...)
	switch {
	case err != nil:
	case fifo:
		err = look(from+`0 ORDER BY id LIMIT 1`, lane)
	default:
		err = look(from+`0`+filter+` ORDER BY due, id LIMIT 1`, args...)
	}
	return first, err
}
