-- Times are microseconds since 1970 by the store's clock. 4611686018427387904
-- (1 << 62) is never. States: 0 pending, 1 delivered, 2 dead.

CREATE TABLE webhook_meta (
	name  TEXT PRIMARY KEY,
	value INTEGER NOT NULL
) WITHOUT ROWID;

-- What an account registered. It is listed in the order of the IDs, which is
-- about that of creation.
CREATE TABLE webhook_endpoints (
	lane            INTEGER PRIMARY KEY AUTOINCREMENT,
	id              TEXT NOT NULL UNIQUE,
	account         TEXT NOT NULL,
	version         INTEGER NOT NULL,
	enabled         INTEGER NOT NULL,
	disabled_by     TEXT NOT NULL,
	disabled_reason TEXT NOT NULL,
	changed_by      TEXT NOT NULL,
	config          BLOB NOT NULL, -- the other fields, as JSON
	created_at      INTEGER NOT NULL,
	updated_at      INTEGER NOT NULL
);
CREATE INDEX webhook_endpoints_account ON webhook_endpoints (account, id);

CREATE TABLE webhook_subscriptions (
	account TEXT NOT NULL,
	type    TEXT NOT NULL,
	lane    INTEGER NOT NULL,
	PRIMARY KEY (account, type, lane)
) WITHOUT ROWID;

-- Who delivers, and when there is something to do.
CREATE TABLE webhook_lanes (
	lane       INTEGER PRIMARY KEY,
	ready_at   INTEGER NOT NULL DEFAULT 4611686018427387904,
	not_before INTEGER NOT NULL DEFAULT 0,
	held       INTEGER NOT NULL DEFAULT 0,
	disabled   INTEGER NOT NULL,
	parked     INTEGER NOT NULL DEFAULT 0,
	fifo       INTEGER NOT NULL,
	token      INTEGER NOT NULL,
	mark       INTEGER NOT NULL DEFAULT 0,
	pace       BLOB
);
CREATE INDEX webhook_lanes_ready ON webhook_lanes (ready_at) WHERE ready_at < 4611686018427387904;
CREATE INDEX webhook_lanes_held ON webhook_lanes (lane) WHERE held = 1;
CREATE INDEX webhook_lanes_parked ON webhook_lanes (lane) WHERE parked = 1;

CREATE TABLE webhook_health (
	lane          INTEGER PRIMARY KEY,
	last          TEXT NOT NULL DEFAULT 'never',
	at            INTEGER NOT NULL DEFAULT 0,
	event         TEXT NOT NULL DEFAULT '',
	attempt       INTEGER NOT NULL DEFAULT 0,
	next_at       INTEGER NOT NULL DEFAULT 0,
	status        INTEGER NOT NULL DEFAULT 0,
	class         TEXT NOT NULL DEFAULT '',
	error         TEXT NOT NULL DEFAULT '',
	response      BLOB,
	in_error      INTEGER NOT NULL DEFAULT 0,
	reason        TEXT NOT NULL DEFAULT '',
	failing_since INTEGER NOT NULL DEFAULT 0,
	dead_in_row   INTEGER NOT NULL DEFAULT 0,
	undelivered   INTEGER NOT NULL DEFAULT 0,
	last_reason   TEXT NOT NULL DEFAULT ''
);

CREATE TABLE webhook_hours (
	lane      INTEGER NOT NULL,
	hour      INTEGER NOT NULL, -- since 1970
	delivered INTEGER NOT NULL,
	failed    INTEGER NOT NULL,
	latency   INTEGER NOT NULL, -- nanoseconds
	PRIMARY KEY (lane, hour)
) WITHOUT ROWID;
CREATE INDEX webhook_hours_old ON webhook_hours (hour);

-- Endpoints that were deleted and have rows left for Purge.
CREATE TABLE webhook_deleted (
	lane    INTEGER PRIMARY KEY,
	account TEXT NOT NULL
);

-- Numbers of events and deliveries come out of one sequence, last in webhook_meta.
-- An event's first deliveries have the span numbers that follow its own.
--
-- turn orders events for Purge: when they were stored, or, for one that could
-- not go when it was old enough, when to look again.
CREATE TABLE webhook_events (
	pk          INTEGER PRIMARY KEY,
	id          TEXT NOT NULL,
	account     TEXT NOT NULL,
	type        TEXT NOT NULL,
	subject     TEXT NOT NULL,
	occurred_at INTEGER NOT NULL,
	deliveries  INTEGER NOT NULL,
	span        INTEGER NOT NULL,
	turn        INTEGER NOT NULL,
	body        BLOB
);
CREATE UNIQUE INDEX webhook_events_id ON webhook_events (id, account); -- which grows at its end
CREATE INDEX webhook_events_account ON webhook_events (account) WHERE body IS NULL; -- the others have deliveries
CREATE INDEX webhook_events_subject ON webhook_events (subject, account) WHERE subject <> '';
CREATE INDEX webhook_events_stored ON webhook_events (turn) WHERE body IS NOT NULL;
CREATE INDEX webhook_events_bare ON webhook_events (turn) WHERE body IS NULL;

