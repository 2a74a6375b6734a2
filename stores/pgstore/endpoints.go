package pgstore

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/autoreach/webhook"
)

// config is the part of an endpoint that no statement looks at, as it is
// stored. Secrets are stored as they come, so without encryption whoever can read
// the table can sign.
type config struct {
	Name           string            `json:"name"`
	URL            string            `json:"url"`
	Events         []string          `json:"events"`
	Format         string            `json:"format,omitempty"`
	Secret         string            `json:"secret,omitempty"`
	Headers        map[string]string `json:"headers,omitempty"`
	Timeout        time.Duration     `json:"timeout,omitempty"`
	MaxInFlight    int               `json:"max_in_flight,omitempty"`
	PerSecond      float64           `json:"per_second,omitempty"`
	OldSecret      string            `json:"old_secret,omitempty"`
	OldSecretUntil *time.Time        `json:"old_secret_until,omitempty"`
	SigningKey     string            `json:"signing_key,omitempty"`
}

func encodeConfig(e *webhook.Endpoint) (string, error) {
	c := config{
		Name: prose(e.Name), URL: e.URL, Events: e.Events, Format: e.Format, Secret: e.Secret.Reveal(), Headers: e.Headers, Timeout: e.Timeout,
		MaxInFlight: e.MaxInFlight, PerSecond: e.PerSecond, OldSecret: e.OldSecret.Reveal(),
		SigningKey: e.SigningKey.Reveal(),
	}
	if !e.OldSecretUntil.IsZero() {
		c.OldSecretUntil = &e.OldSecretUntil
	}
	b, err := json.Marshal(c)
	return string(b), err
}

// An endpointRow reads the columns of an endpoint, in the order that all
// statements have them in.
type endpointRow struct {
	e              webhook.Endpoint
	account, by    string
	reason, config string
	changedBy      string
}

func (r *endpointRow) dest() []any {
	return []any{&r.e.ID, &r.e.Version, &r.e.CreatedAt, &r.e.UpdatedAt, &r.e.Enabled, &r.e.FIFO, &r.account, &r.by, &r.reason, &r.changedBy, &r.config}
}

func (r *endpointRow) endpoint() (webhook.Endpoint, error) {
	var c config
	if err := json.Unmarshal([]byte(r.config), &c); err != nil {
		return webhook.Endpoint{}, fmt.Errorf("pgstore: the stored configuration of endpoint %s: %w", r.e.ID, err)
	}
	e := r.e
	e.Account, e.DisabledBy, e.DisabledReason = untext(r.account), webhook.DisabledBy(r.by), r.reason
	e.ChangedBy = untext(r.changedBy)
	e.Name, e.URL, e.Events, e.Format, e.Secret, e.Headers = c.Name, c.URL, c.Events, c.Format, webhook.Secret(c.Secret), c.Headers
	e.Timeout, e.MaxInFlight, e.PerSecond, e.OldSecret = c.Timeout, c.MaxInFlight, c.PerSecond, webhook.Secret(c.OldSecret)
	e.SigningKey = webhook.Secret(c.SigningKey)
	if c.OldSecretUntil != nil {
		e.OldSecretUntil = *c.OldSecretUntil
	}
	e.CreatedAt, e.UpdatedAt = e.CreatedAt.UTC(), e.UpdatedAt.UTC()
	return e, nil
}

// texts makes each string one that Postgres can hold.
func texts(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = text(s)
	}
	return out
}

func (s *Store) putEndpoint(ctx context.Context, x executor, e webhook.Endpoint, limit int) (webhook.Endpoint, error) {
	if !isID(e.ID) {
		if e.Version != 0 {
			return webhook.Endpoint{}, webhook.ErrNotFound
		}
		return webhook.Endpoint{}, fmt.Errorf("pgstore: the endpoint's ID %q is not a UUID", e.ID)
	}
	config, err := encodeConfig(&e)
	if err != nil {
		return webhook.Endpoint{}, fmt.Errorf("pgstore: encoding the endpoint %s: %w", e.ID, err)
	}
	if e.Version == 0 {
		return s.createEndpoint(ctx, x, e, config, limit)
	}
	found := false
	err = x.query(ctx, s.sql.get("update"), []any{
		e.ID, text(e.Account), e.Version, e.Enabled, e.FIFO, string(e.DisabledBy), prose(e.DisabledReason), text(e.ChangedBy), texts(e.Events), config,
	}, func(r scanner) error {
		found = true
		return r.Scan(&e.CreatedAt, &e.UpdatedAt)
	})
	switch {
	case err != nil:
		return webhook.Endpoint{}, err
	case found:
		e.Version++
		e.CreatedAt, e.UpdatedAt = e.CreatedAt.UTC(), e.UpdatedAt.UTC()
		return e, nil
	}
	stored, err := s.stored(ctx, x, e.ID)
	switch {
	case err != nil:
		return webhook.Endpoint{}, err
	case stored == nil || stored.Account != e.Account:
		return webhook.Endpoint{}, webhook.ErrNotFound
	}
	return webhook.Endpoint{}, webhook.ErrConflict
}

