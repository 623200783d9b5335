-- +goose Up
-- Times are microseconds since 1970 (UTC); 0 or NULL if there is none. Ids are UUIDv7 as
-- 16 bytes. Columns called sealed are encrypted, see seal.go.

CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    metadata   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER             -- set while its data is being removed
) WITHOUT ROWID;

CREATE TABLE keys (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    tenant     TEXT    NOT NULL,   -- '' for all tenants
    hash       BLOB    NOT NULL UNIQUE,
    hint       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) WITHOUT ROWID;

CREATE TABLE contracts (
    name       TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    source     BLOB    NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) WITHOUT ROWID;

CREATE TABLE endpoints (
    id            BLOB    NOT NULL PRIMARY KEY,
    tenant        TEXT    NOT NULL,
    name          TEXT    NOT NULL,
    contract      TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    state_reason  TEXT    NOT NULL,
    state_at      INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    config        BLOB    NOT NULL, -- sealed; equal to the newest in endpoint_versions
    secrets       BLOB    NOT NULL, -- sealed
    last_run_at   INTEGER,
    last_status   TEXT    NOT NULL DEFAULT '',
    failing_since INTEGER
) WITHOUT ROWID;
CREATE INDEX endpoints_by_tenant ON endpoints (tenant, id);

-- Configurations with which deliveries were rendered. They are kept as long as such a
-- delivery may be sent again.
CREATE TABLE endpoint_versions (
    endpoint BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    config   BLOB    NOT NULL,      -- sealed
    PRIMARY KEY (endpoint, version)
) WITHOUT ROWID;

-- A table with rowids, because payloads may be large and rows are added only at the end.
CREATE TABLE events (
    tenant      TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    contract    TEXT    NOT NULL,
    type        TEXT    NOT NULL,
    external_id TEXT,
    source      TEXT    NOT NULL,
    created_at  INTEGER NOT NULL,
    payload     BLOB    NOT NULL,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX events_by_external_id ON events (tenant, external_id) WHERE external_id IS NOT NULL;

-- due_at is the queue: NULL if the delivery is finished, 0 while it is being sent, otherwise
-- when to send it (of an ordered endpoint: its place in the order). The deliveries of one
-- event are a range of the primary key, see hook.DeliveryID.
CREATE TABLE deliveries (
    tenant           TEXT    NOT NULL,
    id               BLOB    NOT NULL,
    endpoint         BLOB    NOT NULL,
    type             TEXT    NOT NULL,
    mode             TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    test             INTEGER NOT NULL,
    attempts         INTEGER NOT NULL,
    slot             INTEGER NOT NULL,
    due_at           INTEGER,
    next_attempt_at  INTEGER,
    created_at       INTEGER NOT NULL,
    finished_at      INTEGER,
    endpoint_version INTEGER NOT NULL,
    contract_version INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint, id);
CREATE INDEX deliveries_due ON deliveries (endpoint, due_at, id) WHERE due_at IS NOT NULL;
-- For the rare states that people look for; the common one needs no index entry. The
-- condition has OR, because for IN SQLite builds a table at every insert and update.
CREATE INDEX deliveries_trouble ON deliveries (tenant, state, id)
    WHERE state = 'failed' OR state = 'unknown' OR state = 'cancelled';

CREATE TABLE attempts (
    delivery BLOB    NOT NULL,
    number   INTEGER NOT NULL,
    data     BLOB    NOT NULL,      -- JSON, see attempt.go
    PRIMARY KEY (delivery, number)
) WITHOUT ROWID;

-- Rendered bodies that differ from the event's payload, frozen at the first attempt.
CREATE TABLE bodies (
    delivery BLOB NOT NULL PRIMARY KEY,
    body     BLOB NOT NULL          -- sealed
);

CREATE TABLE idempotency (
    tenant     TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    hash       BLOB    NOT NULL,
    answer     BLOB    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) WITHOUT ROWID;
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

CREATE TABLE recoveries (
    id          BLOB    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    endpoint    BLOB    NOT NULL,
    since       INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    states      TEXT    NOT NULL,   -- comma separated
    cursor      BLOB    NOT NULL,   -- the last event that was looked at
    examined    INTEGER NOT NULL,
    requeued    INTEGER NOT NULL,
    state       TEXT    NOT NULL,   -- running, done, cancelled
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) WITHOUT ROWID;
CREATE INDEX recoveries_by_endpoint ON recoveries (endpoint, id);
