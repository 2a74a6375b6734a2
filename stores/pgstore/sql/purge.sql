-- name: findExpired
SELECT q.lane, q.id FROM webhook.queue q WHERE q.created_at < now() - $1::bigint * interval '1 microsecond'
  AND EXISTS (SELECT FROM webhook.endpoints e WHERE e.lane = q.lane OFFSET 0)
ORDER BY q.created_at LIMIT $2;

-- name: expire
-- $3: the sentences of a delivery that was never tried, and of one that was.
WITH x AS MATERIALIZED (
  SELECT x.lane, x.id, e.fifo FROM unnest($1::bigint[], $2::bigint[]) x (lane, id) JOIN webhook.endpoints e ON e.lane = x.lane
), q AS (
  DELETE FROM webhook.queue q USING x WHERE q.lane = x.lane AND q.id = x.id RETURNING q.*, x.fifo
), t AS MATERIALIZED (
  SELECT clock_timestamp() AS at
), l AS (
  INSERT INTO webhook.log (lane, id, created_at, finished_at, event_id, of_id, attempts, state, resend, moot, undelivered, gone, reason, op)
  SELECT q.lane, q.id, q.created_at, t.at, q.event_id, q.of_id, q.attempts, 3, q.resend, q.moot, NOT q.moot, q.gone, 'expired', q.op
  FROM q CROSS JOIN t
), s AS MATERIALIZED (
  SELECT lane, count(*) FILTER (WHERE NOT moot) AS n, bool_or(NOT resend) AS ordinary,
    (array_agg(($3::text[])[CASE WHEN attempts = 0 THEN 1 ELSE 2 END] ORDER BY id DESC) FILTER (WHERE NOT moot))[1] AS reason,
    (array_agg(($3::text[])[CASE WHEN attempts = 0 THEN 1 ELSE 2 END] ORDER BY id DESC) FILTER (WHERE NOT resend))[1] AS error
  FROM q GROUP BY lane
), h AS (
  UPDATE webhook.health h SET undelivered = h.undelivered + s.n, last_reason = coalesce(s.reason, h.last_reason),
    reason_at = CASE WHEN s.reason IS NULL THEN h.reason_at ELSE t.at END,
    in_error = h.in_error OR s.ordinary, reason = coalesce(s.error, h.reason)
  FROM s CROSS JOIN t WHERE s.lane = h.lane
), w AS (
  INSERT INTO webhook.wakes (lane, at) SELECT f.lane, t.at FROM (SELECT DISTINCT lane FROM q WHERE fifo) f CROSS JOIN t
)
SELECT count(*) FROM q;

-- name: findOld
SELECT g.lane, g.id FROM webhook.log g WHERE g.finished_at < now() - $1::bigint * interval '1 microsecond' ORDER BY g.finished_at LIMIT $2;

-- name: forget
WITH g AS (
  DELETE FROM webhook.log g USING unnest($1::bigint[], $2::bigint[]) x (lane, id) WHERE g.lane = x.lane AND g.id = x.id
  RETURNING g.lane, g.id, g.undelivered
), a AS (
  DELETE FROM webhook.attempts a USING g WHERE a.lane = g.lane AND a.id = g.id
), h AS (
  UPDATE webhook.health h SET undelivered = h.undelivered - s.n
  FROM (SELECT lane, count(*) AS n FROM g WHERE undelivered GROUP BY lane) s WHERE s.lane = h.lane
)
SELECT count(*) FROM g;

-- name: lockBodies
-- First the lock, then another look in a new snapshot: a recovery that has
-- locked the event is visible by then. What must be kept is stepped over. Each
-- OFFSET 0 keeps a look by index from becoming a join with a whole table.
SELECT e.id FROM webhook.events e WHERE e.created_at < now() - $1::bigint * interval '1 microsecond' AND e.body IS NOT NULL
  AND NOT EXISTS (SELECT FROM webhook.endpoints p CROSS JOIN LATERAL (
      SELECT FROM webhook.queue q WHERE q.lane = p.lane AND q.id BETWEEN e.first_id AND e.last_id AND q.event_id = e.id OFFSET 0) x
    WHERE p.account = e.account OFFSET 0)
  AND NOT EXISTS (SELECT FROM webhook.queue q WHERE q.event_id = e.id AND q.of_id IS NOT NULL OFFSET 0)
ORDER BY e.created_at LIMIT $2 FOR UPDATE OF e SKIP LOCKED;

-- name: dropBodies
UPDATE webhook.events e SET body = NULL WHERE e.id = ANY ($1::uuid[])
  AND NOT EXISTS (SELECT FROM webhook.endpoints p CROSS JOIN LATERAL (
      SELECT FROM webhook.queue q WHERE q.lane = p.lane AND q.id BETWEEN e.first_id AND e.last_id AND q.event_id = e.id OFFSET 0) x
    WHERE p.account = e.account OFFSET 0)
  AND NOT EXISTS (SELECT FROM webhook.queue q WHERE q.event_id = e.id AND q.of_id IS NOT NULL OFFSET 0);

