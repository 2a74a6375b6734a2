-- name: lockLanes
-- The health of these lanes, in order: before what is in them is changed.
SELECT lane FROM webhook.health WHERE lane = ANY ($1::bigint[]) ORDER BY lane FOR NO KEY UPDATE;

-- name: laneOf
SELECT e.lane, e.enabled FROM webhook.endpoints e WHERE e.id = $1::uuid AND e.account = $2::text;

-- name: findFinished
-- The lane that a finished or pending delivery of the account is in.
SELECT e.lane FROM webhook.endpoints e WHERE e.account = $1::text AND (
  EXISTS (SELECT FROM webhook.log g WHERE g.lane = e.lane AND g.id = $2::bigint OFFSET 0) OR
  EXISTS (SELECT FROM webhook.queue q WHERE q.lane = e.lane AND q.id = $2::bigint OFFSET 0));

-- name: resendState
-- What a resend is judged by, under the lock.
SELECT e.enabled, q.id IS NOT NULL,
  (SELECT min(x.id) FROM (
    SELECT x.id FROM webhook.queue x WHERE x.lane = e.lane AND x.event_id = g.event_id AND x.of_id = g.id AND x.resend AND coalesce(x.op, '') = $3::text
    UNION ALL
    SELECT x.id FROM webhook.log x WHERE x.lane = e.lane AND x.event_id = g.event_id AND x.of_id = g.id AND x.resend AND coalesce(x.op, '') = $3::text
  ) x),
  EXISTS (SELECT FROM webhook.queue x WHERE x.lane = e.lane AND x.id = g.resent_as OFFSET 0),
  EXISTS (SELECT FROM webhook.events v WHERE v.id = g.event_id AND v.body IS NOT NULL OFFSET 0)
FROM webhook.endpoints e
LEFT JOIN webhook.log g ON g.lane = e.lane AND g.id = $2::bigint
LEFT JOIN webhook.queue q ON q.lane = e.lane AND q.id = $2::bigint
WHERE e.lane = $1::bigint AND (g.id IS NOT NULL OR q.id IS NOT NULL);

-- name: again
-- New deliveries of finished ones ($1 lanes, $2 IDs), as resends ($3) of an
-- operation ($4) or recoveries. The events are locked against Purge.
WITH o AS MATERIALIZED (
  SELECT g.lane, g.id, g.event_id, g.undelivered, g.moot OR g.state = 2 AS moot
  FROM unnest($1::bigint[], $2::bigint[]) x (lane, id) JOIN webhook.log g ON g.lane = x.lane AND g.id = x.id
  JOIN webhook.endpoints e ON e.lane = g.lane AND e.enabled
  WHERE $3::bool OR g.undelivered
), v AS MATERIALIZED (
  SELECT id, type FROM webhook.events WHERE id = ANY (ARRAY(SELECT event_id FROM o)) AND body IS NOT NULL ORDER BY id FOR KEY SHARE
), f AS MATERIALIZED (
  SELECT s.*, nextval('webhook.delivery_id') AS nid FROM (SELECT o.*, v.type FROM o JOIN v ON v.id = o.event_id ORDER BY o.id) s
), t AS MATERIALIZED (
  SELECT clock_timestamp() AS at
), q AS (
  INSERT INTO webhook.queue (lane, id, due_at, created_at, event_id, of_id, resend, moot, type, op)
  SELECT f.lane, f.nid, t.at, t.at, f.event_id, f.id, $3::bool, f.moot, f.type, nullif($4::text, '') FROM f CROSS JOIN t ORDER BY f.nid
), g AS (
  UPDATE webhook.log g SET resent_as = f.nid, undelivered = false FROM f WHERE g.lane = f.lane AND g.id = f.id
), h AS (
  UPDATE webhook.health h SET undelivered = h.undelivered - s.n
  FROM (SELECT lane, count(*) AS n FROM f WHERE undelivered GROUP BY lane) s WHERE s.lane = h.lane
), w AS (
  INSERT INTO webhook.wakes (lane, at) SELECT DISTINCT f.lane, t.at FROM f CROSS JOIN t
)
SELECT nid FROM f ORDER BY nid;

-- name: dismiss
-- Pending ones end as discarded, undelivered ones leave the count. In a FIFO
-- lane the next one may have come to the head.
WITH x AS MATERIALIZED (
  SELECT x.lane, x.id, e.fifo FROM unnest($1::bigint[], $2::bigint[]) x (lane, id) JOIN webhook.endpoints e ON e.lane = x.lane
), q AS (
  DELETE FROM webhook.queue q USING x WHERE q.lane = x.lane AND q.id = x.id RETURNING q.*, x.fifo
), l AS (
  INSERT INTO webhook.log (lane, id, created_at, finished_at, event_id, of_id, attempts, state, resend, moot, undelivered, gone, reason, op)
  SELECT lane, id, created_at, clock_timestamp(), event_id, of_id, attempts, 3, resend, moot, false, gone, 'discarded', op FROM q
), g AS (
  UPDATE webhook.log g SET undelivered = false FROM x WHERE g.lane = x.lane AND g.id = x.id AND g.undelivered RETURNING g.lane
), h AS (
  UPDATE webhook.health h SET undelivered = h.undelivered - s.n FROM (SELECT lane, count(*) AS n FROM g GROUP BY lane) s WHERE s.lane = h.lane
), w AS (
  INSERT INTO webhook.wakes (lane, at) SELECT DISTINCT lane, clock_timestamp() FROM (SELECT DISTINCT lane FROM q WHERE fifo) f
)
SELECT (SELECT count(*) FROM q) + (SELECT count(*) FROM g);

-- name: attempts
-- The history of some deliveries but for the attempt that stands in the log.
SELECT a.id, a.n, a.at, a.seq, a.took, a.result, a.status, a.class, a.error, a.response
FROM unnest($1::bigint[], $2::bigint[]) x (lane, id) JOIN webhook.attempts a ON a.lane = x.lane AND a.id = x.id
ORDER BY a.id, a.at, a.seq;