CREATE TABLE webhook_keys (
	account    TEXT NOT NULL,
	key        TEXT NOT NULL,
	event      TEXT NOT NULL,
	deliveries INTEGER NOT NULL,
	until      INTEGER NOT NULL,
	PRIMARY KEY (account, key)
) WITHOUT ROWID;
CREATE INDEX webhook_keys_until ON webhook_keys (until);

-- A delivery is in one of three tables. Most go from the first to the second,
-- with one row written each: those that wait for their first attempt, and those
-- that were accepted at it. All others, and those that something else happens to,
-- are in the third, webhook_deliveries, with their attempts beside them.
CREATE TABLE webhook_queue (
	id         INTEGER PRIMARY KEY,
	lane       INTEGER NOT NULL,
	event      INTEGER NOT NULL,
	type       TEXT NOT NULL,
	created_at INTEGER NOT NULL -- and due
);
CREATE INDEX webhook_queue_lane ON webhook_queue (lane, id);

CREATE TABLE webhook_delivered (
	id          INTEGER PRIMARY KEY,
	lane        INTEGER NOT NULL,
	event       INTEGER NOT NULL,
	type        TEXT NOT NULL,
	created_at  INTEGER NOT NULL,
	finished_at INTEGER NOT NULL,
	token       INTEGER NOT NULL, -- this and what follows is of the attempt
	took        INTEGER NOT NULL, -- nanoseconds
	status      INTEGER NOT NULL,
	response    BLOB
);
CREATE INDEX webhook_delivered_lane ON webhook_delivered (lane, id);

CREATE TABLE webhook_deliveries (
	id          INTEGER PRIMARY KEY,
	lane        INTEGER NOT NULL,
	event       INTEGER NOT NULL,
	type        TEXT NOT NULL,
	state       INTEGER NOT NULL DEFAULT 0,
	resend      INTEGER NOT NULL DEFAULT 0,
	due         INTEGER NOT NULL,
	created_at  INTEGER NOT NULL,
	attempts    INTEGER NOT NULL DEFAULT 0, -- that count
	recorded    INTEGER NOT NULL DEFAULT 0, -- all
	delay       INTEGER NOT NULL DEFAULT 0, -- nanoseconds
	gone        INTEGER NOT NULL DEFAULT 0, -- every attempt was answered 410
	finished_at INTEGER,
	reason      TEXT NOT NULL DEFAULT '',
	undelivered INTEGER NOT NULL DEFAULT 0,
	moot        INTEGER NOT NULL DEFAULT 0, -- it resends what had been delivered
	of          INTEGER NOT NULL DEFAULT 0,
	resent_as   INTEGER NOT NULL DEFAULT 0,
	op          TEXT NOT NULL DEFAULT '' -- of the resend that made it
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (lane, resend, due, id, type) WHERE state = 0;
CREATE INDEX webhook_deliveries_log ON webhook_deliveries (lane, state, id, resend);
CREATE INDEX webhook_deliveries_undelivered ON webhook_deliveries (lane, id) WHERE undelivered = 1;
CREATE INDEX webhook_deliveries_op ON webhook_deliveries (of, op) WHERE op <> '';
CREATE INDEX webhook_deliveries_event ON webhook_deliveries (event) WHERE of <> 0;
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (created_at) WHERE state = 0;
CREATE INDEX webhook_deliveries_finished ON webhook_deliveries (finished_at) WHERE finished_at IS NOT NULL;

-- In the order of their recording, so that no row, with what an endpoint
-- answered, is moved about between pages.
CREATE TABLE webhook_attempts (
	seq      INTEGER PRIMARY KEY,
	delivery INTEGER NOT NULL,
	n        INTEGER NOT NULL,
	token    INTEGER NOT NULL,
	at       INTEGER NOT NULL,
	took     INTEGER NOT NULL, -- nanoseconds
	result   TEXT NOT NULL,
	status   INTEGER NOT NULL,
	class    TEXT NOT NULL,
	error    TEXT NOT NULL,
	response BLOB
);
CREATE INDEX webhook_attempts_delivery ON webhook_attempts (delivery, seq);

CREATE TABLE webhook_pauses (
	account TEXT NOT NULL,
	type    TEXT NOT NULL,
	host    TEXT NOT NULL,
	PRIMARY KEY (account, type, host)
) WITHOUT ROWID;

INSERT INTO webhook_meta (name, value) VALUES ('schema', 1), ('minimum', 1), ('pauses', 1), ('last', 0);
