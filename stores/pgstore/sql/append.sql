-- name: append
-- Stores events and fans them out, by the snapshot of this statement. It only
-- appends, so that a caller's transaction may stay open for long: what others
-- can wait for is the same event ID or the same key. Keys and events are
-- inserted in order; two batches cannot wait for each other.
WITH x AS MATERIALIZED (
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::timestamptz[], $5::bytea[], $6::text[], $7::bigint[], $8::text[])
    WITH ORDINALITY x (id, account, type, occurred_at, body, key, win, subject, o)
), t AS MATERIALIZED (
  SELECT clock_timestamp() AS at
), s AS MATERIALIZED (
  SELECT x.o, x.id, x.account, x.type, x.key, x.win, e.account AS stored FROM x -- no bodies: they would be copied each time
  LEFT JOIN LATERAL (SELECT e.account FROM webhook.events e WHERE e.id = x.id OFFSET 0) e ON true
), y AS MATERIALIZED (
  -- Nothing at all when one of the IDs is another account's.
  SELECT * FROM s WHERE stored IS NULL AND NOT EXISTS (SELECT FROM s WHERE stored <> account)
), f AS MATERIALIZED (
  -- IDs are given in the order of the slice.
  SELECT s.*, nextval('webhook.delivery_id') AS id FROM (
    SELECT y.id AS event_id, y.type, p.lane, p.enabled
    FROM y CROSS JOIN LATERAL (
      SELECT p.id, p.lane, p.enabled FROM webhook.endpoints p
      WHERE p.account = y.account AND (p.enabled OR p.disabled_by = 'engine') AND y.type = ANY (p.events) OFFSET 0
    ) p
    ORDER BY y.o, p.id
  ) s
), c AS MATERIALIZED (
  SELECT event_id, (count(*) FILTER (WHERE enabled))::int AS deliveries, min(id) AS first_id, max(id) AS last_id FROM f GROUP BY 1
), k AS (
  INSERT INTO webhook.keys (until, event_id, deliveries, account, key)
  SELECT t.at + y.win * interval '1 microsecond', y.id, coalesce(c.deliveries, 0), y.account, y.key
  FROM y CROSS JOIN t LEFT JOIN c ON c.event_id = y.id WHERE y.key <> '' ORDER BY y.account, y.key
  ON CONFLICT (account, key) DO UPDATE SET until = excluded.until, event_id = excluded.event_id, deliveries = excluded.deliveries
    WHERE keys.until <= clock_timestamp()
  RETURNING event_id
), e AS (
  INSERT INTO webhook.events (id, occurred_at, created_at, first_id, last_id, deliveries, account, type, subject, body)
  SELECT y.id, x.occurred_at, t.at, c.first_id, c.last_id, coalesce(c.deliveries, 0), y.account, y.type, nullif(x.subject, ''),
    CASE WHEN c.event_id IS NOT NULL THEN x.body END
  FROM y JOIN x ON x.o = y.o CROSS JOIN t LEFT JOIN c ON c.event_id = y.id
  WHERE y.key = '' OR y.id IN (SELECT event_id FROM k) ORDER BY y.id
  ON CONFLICT (id) DO NOTHING
  RETURNING id, deliveries
), q AS (
  INSERT INTO webhook.queue (lane, id, due_at, created_at, event_id, type)
  SELECT f.lane, f.id, t.at, t.at, f.event_id, f.type FROM f JOIN e ON e.id = f.event_id CROSS JOIN t WHERE f.enabled ORDER BY f.id
), m AS (
  INSERT INTO webhook.log (lane, id, created_at, finished_at, event_id, attempts, state, resend, moot, undelivered, gone, reason)
  SELECT f.lane, f.id, t.at, t.at, f.event_id, 0, 3, false, false, true, false, 'missed'
  FROM f JOIN e ON e.id = f.event_id CROSS JOIN t WHERE NOT f.enabled ORDER BY f.id
), d AS (
  INSERT INTO webhook.missed (lane, n, at)
  SELECT f.lane, count(*), t.at FROM f JOIN e ON e.id = f.event_id CROSS JOIN t WHERE NOT f.enabled GROUP BY f.lane, t.at
), w AS (
  INSERT INTO webhook.wakes (lane, at) SELECT DISTINCT f.lane, t.at FROM f JOIN e ON e.id = f.event_id CROSS JOIN t
)
SELECT id, deliveries FROM e;

-- name: first
-- What those are duplicates of that append did not store: in a new snapshot,
-- which has what it waited for. The last column says that the ID is another
-- account's.
SELECT x.o::int, f.id, f.deliveries, f.n = 2
FROM unnest($1::uuid[], $2::text[], $3::text[]) WITH ORDINALITY x (id, account, key, o)
JOIN LATERAL (
  SELECT e.id, e.deliveries, 0 AS n FROM webhook.events e WHERE e.id = x.id AND e.account = x.account
  UNION ALL
  SELECT k.event_id, k.deliveries, 1 FROM webhook.keys k WHERE k.account = x.account AND k.key = x.key AND k.until > clock_timestamp()
  UNION ALL
  SELECT e.id, 0, 2 FROM webhook.events e WHERE e.id = x.id AND e.account <> x.account
  ORDER BY n LIMIT 1
) f ON true;
