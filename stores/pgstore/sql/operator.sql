-- name: stats
SELECT (SELECT count(*) FROM webhook.endpoints), q.n, coalesce(q.oldest, 0),
  (SELECT coalesce(sum(h.undelivered), 0)::bigint FROM webhook.health h JOIN webhook.endpoints e ON e.lane = h.lane)
    + (SELECT coalesce(sum(m.n), 0)::bigint FROM webhook.missed m JOIN webhook.endpoints e ON e.lane = m.lane),
  (SELECT count(*) FROM webhook.lanes l JOIN webhook.endpoints e ON e.lane = l.lane AND e.stops = l.stops WHERE l.held AND l.ready_at > now())
FROM (
  SELECT count(*) AS n, (extract(epoch FROM now() - min(q.due_at) FILTER (WHERE e.enabled)) * 1e6)::bigint AS oldest
  FROM webhook.queue q JOIN webhook.endpoints e ON e.lane = q.lane
) q;

-- name: pauses
SELECT c.seq, p.account, p.type, p.host FROM webhook.control c LEFT JOIN webhook.pauses p ON true ORDER BY p.account, p.type, p.host;

-- name: pause
WITH p AS (
  INSERT INTO webhook.pauses (account, type, host) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING 1
)
UPDATE webhook.control SET seq = seq + 1 WHERE EXISTS (SELECT FROM p);

-- name: lift
-- Touches no lane: the next sweep takes those that were parked before.
WITH p AS (
  DELETE FROM webhook.pauses WHERE account = $1 AND type = $2 AND host = $3 RETURNING 1
)
UPDATE webhook.control SET seq = seq + 1, lifted = seq + 1 WHERE EXISTS (SELECT FROM p);
