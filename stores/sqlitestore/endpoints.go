package sqlitestore

import (
	"context"

	"github.com/autoreach/webhook"
)

// PutEndpoint implements [webhook.Tx].
func (s *Store) PutEndpoint(ctx context.Context, e webhook.Endpoint, limit int) (out webhook.Endpoint, err error) {
	err = s.update(ctx, func(t *txn) error { out, err = t.putEndpoint(e, limit); return err })
	return out, failed("PutEndpoint", err)
}

// DeleteEndpoint implements [webhook.Tx].
func (s *Store) DeleteEndpoint(ctx context.Context, account, id string) error {
	return failed("DeleteEndpoint", s.update(ctx, func(t *txn) error { return t.deleteEndpoint(account, id) }))
}

// Endpoints implements [webhook.Tx].
func (s *Store) Endpoints(ctx context.Context, q webhook.EndpointQuery) (out []webhook.EndpointRecord, err error) {
	err = s.view(ctx, func(t *txn) error { out, err = t.endpoints(q); return err })
	return out, failed("Endpoints", err)
}

// endpointColumns are what storedEndpoint reads.
const endpointColumns = `p.lane, p.id, p.account, p.version, p.enabled, p.disabled_by, p.disabled_reason, p.changed_by, p.config, p.created_at, p.updated_at`

// storedEndpoint reads an endpoint out of a row.
type storedEndpoint struct {
	webhook.Endpoint
	lane             int64
	config           []byte
	created, updated int64
}

func (e *storedEndpoint) fields() []any {
	return []any{&e.lane, &e.ID, &e.Account, &e.Version, &e.Enabled, &e.DisabledBy, &e.DisabledReason, &e.ChangedBy, &e.config, &e.created, &e.updated}
}

// decode makes the endpoint of what was read.
func (e *storedEndpoint) decode() error {
	e.CreatedAt, e.UpdatedAt = at(e.created), at(e.updated)
	return unseal(&e.Endpoint, e.config)
}

// find reads an endpoint by its ID, whosever it is.
func (t *txn) find(id string) (*storedEndpoint, error) {
	var e storedEndpoint
	found, err := t.get(`SELECT `+endpointColumns+` FROM webhook_endpoints p WHERE p.id = ?`, []any{id}, e.fields()...)
	if err != nil || !found {
		return nil, err
	}
	return &e, e.decode()
}

