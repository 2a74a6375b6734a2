package sqlitestore

import (
	"bytes"
	"time"

	"github.com/autoreach/webhook"
)

// health is a row of webhook_health. Its response is written, and read for
// people, but not loaded with a lane.
type health struct {
	last                   string
	at                     int64
	event                  string
	attempt                int
	nextAt                 int64
	status                 int
	class, err             string
	response               []byte
	inError                bool
	reason                 string
	since                  int64
	deadInRow, undelivered int
	lastReason             string
}

// healthColumns are what health reads for people.
const healthColumns = `h.last, h.at, h.event, h.attempt, h.next_at, h.status, h.class, h.error, h.response,
	h.in_error, h.reason, h.failing_since, h.undelivered, h.last_reason`

func (h *health) fields() []any {
	return []any{&h.last, &h.at, &h.event, &h.attempt, &h.nextAt, &h.status, &h.class, &h.err, &h.response,
		&h.inError, &h.reason, &h.since, &h.undelivered, &h.lastReason}
}

func (h *health) public() webhook.Health {
	return webhook.Health{
		Last: webhook.LastState(h.last), At: at(h.at), EventID: h.event, Attempt: h.attempt, NextAt: at(h.nextAt),
		Status: h.status, Class: h.class, Error: h.err, Response: h.response,
		InError: h.inError, Reason: h.reason, FailingSince: at(h.since),
		Undelivered: h.undelivered, LastReason: h.lastReason,
	}
}

// A lane is what a Settle knows of one, as it was before.
type lane struct {
	id         int64
	endpoint   string
	account    string
	version    int64
	enabled    bool
	held, fifo bool
	token      int64
	health     health
	touched    bool  // health is to be written
	shown      int64 // the delivery whose attempt health shows now; 0 if it is the stored one
	hour       webhook.Hour
	wake       bool
}

// lane loads one; nil if there is none.
func (t *txn) lane(endpoint string) (*lane, error) {
	l := lane{endpoint: endpoint}
	h := &l.health
	found, err := t.get(`SELECT l.lane, p.account, p.version, p.enabled, l.held, l.fifo, l.token,
		h.in_error, h.reason, h.failing_since, h.dead_in_row, h.undelivered, h.last_reason
		FROM webhook_endpoints p CROSS JOIN webhook_lanes l ON l.lane = p.lane CROSS JOIN webhook_health h ON h.lane = p.lane WHERE p.id = ?`,
		[]any{endpoint}, &l.id, &l.account, &l.version, &l.enabled, &l.held, &l.fifo, &l.token,
		&h.inError, &h.reason, &h.since, &h.deadInRow, &h.undelivered, &h.lastReason)
	if err != nil || !found {
		return nil, err
	}
	return &l, nil
}

// save writes what a Settle changed, apart from the lane's own row.
func (t *txn) save(l *lane) error {
	h := &l.health
	if l.touched {
		if _, err := t.exec(`UPDATE webhook_health SET in_error = ?, reason = ?, failing_since = ?, dead_in_row = ?, undelivered = ?,
			last_reason = ? WHERE lane = ?`, bit(h.inError), h.reason, h.since, h.deadInRow, h.undelivered, h.lastReason, l.id); err != nil {
			return err
		}
	}
	if l.shown != 0 {
		if _, err := t.exec(`UPDATE webhook_health SET last = ?, at = ?, event = coalesce((SELECT id FROM webhook_events WHERE pk =
			coalesce((SELECT event FROM webhook_delivered WHERE id = ?), (SELECT event FROM webhook_deliveries WHERE id = ?))), ''), attempt = ?, next_at = ?, status = ?, class = ?, error = ?, response = ? WHERE lane = ?`,
			h.last, h.at, l.shown, l.shown, h.attempt, h.nextAt, h.status, h.class, h.err, h.response, l.id); err != nil {
			return err
		}
	}
	if l.hour.Delivered+l.hour.Failed > 0 {
		if _, err := t.exec(`INSERT INTO webhook_hours (lane, hour, delivered, failed, latency) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (lane, hour) DO UPDATE SET delivered = delivered + excluded.delivered, failed = failed + excluded.failed,
			latency = latency + excluded.latency`,
			l.id, hour(t.now), l.hour.Delivered, l.hour.Failed, int64(l.hour.Latency)); err != nil {
			return err
		}
	}
	return nil
}

// hour is the number of a full hour.
func hour(us int64) int64 { return us / time.Hour.Microseconds() }

// maxHours is how many hours of counters are kept.
const maxHours = 168

// hours returns the counters of the last n hours.
func (t *txn) hours(lane int64, n int) ([]webhook.Hour, error) {
	var out []webhook.Hour
	err := t.each(`SELECT hour, delivered, failed, latency FROM webhook_hours WHERE lane = ? AND hour > ? ORDER BY hour`,
		[]any{lane, hour(t.now) - int64(min(n, maxHours))}, func(r row) error {
			var start, latency int64
			var h webhook.Hour
			err := r.Scan(&start, &h.Delivered, &h.Failed, &latency)
			h.Start, h.Latency = time.Unix(start*3600, 0).UTC(), time.Duration(latency)
			out = append(out, h)
			return err
		})
	return out, err
}

// attempted shows a finished attempt. It says whether it is the first failure
// after a success.
func (l *lane) attempted(d *delivery, a *webhook.Attempt, last webhook.LastState, now int64) (turned bool) {
	if a == nil {
		return false
	}
	h := &l.health
	l.shown = d.id
	h.last, h.at, h.attempt = string(last), now, d.attempts
	h.status, h.class, h.err, h.nextAt = a.Status, a.Class, a.Error, 0
	h.response = excerpt(a.Response)
	if last == webhook.LastRetrying {
		h.nextAt = d.due
	}
	if last != webhook.LastDelivered && h.since == 0 {
		h.since, l.touched = now, true
		return true
	}
	return false
}

// excerpt is what health keeps of a response: up to 1 KiB of whole characters.
func excerpt(b []byte) []byte {
	if len(b) > 1024 {
		b = bytes.ToValidUTF8(b[:1024], nil)
	}
	return b
}

// failing sets the error status and says whether it is new.
func (l *lane) failing(reason string) (turned bool) {
	h := &l.health
	turned = !h.inError
	h.inError, h.reason, l.touched = true, reason, true
	return turned
}
