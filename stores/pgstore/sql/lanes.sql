-- name: sweep
-- Takes wakes, and parked lanes whose pause was lifted, and brings each lane
-- in line with its endpoint: gone, disabled, disabled and enabled again since
-- it was claimed (then the claim is void, and its lease is waited for), or
-- simply with more work. Lanes are locked in order. A newer claim than this
-- snapshot knows of (stops is higher) is left alone. So is a lane that looks
-- disabled and whose wakes somebody else took after this snapshot, maybe that of
-- its being enabled: made ready in vain, it is claimed by nobody.
WITH w AS MATERIALIZED (
  DELETE FROM webhook.wakes WHERE ctid = ANY (ARRAY(SELECT ctid FROM webhook.wakes LIMIT $1 FOR UPDATE SKIP LOCKED))
  RETURNING lane, at
), p AS MATERIALIZED (
  SELECT lane FROM webhook.lanes WHERE park > 0 AND park < (SELECT lifted FROM webhook.control) LIMIT $1
), g AS MATERIALIZED (
  SELECT lane, count(*) AS n, min(at) AS at FROM (SELECT lane, at FROM w UNION ALL SELECT lane, now() FROM p) x GROUP BY lane
), k AS MATERIALIZED (
  SELECT l.lane, g.n, g.at FROM webhook.lanes l JOIN g ON g.lane = l.lane ORDER BY l.lane FOR NO KEY UPDATE OF l
), s AS MATERIALIZED (
  SELECT k.lane, k.n, k.at, coalesce(e.enabled, false) AS enabled, coalesce(e.stops, 9223372036854775807) AS stops
  FROM k LEFT JOIN webhook.endpoints e ON e.lane = k.lane
), b AS (
  -- An append that was under way when its endpoint was deleted left rows.
  INSERT INTO webhook.graves (lane) SELECT g.lane FROM g WHERE NOT EXISTS (SELECT FROM webhook.endpoints e WHERE e.lane = g.lane)
  ON CONFLICT DO NOTHING
), u AS (
  UPDATE webhook.lanes l SET wakes = l.wakes + s.n, park = 0, held = l.held AND l.stops >= s.stops,
    not_before = CASE WHEN l.held AND l.stops < s.stops THEN greatest(l.not_before, l.ready_at) ELSE l.not_before END,
    ready_at = CASE
      WHEN l.held AND l.stops >= s.stops THEN l.ready_at
      WHEN NOT s.enabled THEN CASE WHEN l.wakes > (SELECT o.wakes FROM webhook.lanes o WHERE o.lane = l.lane) THEN l.ready_at ELSE 'infinity' END
      WHEN l.held THEN greatest(s.at, l.not_before, l.ready_at)
      ELSE least(l.ready_at, greatest(s.at, l.not_before)) END
  FROM s WHERE s.lane = l.lane
)
SELECT count(*) FROM w;

-- name: claim
-- A ready lane and one whose lease ran out are the same row of the same index.
-- The second comparison is what lets the planner use it.
WITH c AS MATERIALIZED (
  SELECT l.lane, l.ready_at, e.stops FROM webhook.lanes l JOIN webhook.endpoints e ON e.lane = l.lane AND e.enabled
  WHERE l.ready_at <= now() AND l.ready_at < 'infinity' ORDER BY l.ready_at LIMIT $1
  FOR NO KEY UPDATE OF l SKIP LOCKED
), u AS MATERIALIZED (
  UPDATE webhook.lanes l SET held = true, token = l.token + 1, stops = c.stops, ready_at = now() + $2::bigint * interval '1 microsecond'
  FROM c WHERE l.lane = c.lane
  RETURNING l.lane, l.token, l.pace, c.ready_at
)
SELECT e.id, e.version, e.created_at, e.updated_at, e.enabled, e.fifo, e.account, e.disabled_by, e.disabled_reason, e.changed_by, e.config::text,
  u.token, u.pace, coalesce((extract(epoch FROM now() - h.failing_since) * 1e6)::bigint, 0), h.dead_in_row
FROM u JOIN webhook.endpoints e ON e.lane = u.lane JOIN webhook.health h ON h.lane = u.lane
ORDER BY u.ready_at;

