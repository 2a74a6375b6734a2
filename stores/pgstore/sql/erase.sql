-- name: eraseEndpoints
-- How many it found, and how many nobody else had erased meanwhile.
WITH f AS MATERIALIZED (
  SELECT e.id FROM webhook.endpoints e WHERE e.account = $1 ORDER BY e.id LIMIT $2
), d AS (
  DELETE FROM webhook.endpoints WHERE id IN (SELECT f.id FROM f) RETURNING lane
), w AS (
  INSERT INTO webhook.wakes (lane, at) SELECT lane, clock_timestamp() FROM d
), g AS (
  INSERT INTO webhook.graves (lane) SELECT lane FROM d
)
SELECT (SELECT count(*) FROM f), (SELECT count(*) FROM d);

-- name: findErased
SELECT e.id FROM webhook.events e
WHERE ($2::text <> '' AND e.subject = $2::text AND ($1::text = '' OR e.account = $1::text)) OR ($2::text = '' AND e.account = $1::text)
LIMIT $3;

-- name: erasedRows
SELECT x.lane, x.id FROM webhook.events v
CROSS JOIN LATERAL (SELECT e.lane FROM webhook.endpoints e WHERE e.account = v.account OFFSET 0) e
CROSS JOIN LATERAL (
  SELECT q.lane, q.id FROM webhook.queue q WHERE q.lane = e.lane AND q.id BETWEEN v.first_id AND v.last_id AND q.event_id = v.id
  UNION ALL
  SELECT g.lane, g.id FROM webhook.log g WHERE g.lane = e.lane AND g.id BETWEEN v.first_id AND v.last_id AND g.event_id = v.id
  OFFSET 0) x WHERE v.id = ANY ($1::uuid[])
UNION
SELECT q.lane, q.id FROM webhook.queue q WHERE q.event_id = ANY ($1::uuid[]) AND q.of_id IS NOT NULL
UNION
SELECT g.lane, g.id FROM webhook.log g WHERE g.event_id = ANY ($1::uuid[]) AND g.of_id IS NOT NULL;

-- name: lockEvents
SELECT id FROM webhook.events WHERE id = ANY ($1::uuid[]) ORDER BY id FOR UPDATE;

-- name: eraseQueue
WITH q AS (
  DELETE FROM webhook.queue q USING unnest($1::bigint[], $2::bigint[]) x (lane, id) WHERE q.lane = x.lane AND q.id = x.id RETURNING q.lane, q.id
), a AS (
  DELETE FROM webhook.attempts a USING q WHERE a.lane = q.lane AND a.id = q.id
)
INSERT INTO webhook.wakes (lane, at)
SELECT f.lane, clock_timestamp() FROM (SELECT DISTINCT q.lane FROM q JOIN webhook.endpoints e ON e.lane = q.lane AND e.fifo) f;

-- name: eraseHealth
UPDATE webhook.health h SET response = NULL WHERE h.lane = ANY ($1::bigint[]) AND h.event_id = ANY ($2::uuid[]);

-- name: eraseEvents
DELETE FROM webhook.events WHERE id = ANY ($1::uuid[]);

-- name: eraseKeys
DELETE FROM webhook.keys WHERE account = $1;

-- name: eraseAccount
DELETE FROM webhook.accounts WHERE account = $1;
