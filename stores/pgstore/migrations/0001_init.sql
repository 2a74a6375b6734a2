-- Version 1: everything.
--
-- The schema's name is webhook here; Migrate puts another one in its place.
-- Whoever runs this owns the tables. The program itself needs no more than
--
--   GRANT USAGE ON SCHEMA webhook TO app;
--   GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA webhook TO app;
--   GRANT USAGE ON ALL SEQUENCES IN SCHEMA webhook TO app;
--
-- There are no foreign keys and no triggers: an emitting transaction appends
-- rows and locks nothing that another one needs.

-- CREATE SCHEMA IF NOT EXISTS asks for the right to create one also where it
-- is there.
DO $$ BEGIN
  IF to_regnamespace('webhook') IS NULL THEN
    CREATE SCHEMA webhook;
  END IF;
END $$;

-- One row: what is installed, and the oldest version of the program's
-- expectations that still works on it.
CREATE TABLE webhook.meta (
  one     bool PRIMARY KEY DEFAULT true CHECK (one),
  version int  NOT NULL,
  minimum int  NOT NULL
);
INSERT INTO webhook.meta (version, minimum) VALUES (1, 1);

CREATE SEQUENCE webhook.lane_id;
CREATE SEQUENCE webhook.delivery_id;

-- Creates of endpoints in one account follow each other on its row here.
CREATE TABLE webhook.accounts (
  account text   PRIMARY KEY,
  creates bigint NOT NULL
) WITH (fillfactor = 50);

-- lane is the endpoint's number inside: one that is deleted and created again
-- gets another, so that nothing of the first one shows. stops grows whenever
-- the endpoint is disabled, which voids the claim that lanes.stops was copied
-- for. config is the rest of webhook.Endpoint, secrets included.
CREATE TABLE webhook.endpoints (
  id              uuid        PRIMARY KEY,
  lane            bigint      NOT NULL,
  version         bigint      NOT NULL,
  stops           bigint      NOT NULL DEFAULT 0,
  created_at      timestamptz NOT NULL,
  updated_at      timestamptz NOT NULL,
  enabled         bool        NOT NULL,
  fifo            bool        NOT NULL,
  account         text        NOT NULL,
  disabled_by     text        NOT NULL,
  disabled_reason text        NOT NULL,
  changed_by      text        NOT NULL,
  events          text[]      NOT NULL,
  config          json        NOT NULL
);
CREATE UNIQUE INDEX endpoints_lane ON webhook.endpoints (lane);
CREATE INDEX endpoints_account ON webhook.endpoints (account, id);

-- Written by the sweep of wakes and by the lane's holder only. ready_at is the
-- lease's end while the lane is held.
CREATE TABLE webhook.lanes (
  lane       bigint      PRIMARY KEY,
  ready_at   timestamptz NOT NULL DEFAULT 'infinity',
  not_before timestamptz NOT NULL DEFAULT '-infinity',
  token      bigint      NOT NULL,
  stops      bigint      NOT NULL DEFAULT 0,
  wakes      bigint      NOT NULL DEFAULT 0, -- that were swept
  park       bigint      NOT NULL DEFAULT 0, -- control.seq when it was parked
  held       bool        NOT NULL DEFAULT false,
  pace       bytea
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.1);
CREATE INDEX lanes_ready ON webhook.lanes (ready_at) WHERE ready_at < 'infinity';
CREATE INDEX lanes_parked ON webhook.lanes (park) WHERE park > 0;

-- Something came into a lane, or its endpoint changed. Appended by anybody,
-- taken by whoever claims next.
CREATE TABLE webhook.wakes (
  lane bigint      NOT NULL,
  at   timestamptz NOT NULL
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX wakes_lane ON webhook.wakes (lane);

-- Lanes of deleted endpoints that still have rows somewhere.
CREATE TABLE webhook.graves (
  lane bigint PRIMARY KEY
);

-- Its row is locked by whoever changes what is in the lane (queue, log,
-- attempts, hours): before it looks.
CREATE TABLE webhook.health (
  lane          bigint      PRIMARY KEY,
  at            timestamptz,
  event_id      uuid,
  next_at       timestamptz,
  failing_since timestamptz,
  reason_at     timestamptz, -- of last_reason
  undelivered   bigint      NOT NULL DEFAULT 0, -- plus those in missed
  dead_in_row   int         NOT NULL DEFAULT 0,
  attempt       int         NOT NULL DEFAULT 0,
  status        int         NOT NULL DEFAULT 0,
  in_error      bool        NOT NULL DEFAULT false,
  last          text        NOT NULL DEFAULT 'never',
  class         text        NOT NULL DEFAULT '',
  error         text        NOT NULL DEFAULT '',
  reason        text        NOT NULL DEFAULT '',
  last_reason   text        NOT NULL DEFAULT '',
  response      bytea
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0.1);

CREATE TABLE webhook.hours (
  lane      bigint      NOT NULL,
  hour      timestamptz NOT NULL,
  delivered bigint      NOT NULL,
  failed    bigint      NOT NULL,
  latency   bigint      NOT NULL, -- nanoseconds
  PRIMARY KEY (lane, hour)
) WITH (fillfactor = 50);
CREATE INDEX hours_hour ON webhook.hours (hour);

-- Deliveries that were missed, until they are added to health.undelivered:
-- the emitting transaction does not touch the health's row.
CREATE TABLE webhook.missed (
  lane bigint      NOT NULL,
  n    bigint      NOT NULL,
  at   timestamptz NOT NULL
) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0);
CREATE INDEX missed_lane ON webhook.missed (lane);

