-- A settle locks, reads, decides in the process, and writes. Whoever changes
-- what is in a lane locks its health first; so nothing that was read changes
-- before it is written.

-- name: lockHealth
SELECT h.lane FROM webhook.health h
WHERE h.lane = ANY (ARRAY(SELECT e.lane FROM webhook.endpoints e WHERE e.id = ANY ($1::uuid[])))
ORDER BY h.lane FOR NO KEY UPDATE;

-- name: settleLanes
SELECT e.id, e.lane, e.account, e.enabled, e.fifo, e.version, l.token, l.stops = e.stops, clock_timestamp(),
  h.last, h.at, h.event_id, h.attempt, h.next_at, h.status, h.class, h.error, h.response, h.in_error, h.reason, h.failing_since,
  h.undelivered, h.last_reason, h.reason_at, h.dead_in_row
FROM webhook.endpoints e JOIN webhook.lanes l ON l.lane = e.lane JOIN webhook.health h ON h.lane = e.lane
WHERE e.id = ANY ($1::uuid[]);

-- name: deliver
-- Ends deliveries that waited and were delivered, which is what nearly all
-- outcomes are about; each is looked for once. For OFFSET 0 see
-- settleDeliveries.
WITH t AS MATERIALIZED (
  SELECT clock_timestamp() AS at
), d AS (
  DELETE FROM webhook.queue q
  USING unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[], $5::int[], $6::bigint[], $7::int[], $8::bytea[])
    x (endpoint, id, n, token, seq, took, status, response)
  JOIN webhook.endpoints e ON e.id = x.endpoint
  WHERE q.lane = e.lane AND q.id = x.id
    AND NOT EXISTS (SELECT FROM webhook.attempts a WHERE a.lane = e.lane AND a.id = x.id AND a.n = x.n AND a.token = x.token OFFSET 0)
  RETURNING q.lane, q.id, q.created_at, q.event_id, q.of_id, greatest(q.attempts, x.n) AS attempts, q.resend, q.moot, q.op,
    x.n, x.token, x.seq, x.took, x.status, x.response
)
INSERT INTO webhook.log (lane, id, created_at, finished_at, event_id, of_id, attempts, state, resend, moot, undelivered, gone, op,
  n, token, seq, took, status, response)
SELECT d.lane, d.id, d.created_at, t.at, d.event_id, d.of_id, d.attempts, 2, d.resend, d.moot, false, false, d.op,
  d.n, d.token, d.seq, d.took, d.status, d.response
FROM d CROSS JOIN t
RETURNING id, event_id, attempts, finished_at;

-- name: settleDeliveries
-- The last column says whether that very attempt is in the history. Each
-- OFFSET 0 keeps a look by the whole key: as a plain join the planner reads
-- the lane from end to end.
SELECT x.o::int, coalesce(q.id, g.id), coalesce(q.event_id, g.event_id), coalesce(q.created_at, g.created_at), coalesce(q.of_id, g.of_id),
  coalesce(q.attempts, g.attempts), coalesce(q.gone, g.gone), coalesce(q.resend, g.resend), coalesce(q.moot, g.moot), coalesce(q.op, g.op),
  coalesce(g.state, 1), coalesce(g.reason, ''), coalesce(g.undelivered, false), g.finished_at,
  g.n, g.token, g.seq, g.took, g.status, g.class, g.error, g.response,
  EXISTS (SELECT FROM webhook.attempts a WHERE a.lane = e.lane AND a.id = x.id AND a.n = x.n AND a.token = x.token OFFSET 0)
FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[]) WITH ORDINALITY x (endpoint, id, n, token, o)
JOIN webhook.endpoints e ON e.id = x.endpoint
LEFT JOIN LATERAL (SELECT * FROM webhook.queue q WHERE q.lane = e.lane AND q.id = x.id OFFSET 0) q ON true
LEFT JOIN LATERAL (SELECT * FROM webhook.log g WHERE g.lane = e.lane AND g.id = x.id OFFSET 0) g ON true
WHERE q.id IS NOT NULL OR g.id IS NOT NULL;

-- name: dequeue
DELETE FROM webhook.queue q USING unnest($1::bigint[], $2::bigint[]) x (lane, id) WHERE q.lane = x.lane AND q.id = x.id;

-- name: retry
UPDATE webhook.queue q SET due_at = x.due_at, delay = x.delay, attempts = x.attempts, gone = x.gone
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::int[], $6::bool[]) x (lane, id, due_at, delay, attempts, gone)
WHERE q.lane = x.lane AND q.id = x.id;

-- name: finish
INSERT INTO webhook.log (lane, id, created_at, finished_at, event_id, of_id, attempts, state, resend, moot, undelivered, gone, reason, op,
  n, token, seq, took, status, class, error, response)