-- name: dropEvents
-- Nothing new can come to need an event without a body.
DELETE FROM webhook.events WHERE ctid = ANY (ARRAY(
  SELECT e.ctid FROM webhook.events e WHERE e.created_at < now() - $1::bigint * interval '1 microsecond' AND e.body IS NULL
    AND NOT EXISTS (SELECT FROM webhook.endpoints p CROSS JOIN LATERAL (
      SELECT FROM webhook.log g WHERE g.lane = p.lane AND g.id BETWEEN e.first_id AND e.last_id AND g.event_id = e.id OFFSET 0) x
    WHERE p.account = e.account OFFSET 0)
    AND NOT EXISTS (SELECT FROM webhook.log g WHERE g.event_id = e.id AND g.of_id IS NOT NULL OFFSET 0)
    AND NOT EXISTS (SELECT FROM webhook.endpoints p CROSS JOIN LATERAL (
      SELECT FROM webhook.queue q WHERE q.lane = p.lane AND q.id BETWEEN e.first_id AND e.last_id AND q.event_id = e.id OFFSET 0) x
    WHERE p.account = e.account OFFSET 0)
    AND NOT EXISTS (SELECT FROM webhook.queue q WHERE q.event_id = e.id AND q.of_id IS NOT NULL OFFSET 0)
  ORDER BY e.created_at LIMIT $2 FOR UPDATE OF e SKIP LOCKED));

-- name: dropKeys
DELETE FROM webhook.keys WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM webhook.keys WHERE until < now() ORDER BY until LIMIT $1 FOR UPDATE SKIP LOCKED));

-- name: dropHours
DELETE FROM webhook.hours WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM webhook.hours WHERE hour < now() - interval '168 hours' LIMIT $1 FOR UPDATE SKIP LOCKED));

-- name: findMissed
-- The next lanes after $1, one look by the index for each: a lane may have many
-- rows.
WITH RECURSIVE m AS (
  SELECT $1::bigint AS lane
  UNION ALL
  SELECT (SELECT x.lane FROM webhook.missed x WHERE x.lane > m.lane ORDER BY x.lane LIMIT 1) FROM m WHERE m.lane IS NOT NULL
)
SELECT lane FROM m WHERE lane > $1 LIMIT $2;

-- name: foldMissed
WITH d AS (
  DELETE FROM webhook.missed WHERE lane = ANY ($1::bigint[]) RETURNING lane, n, at
), s AS MATERIALIZED (
  SELECT lane, sum(n)::bigint AS n, max(at) AS at FROM d GROUP BY lane
)
UPDATE webhook.health h SET undelivered = h.undelivered + s.n,
  last_reason = CASE WHEN s.at > coalesce(h.reason_at, '-infinity') THEN $2::text ELSE h.last_reason END,
  reason_at = greatest(h.reason_at, s.at)
FROM s WHERE s.lane = h.lane;

-- name: findGrave
SELECT lane FROM webhook.graves LIMIT 1 FOR UPDATE SKIP LOCKED;

-- name: buryQueue
WITH q AS (
  DELETE FROM webhook.queue WHERE ctid = ANY (ARRAY(SELECT q.ctid FROM webhook.queue q WHERE q.lane = $1 ORDER BY q.id LIMIT $2)) RETURNING lane, id
), a AS (
  DELETE FROM webhook.attempts a USING q WHERE a.lane = q.lane AND a.id = q.id
)
SELECT count(*) FROM q;

-- name: buryLog
WITH g AS (
  DELETE FROM webhook.log WHERE ctid = ANY (ARRAY(SELECT g.ctid FROM webhook.log g WHERE g.lane = $1 ORDER BY g.id LIMIT $2)) RETURNING lane, id
), a AS (
  DELETE FROM webhook.attempts a USING g WHERE a.lane = g.lane AND a.id = g.id
)
SELECT count(*) FROM g;

-- name: buryLane
-- Before the grave, and the grave last: a sweep that holds the lane may wait
-- for the grave's row.
DELETE FROM webhook.lanes WHERE lane = $1;

-- name: buryRest
-- The endpoint's health went first, so that no late settle brings anything back.
-- Attempts go with their deliveries: they are written under the lock of the
-- health only, for what is in queue or log, and leave these with it.
WITH h AS (
  DELETE FROM webhook.hours WHERE lane = $1
), m AS (
  DELETE FROM webhook.missed WHERE lane = $1
)
DELETE FROM webhook.graves g WHERE g.lane = $1;

-- name: reopen
-- More is left, or an append that was under way has left rows. A sweep may have
-- seen the grave before it went; those that come now wait, and dig another one.
INSERT INTO webhook.graves (lane) SELECT $1::bigint
WHERE EXISTS (SELECT FROM webhook.queue q WHERE q.lane = $1) OR EXISTS (SELECT FROM webhook.log x WHERE x.lane = $1);

-- name: buryHealth
DELETE FROM webhook.health WHERE lane = $1;