func (s *Store) createEndpoint(ctx context.Context, x executor, e webhook.Endpoint, config string, limit int) (webhook.Endpoint, error) {
	err := x.query(ctx, s.sql.get("createOne"), []any{text(e.Account)}, nil)
	if err != nil {
		return webhook.Endpoint{}, err
	}
	created := false
	err = x.query(ctx, s.sql.get("create"), []any{
		e.ID, text(e.Account), int64(limit), e.Enabled, e.FIFO, string(e.DisabledBy), prose(e.DisabledReason), text(e.ChangedBy), texts(e.Events), config,
	}, func(r scanner) error {
		created = true
		return r.Scan(&e.CreatedAt)
	})
	if err != nil {
		return webhook.Endpoint{}, err
	}
	if created {
		e.Version = 1
		e.CreatedAt = e.CreatedAt.UTC()
		e.UpdatedAt = e.CreatedAt
		return e, nil
	}
	stored, err := s.stored(ctx, x, e.ID)
	switch {
	case err != nil:
		return webhook.Endpoint{}, err
	case stored == nil:
		return webhook.Endpoint{}, webhook.ErrLimit
	case stored.Account == e.Account && stored.Version == 1:
		return *stored, nil
	}
	return webhook.Endpoint{}, webhook.ErrConflict
}

// stored returns the endpoint with that ID, of whatever account, or nil.
func (s *Store) stored(ctx context.Context, x executor, id string) (*webhook.Endpoint, error) {
	var found *webhook.Endpoint
	err := x.query(ctx, s.sql.get("endpoint"), []any{id}, func(r scanner) error {
		var row endpointRow
		if err := r.Scan(row.dest()...); err != nil {
			return err
		}
		e, err := row.endpoint()
		found = &e
		return err
	})
	return found, err
}

func (s *Store) deleteEndpoint(ctx context.Context, x executor, account, id string) error {
	n := 0
	if isID(id) {
		err := x.query(ctx, s.sql.get("delete"), []any{id, text(account)}, func(r scanner) error { return r.Scan(&n) })
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return webhook.ErrNotFound
	}
	return nil
}

// pageLimit is a query's limit within its bounds.
func pageLimit(n int) int {
	if n <= 0 {
		return 100
	}
	return min(n, 1000)
}

func (s *Store) endpoints(ctx context.Context, x executor, q webhook.EndpointQuery) ([]webhook.EndpointRecord, error) {
	if q.ID != "" && !isID(q.ID) || q.After != "" && !isID(q.After) {
		return nil, nil
	}
	var out []webhook.EndpointRecord
	var lanes []int64
	err := x.query(ctx, s.sql.get("endpoints"), []any{text(q.Account), q.ID, text(q.Type), q.After, pageLimit(q.Limit)}, func(r scanner) error {
		var row endpointRow
		var h healthRow
		var lane int64
		var pending int
		var missed bool
		dest := append(row.dest(), &lane, &pending)
		dest = append(dest, h.dest()...)
		if err := r.Scan(append(dest, &h.Undelivered, &h.LastReason, &missed)...); err != nil {
			return err
		}
		e, err := row.endpoint()
		if err != nil {
			return err
		}
		if missed {
			h.LastReason = webhook.ReasonMissed.Sentence(0)
		}
		out = append(out, webhook.EndpointRecord{Endpoint: e, Health: h.health(), Pending: pending})
		lanes = append(lanes, lane)
		return nil
	})
	if err != nil || q.Hours <= 0 || len(out) == 0 {
		return out, err
	}
	index := make(map[int64]int, len(lanes))
	for i, l := range lanes {
		index[l] = i
	}
	err = x.query(ctx, s.sql.get("hours"), []any{lanes, min(q.Hours, maxHours)}, func(r scanner) error {
		var lane int64
		var h webhook.Hour
		if err := r.Scan(&lane, &h.Start, &h.Delivered, &h.Failed, &h.Latency); err != nil {
			return err
		}
		h.Start = h.Start.UTC()
		rec := &out[index[lane]]
		rec.Hours = append(rec.Hours, h)
		return nil
	})
	return out, err
}

// maxHours is how many hours of counters are kept.
const maxHours = 168

// A healthRow reads the columns of a health that all statements have in
// common.
type healthRow struct {
	webhook.Health
	last         string
	event        *string
	at, next, to *time.Time
}

func (h *healthRow) dest() []any {
	return []any{&h.last, &h.at, &h.event, &h.Attempt, &h.next, &h.Status, &h.Class, &h.Error, &h.Response, &h.InError, &h.Reason, &h.to}
}

func (h *healthRow) health() webhook.Health {
	out := h.Health
	out.Last = webhook.LastState(h.last)
	out.At, out.NextAt, out.FailingSince = utc(h.at), utc(h.next), utc(h.to)
	if h.event != nil {
		out.EventID = *h.event
	}
	return out
}

// utc is the zero time for no time.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// orNull is no time for the zero one.
func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
