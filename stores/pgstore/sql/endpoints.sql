-- name: createOne
-- The first of two statements of a create: it makes the creates of an account
-- follow each other, so that the second one counts in a snapshot that has all
-- of them. It is a real update: under REPEATABLE READ a concurrent create is a
-- serialization failure and not an old count.
INSERT INTO webhook.accounts (account, creates) VALUES ($1, 1)
ON CONFLICT (account) DO UPDATE SET creates = accounts.creates + 1;

-- name: create
-- A token begins above those of every lane before it: a holder of a deleted
-- endpoint's lane holds nothing when the same ID is created again.
WITH n AS (
  INSERT INTO webhook.endpoints (id, lane, version, created_at, updated_at, enabled, fifo, account,
    disabled_by, disabled_reason, changed_by, events, config)
  SELECT $1::uuid, nextval('webhook.lane_id'), 1, t.at, t.at, $4::bool, $5::bool, $2::text, $6::text, $7::text,
    $8::text, $9::text[], $10::json
  FROM (SELECT clock_timestamp() AS at OFFSET 0) t
  WHERE (SELECT count(*) FROM webhook.endpoints e WHERE e.account = $2::text) < $3::bigint
  ON CONFLICT (id) DO NOTHING
  RETURNING lane, created_at
), l AS (
  INSERT INTO webhook.lanes (lane, token) SELECT lane, lane << 32 FROM n
), h AS (
  INSERT INTO webhook.health (lane) SELECT lane FROM n
)
SELECT created_at FROM n;

-- name: update
-- Touches no lane: a caller's transaction may stay open for long.
WITH u AS (
  UPDATE webhook.endpoints SET version = version + 1, stops = stops + CASE WHEN enabled AND NOT $4::bool THEN 1 ELSE 0 END,
    updated_at = clock_timestamp(), enabled = $4::bool, fifo = $5::bool, disabled_by = $6::text, disabled_reason = $7::text,
    changed_by = $8::text, events = $9::text[], config = $10::json
  WHERE id = $1::uuid AND account = $2::text AND version = $3::bigint
  RETURNING lane, created_at, updated_at
), w AS (
  INSERT INTO webhook.wakes (lane, at) SELECT lane, updated_at FROM u
)
SELECT created_at, updated_at FROM u;

-- name: delete
WITH d AS (
  DELETE FROM webhook.endpoints WHERE id = $1::uuid AND account = $2::text RETURNING lane
), w AS (
  INSERT INTO webhook.wakes (lane, at) SELECT lane, clock_timestamp() FROM d
), g AS (
  INSERT INTO webhook.graves (lane) SELECT lane FROM d
)
SELECT count(*) FROM d;

-- name: endpoint
SELECT e.id, e.version, e.created_at, e.updated_at, e.enabled, e.fifo, e.account, e.disabled_by, e.disabled_reason, e.changed_by, e.config::text
FROM webhook.endpoints e WHERE e.id = $1::uuid;

-- name: endpoints
SELECT e.id, e.version, e.created_at, e.updated_at, e.enabled, e.fifo, e.account, e.disabled_by, e.disabled_reason, e.changed_by, e.config::text,
  e.lane,
  (SELECT count(*) FROM (SELECT FROM webhook.queue q WHERE q.lane = e.lane ORDER BY q.id LIMIT 10000) q),
  h.last, h.at, h.event_id, h.attempt, h.next_at, h.status, h.class, h.error, h.response, h.in_error, h.reason, h.failing_since,
  h.undelivered + coalesce(m.n, 0), CASE WHEN m.at > coalesce(h.reason_at, '-infinity') THEN '' ELSE h.last_reason END,
  coalesce(m.at > coalesce(h.reason_at, '-infinity'), false)
FROM webhook.endpoints e
JOIN webhook.health h ON h.lane = e.lane
LEFT JOIN LATERAL (SELECT sum(m.n)::bigint AS n, max(m.at) AS at FROM webhook.missed m WHERE m.lane = e.lane) m ON true
WHERE e.account = $1::text AND ($2::text = '' OR e.id = nullif($2::text, '')::uuid)
  AND ($3::text = '' OR (e.enabled OR e.disabled_by = 'engine') AND $3::text = ANY (e.events))
  AND e.id > coalesce(nullif($4::text, '')::uuid, '00000000-0000-0000-0000-000000000000')
ORDER BY e.id
LIMIT $5::int;

-- name: hours
SELECT lane, hour, delivered, failed, latency FROM webhook.hours
WHERE lane = ANY ($1::bigint[]) AND hour >= date_trunc('hour', now(), 'UTC') - ($2::int - 1) * interval '1 hour'
ORDER BY lane, hour;