SELECT x.lane, x.id, x.created_at, x.finished_at, x.event_id, nullif(x.of_id, 0), x.attempts, x.state, x.resend, x.moot, x.undelivered,
  x.gone, nullif(x.reason, ''), x.op, nullif(x.n, 0), CASE WHEN x.n > 0 THEN x.token END, CASE WHEN x.n > 0 THEN x.seq END,
  CASE WHEN x.n > 0 THEN x.took END, CASE WHEN x.n > 0 THEN x.status END, nullif(x.class, ''), nullif(x.error, ''), x.response
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::timestamptz[], $5::uuid[], $6::bigint[], $7::int[], $8::smallint[], $9::bool[],
  $10::bool[], $11::bool[], $12::bool[], $13::text[], $14::text[], $15::int[], $16::bigint[], $17::int[], $18::bigint[], $19::int[],
  $20::text[], $21::text[], $22::bytea[])
  x (lane, id, created_at, finished_at, event_id, of_id, attempts, state, resend, moot, undelivered, gone, reason, op,
    n, token, seq, took, status, class, error, response);

-- name: refinish
-- A dead delivery was delivered after all.
UPDATE webhook.log g SET finished_at = x.finished_at, attempts = x.attempts, state = x.state, undelivered = x.undelivered, gone = x.gone,
  reason = NULL, n = nullif(x.n, 0), token = CASE WHEN x.n > 0 THEN x.token END, seq = CASE WHEN x.n > 0 THEN x.seq END,
  took = CASE WHEN x.n > 0 THEN x.took END, status = CASE WHEN x.n > 0 THEN x.status END, class = nullif(x.class, ''),
  error = nullif(x.error, ''), response = x.response
FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::int[], $5::smallint[], $6::bool[], $7::bool[], $8::int[], $9::bigint[],
  $10::int[], $11::bigint[], $12::int[], $13::text[], $14::text[], $15::bytea[])
  x (lane, id, finished_at, attempts, state, undelivered, gone, n, token, seq, took, status, class, error, response)
WHERE g.lane = x.lane AND g.id = x.id;

-- name: attempt
INSERT INTO webhook.attempts (lane, id, token, at, took, n, status, seq, result, class, error, response)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::int[], $7::int[], $8::int[], $9::text[],
  $10::text[], $11::text[], $12::bytea[]);

-- name: putHealth
UPDATE webhook.health h SET last = x.last, at = x.at, event_id = nullif(x.event_id, '')::uuid, attempt = x.attempt, next_at = x.next_at, status = x.status,
  class = x.class, error = x.error, response = x.response, in_error = x.in_error, reason = x.reason, failing_since = x.failing_since,
  undelivered = x.undelivered, last_reason = x.last_reason, reason_at = x.reason_at, dead_in_row = x.dead_in_row
FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[], $5::int[], $6::timestamptz[], $7::int[], $8::text[], $9::text[],
  $10::bytea[], $11::bool[], $12::text[], $13::timestamptz[], $14::bigint[], $15::text[], $16::timestamptz[], $17::int[])
  x (lane, last, at, event_id, attempt, next_at, status, class, error, response, in_error, reason, failing_since,
    undelivered, last_reason, reason_at, dead_in_row)
WHERE h.lane = x.lane;

-- name: count
INSERT INTO webhook.hours (lane, hour, delivered, failed, latency)
SELECT x.lane, date_trunc('hour', $5::timestamptz, 'UTC'), x.delivered, x.failed, x.latency
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[]) x (lane, delivered, failed, latency) ORDER BY x.lane
ON CONFLICT (lane, hour) DO UPDATE SET delivered = hours.delivered + excluded.delivered, failed = hours.failed + excluded.failed,
  latency = hours.latency + excluded.latency;

-- name: disable
-- An endpoint that somebody is editing at this moment gets another version, or
-- keeps this one and is disabled at its next death: a transaction of the
-- caller's must not hold up the deliveries of others.
WITH k AS MATERIALIZED (
  SELECT e.lane, x.reason FROM unnest($1::bigint[], $2::bigint[], $3::text[]) x (lane, version, reason)
  JOIN webhook.endpoints e ON e.lane = x.lane AND e.version = x.version AND e.enabled ORDER BY e.lane FOR NO KEY UPDATE OF e SKIP LOCKED
), u AS (
  UPDATE webhook.endpoints e SET version = e.version + 1, stops = e.stops + 1, updated_at = clock_timestamp(), enabled = false,
    disabled_by = 'engine', disabled_reason = k.reason, changed_by = ''
  FROM k WHERE e.lane = k.lane RETURNING e.lane
), w AS (
  INSERT INTO webhook.wakes (lane, at) SELECT lane, clock_timestamp() FROM u
)
SELECT lane FROM u;

-- name: names
SELECT e.id, coalesce(e.config ->> 'name', '') FROM webhook.endpoints e WHERE e.id = ANY ($1::uuid[]);

-- name: wake
INSERT INTO webhook.wakes (lane, at) SELECT lane, clock_timestamp() FROM unnest($1::bigint[]) x (lane);