-- Statements look rows up by indexes whatever statistics say, and in a small
-- table looking for them costs more than all else: it can wait.
-- The first deliveries of an event have IDs from first_id to last_id; resends
-- and recoveries have of_id in queue or log.
CREATE TABLE webhook.events (
  id          uuid        PRIMARY KEY,
  occurred_at timestamptz NOT NULL,
  created_at  timestamptz NOT NULL,
  first_id    bigint,
  last_id     bigint,
  deliveries  int         NOT NULL,
  account     text        NOT NULL,
  type        text        NOT NULL,
  subject     text,
  body        bytea       -- null when nobody got it, or purged
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_threshold = 200000);
CREATE INDEX events_bodies ON webhook.events (created_at) WHERE body IS NOT NULL;
CREATE INDEX events_bare ON webhook.events (created_at) WHERE body IS NULL;
CREATE INDEX events_account ON webhook.events (account);
CREATE INDEX events_subject ON webhook.events (subject) WHERE subject IS NOT NULL;

CREATE TABLE webhook.keys (
  until      timestamptz NOT NULL,
  event_id   uuid        NOT NULL,
  deliveries int         NOT NULL,
  account    text        NOT NULL,
  key        text        NOT NULL,
  PRIMARY KEY (account, key)
);
CREATE INDEX keys_until ON webhook.keys (until);

-- Deliveries that wait.
CREATE TABLE webhook.queue (
  lane       bigint      NOT NULL,
  id         bigint      NOT NULL,
  due_at     timestamptz NOT NULL,
  created_at timestamptz NOT NULL,
  event_id   uuid        NOT NULL,
  delay      bigint      NOT NULL DEFAULT 0, -- nanoseconds before due_at
  of_id      bigint,
  attempts   int         NOT NULL DEFAULT 0,
  gone       bool        NOT NULL DEFAULT false, -- every answer was 410
  resend     bool        NOT NULL DEFAULT false,
  moot       bool        NOT NULL DEFAULT false, -- repeats what was delivered
  type       text        NOT NULL,
  op         text,
  PRIMARY KEY (lane, id)
) WITH (fillfactor = 90, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.05);
-- Both are partial, so that what looks for one delivery of a lane cannot read by
-- them, however few the planner believes the lane to have.
CREATE INDEX queue_due ON webhook.queue (lane, due_at, id) WHERE NOT resend;
CREATE INDEX queue_resend ON webhook.queue (lane, due_at, id) WHERE resend;
CREATE INDEX queue_created ON webhook.queue (created_at);
CREATE INDEX queue_again ON webhook.queue (event_id) WHERE of_id IS NOT NULL;

-- Deliveries that ended: one row for each, with the attempt that ended it in
-- the columns from token on.
CREATE TABLE webhook.log (
  lane        bigint      NOT NULL,
  id          bigint      NOT NULL,
  created_at  timestamptz NOT NULL,
  finished_at timestamptz NOT NULL,
  event_id    uuid        NOT NULL,
  of_id       bigint,
  resent_as   bigint,
  token       bigint,     -- null if nothing was sent at the end
  took        bigint,     -- nanoseconds
  n           int,
  status      int,
  seq         int,        -- order among what was recorded at the same time
  attempts    int         NOT NULL,
  state       smallint    NOT NULL, -- 2 delivered, 3 dead
  resend      bool        NOT NULL,
  moot        bool        NOT NULL,
  undelivered bool        NOT NULL,
  gone        bool        NOT NULL,
  reason      text,
  class       text,
  error       text,
  response    bytea,
  op          text,
  PRIMARY KEY (lane, id)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05, autovacuum_analyze_threshold = 200000);
CREATE INDEX log_undelivered ON webhook.log (lane, id) WHERE undelivered;
CREATE INDEX log_dead ON webhook.log (lane, id) WHERE state = 3;
CREATE INDEX log_finished ON webhook.log (finished_at);
CREATE INDEX log_again ON webhook.log (event_id) WHERE of_id IS NOT NULL;

-- All other attempts: those before the last, and superseded ones.
CREATE TABLE webhook.attempts (
  lane     bigint      NOT NULL,
  id       bigint      NOT NULL, -- of the delivery
  token    bigint      NOT NULL,
  at       timestamptz NOT NULL,
  took     bigint      NOT NULL, -- nanoseconds
  n        int         NOT NULL,
  status   int         NOT NULL,
  seq      int         NOT NULL,
  result   text        NOT NULL,
  class    text        NOT NULL,
  error    text        NOT NULL,
  response bytea,
  PRIMARY KEY (lane, id, n, token)
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_insert_scale_factor = 0.05);

-- One row: seq counts the changes of pauses; lanes that were parked before
-- lifted are ready again.
CREATE TABLE webhook.control (
  one    bool   PRIMARY KEY DEFAULT true CHECK (one),
  seq    bigint NOT NULL,
  lifted bigint NOT NULL
);
INSERT INTO webhook.control (seq, lifted) VALUES (1, 0);

CREATE TABLE webhook.pauses (
  account text NOT NULL,
  type    text NOT NULL,
  host    text NOT NULL,
  PRIMARY KEY (account, type, host)
);
