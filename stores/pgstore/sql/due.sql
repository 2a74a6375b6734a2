-- name: due
-- Held with that token, within the lease; the mark and what is due by one
-- snapshot. In a FIFO lane the head is the smallest ID, and it is judged after
-- it was found. Each OFFSET 0 keeps a look by index from becoming a join with a
-- whole table, which the planner prefers as long as it has no statistics, and
-- what is about the lane from being read anew for each row. Each coalesce keeps it from guessing
-- that the paused types are nearly all there are: it would read and sort a whole
-- lane. What a lane skips is a list of its own: one for all lanes would be looked
-- through for each row.
SELECT u.o::int, x.mark, x.pending, e.version <> u.version,
  coalesce(d.id, 0), coalesce(d.attempts, 0), coalesce(d.delay, 0), coalesce(d.gone, false), coalesce(d.resend, false),
  coalesce((date_part('epoch', now() - d.created_at) * 1e6)::bigint, 0), d.event_id, coalesce(d.type, ''),
  coalesce(v.account, ''), coalesce(v.occurred_at, now()), coalesce(v.subject, ''), v.body
FROM unnest($1::uuid[], $2::bigint[], $3::int[], $4::bigint[], $5::int[], $6::text[], $7::text[])
  WITH ORDINALITY u (id, token, max, version, count, exclude, skip, o)
JOIN webhook.endpoints e ON e.id = u.id
JOIN webhook.lanes l ON l.lane = e.lane AND l.token = u.token AND l.stops = e.stops AND l.held AND l.ready_at > now()
CROSS JOIN LATERAL (
  SELECT u.exclude::text[] AS exclude, u.skip::bigint[] AS skip, l.wakes + (SELECT count(*) FROM webhook.wakes w WHERE w.lane = l.lane) AS mark,
    CASE WHEN u.count > 0 THEN (SELECT count(*) FROM (SELECT FROM webhook.queue q WHERE q.lane = l.lane ORDER BY q.id LIMIT u.count) q) ELSE 0 END AS pending
  OFFSET 0
) x
LEFT JOIN LATERAL (
  SELECT * FROM (
    (SELECT q.*, 0 AS part FROM webhook.queue q
      WHERE q.lane = l.lane AND q.resend AND q.due_at <= now() AND q.id <> ALL (x.skip) AND coalesce(q.type <> ALL (x.exclude), true)
      ORDER BY q.due_at, q.id LIMIT u.max)
    UNION ALL
    (SELECT q.*, 1 FROM webhook.queue q
      WHERE NOT e.fifo AND q.lane = l.lane AND NOT q.resend AND q.due_at <= now() AND q.id <> ALL (x.skip) AND coalesce(q.type <> ALL (x.exclude), true)
      ORDER BY q.due_at, q.id LIMIT u.max)
    UNION ALL
    (SELECT q.*, 1 FROM (SELECT * FROM webhook.queue q WHERE e.fifo AND q.lane = l.lane AND NOT q.resend ORDER BY q.id LIMIT 1) q
      WHERE q.due_at <= now() AND q.id <> ALL (x.skip) AND q.type <> ALL (x.exclude))
  ) y ORDER BY y.part, y.due_at, y.id LIMIT u.max
) d ON true
LEFT JOIN LATERAL (SELECT v.account, v.occurred_at, v.subject, v.body FROM webhook.events v WHERE v.id = d.event_id OFFSET 0) v ON true
ORDER BY u.o, d.part, d.due_at, d.id;

-- name: dueConfig
SELECT x.o::int, e.id, e.version, e.created_at, e.updated_at, e.enabled, e.fifo, e.account, e.disabled_by, e.disabled_reason, e.changed_by,
  e.config::text
FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY x (id, token, o)
JOIN webhook.endpoints e ON e.id = x.id JOIN webhook.lanes l ON l.lane = e.lane AND l.token = x.token AND l.stops = e.stops;