func (t *txn) putEndpoint(e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	old, err := t.find(e.ID)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	if e.Version == 0 {
		return t.createEndpoint(old, e, limit)
	}
	if old == nil || old.Account != e.Account {
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	if old.Version != e.Version {
		return webhook.Endpoint{}, webhook.ErrConflict
	}
	sealed, err := seal(&e)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	e.Version++
	if _, err := t.exec(`UPDATE webhook_endpoints
		SET version = ?, enabled = ?, disabled_by = ?, disabled_reason = ?, changed_by = ?, config = ?, updated_at = ? WHERE lane = ?`,
		e.Version, bit(e.Enabled), string(e.DisabledBy), e.DisabledReason, e.ChangedBy, sealed, t.now, old.lane); err != nil {
		return webhook.Endpoint{}, err
	}
	if err := t.subscribe(e.Account, old.lane, old.Events, e.Events); err != nil {
		return webhook.Endpoint{}, err
	}
	if _, err := t.exec(`UPDATE webhook_lanes SET disabled = ?, fifo = ? WHERE lane = ?`, bit(!e.Enabled), bit(e.FIFO), old.lane); err != nil {
		return webhook.Endpoint{}, err
	}
	if old.Enabled && !e.Enabled {
		err = t.stop(old.lane)
	} else {
		err = t.wake(old.lane)
	}
	e.CreatedAt, e.UpdatedAt = old.CreatedAt, at(t.now)
	return e, err
}

func (t *txn) createEndpoint(old *storedEndpoint, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	if old != nil {
		if old.Account == e.Account && old.Version == 1 {
			return old.Endpoint, nil
		}
		return webhook.Endpoint{}, webhook.ErrConflict
	}
	var n int64
	if _, err := t.get(`SELECT count(*) FROM webhook_endpoints WHERE account = ?`, []any{e.Account}, &n); err != nil {
		return webhook.Endpoint{}, err
	}
	if n >= int64(limit) {
		return webhook.Endpoint{}, webhook.ErrLimit
	}
	sealed, err := seal(&e)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	lane, err := t.insert(`INSERT INTO webhook_endpoints
		(id, account, version, enabled, disabled_by, disabled_reason, changed_by, config, created_at, updated_at) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?)`,
		e.ID, e.Account, bit(e.Enabled), string(e.DisabledBy), e.DisabledReason, e.ChangedBy, sealed, t.now, t.now)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	if err := t.subscribe(e.Account, lane, nil, e.Events); err != nil {
		return webhook.Endpoint{}, err
	}
	// Lanes' numbers are never used again, so neither are their tokens.
	if _, err := t.exec(`INSERT INTO webhook_lanes (lane, disabled, fifo, token) VALUES (?, ?, ?, ?)`,
		lane, bit(!e.Enabled), bit(e.FIFO), lane<<32); err != nil {
		return webhook.Endpoint{}, err
	}
	if _, err := t.exec(`INSERT INTO webhook_health (lane) VALUES (?)`, lane); err != nil {
		return webhook.Endpoint{}, err
	}
	e.Version, e.CreatedAt, e.UpdatedAt = 1, at(t.now), at(t.now)
	return e, nil
}

// subscribe replaces the types that a lane gets.
func (t *txn) subscribe(account string, lane int64, old, types []webhook.EventType) error {
	for _, x := range old {
		if _, err := t.exec(`DELETE FROM webhook_subscriptions WHERE account = ? AND type = ? AND lane = ?`, account, x, lane); err != nil {
			return err
		}
	}
	for _, x := range types {
		if _, err := t.exec(`INSERT OR IGNORE INTO webhook_subscriptions (account, type, lane) VALUES (?, ?, ?)`, account, x, lane); err != nil {
			return err
		}
	}
	return nil
}

func (t *txn) deleteEndpoint(account, id string) error {
	e, err := t.find(id)
	if err != nil {
		return err
	}
	if e == nil || e.Account != account {
		return webhook.ErrNotFound
	}
	return t.drop(e)
}

// drop removes an endpoint. Its deliveries and counters are then out of
// reach, and left to Purge.
func (t *txn) drop(e *storedEndpoint) error {
	if err := t.subscribe(e.Account, e.lane, e.Events, nil); err != nil {
		return err
	}
	if _, err := t.exec(`INSERT INTO webhook_deleted (lane, account) VALUES (?, ?)`, e.lane, e.Account); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM webhook_endpoints WHERE lane = ?`,
		`DELETE FROM webhook_lanes WHERE lane = ?`,
		`DELETE FROM webhook_health WHERE lane = ?`,
	} {
		if _, err := t.exec(q, e.lane); err != nil {
			return err
		}
	}
	return nil
}

// endpoints reads a page.
func (t *txn) endpoints(q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	query := `SELECT ` + endpointColumns + `, ` + healthColumns + `,
		(SELECT count(*) FROM (SELECT 1 FROM webhook_queue d WHERE d.lane = p.lane
			UNION ALL SELECT 1 FROM webhook_deliveries d WHERE d.lane = p.lane AND d.state = 0 LIMIT 10000))
		FROM webhook_endpoints p CROSS JOIN webhook_health h ON h.lane = p.lane WHERE p.account = ?`
	args := []any{q.Account}
	if q.ID != "" {
		query, args = query+` AND p.id = ?`, append(args, q.ID)
	}
	if q.Type != "" {
		query += ` AND (p.enabled = 1 OR p.disabled_by = 'engine') AND EXISTS (
			SELECT 1 FROM webhook_subscriptions s WHERE s.account = p.account AND s.type = ? AND s.lane = p.lane)`
		args = append(args, q.Type)
	}
	if q.After != "" {
		query, args = query+` AND p.id > ?`, append(args, q.After)
	}
	var out []webhook.EndpointRecord
	var lanes []int64
	err := t.each(query+` ORDER BY p.id LIMIT ?+0`, append(args, pageLimit(q.Limit)), func(r row) error {
		var e storedEndpoint
		var h health
		var pending int
		if err := r.Scan(append(append(e.fields(), h.fields()...), &pending)...); err != nil {
			return err
		}
		lanes = append(lanes, e.lane)
		err := e.decode()
		out = append(out, webhook.EndpointRecord{Endpoint: e.Endpoint, Health: h.public(), Pending: pending})
		return err
	})
	for i := range out {
		if err == nil && q.Hours > 0 {
			out[i].Hours, err = t.hours(lanes[i], q.Hours)
		}
	}
	return out, err
}

// pageLimit is a query's limit within its bounds.
func pageLimit(n int) int {
	if n <= 0 {
		return 100
	}
	return min(n, 1000)
}

func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