-- name: next
SELECT (extract(epoch FROM l.ready_at - now()) * 1e6)::bigint
FROM webhook.lanes l JOIN webhook.endpoints e ON e.lane = l.lane AND e.enabled
WHERE l.ready_at < 'infinity' ORDER BY l.ready_at LIMIT 1;

-- name: extend
WITH u AS MATERIALIZED (
  SELECT e.lane, e.stops, e.id, x.token, x.o FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY x (id, token, o)
  JOIN webhook.endpoints e ON e.id = x.id
), k AS MATERIALIZED (
  SELECT l.lane, u.o FROM webhook.lanes l JOIN u ON u.lane = l.lane AND u.token = l.token AND u.stops = l.stops AND l.held
  ORDER BY l.lane FOR NO KEY UPDATE OF l
)
UPDATE webhook.lanes l SET ready_at = now() + $3::bigint * interval '1 microsecond' FROM k WHERE l.lane = k.lane
RETURNING k.o::int;

-- name: return
-- The mark is how many wakes came in: those that were swept and those that
-- still lie there. A sweep between this snapshot and the lane's lock makes the
-- sum too high, which only refuses what could have been accepted. For coalesce
-- see due.
WITH u AS MATERIALIZED (
  SELECT e.lane, e.stops, e.fifo, x.token, x.mark, x.pause * interval '1 microsecond' AS pause, x.park, x.pace, x.o,
    x.exclude::text[] AS exclude
  FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bytea[], $7::text[])
    WITH ORDINALITY x (id, token, mark, pause, park, pace, exclude, o)
  JOIN webhook.endpoints e ON e.id = x.id
), k AS MATERIALIZED (
  SELECT l.lane, u.fifo, u.mark, u.pause, u.park, u.pace, u.exclude, u.o
  FROM webhook.lanes l JOIN u ON u.lane = l.lane AND u.token = l.token AND u.stops = l.stops AND l.held
  WHERE (u.mark = -1 OR u.mark = l.wakes + (SELECT count(*) FROM webhook.wakes w WHERE w.lane = u.lane))
    AND (u.park = 0 OR u.park = (SELECT seq FROM webhook.control))
  ORDER BY l.lane FOR NO KEY UPDATE OF l
), d AS MATERIALIZED (
  -- The wakes that this return has seen need nobody else. It waits for none of
  -- them: a sweep locks wakes before lanes.
  DELETE FROM webhook.wakes WHERE ctid = ANY (ARRAY(
    SELECT w.ctid FROM webhook.wakes w WHERE w.lane = ANY (ARRAY(SELECT k.lane FROM k WHERE k.mark <> -1)) FOR UPDATE SKIP LOCKED))
  RETURNING lane
), n AS MATERIALIZED (
  SELECT lane, count(*) AS n FROM d GROUP BY lane
)
UPDATE webhook.lanes l SET held = false, wakes = l.wakes + coalesce((SELECT n.n FROM n WHERE n.lane = l.lane), 0), not_before = now() + k.pause, park = k.park, pace = k.pace,
  ready_at = CASE
    WHEN k.park > 0 AND cardinality(k.exclude) = 0 THEN 'infinity'
    WHEN k.mark = -1 THEN now() + k.pause
    ELSE greatest(now() + k.pause, coalesce((SELECT min(d.due_at) FROM (
      (SELECT q.due_at FROM webhook.queue q WHERE q.lane = k.lane AND q.resend AND coalesce(q.type <> ALL (k.exclude), true)
        ORDER BY q.due_at LIMIT 1)
      UNION ALL
      (SELECT q.due_at FROM webhook.queue q WHERE NOT k.fifo AND q.lane = k.lane AND NOT q.resend AND coalesce(q.type <> ALL (k.exclude), true)
        ORDER BY q.due_at, q.id LIMIT 1)
      UNION ALL
      (SELECT h.due_at FROM (SELECT q.due_at, q.type FROM webhook.queue q WHERE k.fifo AND q.lane = k.lane AND NOT q.resend
        ORDER BY q.id LIMIT 1) h WHERE h.type <> ALL (k.exclude))
      ) d), 'infinity')) END
FROM k WHERE l.lane = k.lane
RETURNING k.o::int;
