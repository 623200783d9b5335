-- +goose Up
-- Times are microseconds since 1970 (UTC); 0 or NULL where there is none.
-- Ids are UUIDv7 as 16 bytes. "sealed" columns are encrypted, see seal.go.

CREATE TABLE tenants (
    id         TEXT    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    metadata   TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    deleted_at INTEGER             -- set while what it owned is being removed
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
    config        BLOB    NOT NULL, -- sealed; the newest of endpoint_versions
    secrets       BLOB    NOT NULL, -- sealed
    last_run_at   INTEGER,
    last_status   TEXT    NOT NULL DEFAULT '',
    failing_since INTEGER
) WITHOUT ROWID;
CREATE INDEX endpoints_by_tenant ON endpoints (tenant, id);

-- What a delivery was rendered with, kept while a delivery may be sent again.
CREATE TABLE endpoint_versions (
    endpoint BLOB    NOT NULL,
    version  INTEGER NOT NULL,
    config   BLOB    NOT NULL,      -- sealed
    PRIMARY KEY (endpoint, version)
) WITHOUT ROWID;

-- A rowid table: payloads may be large, and rows only ever land at the end.
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

-- due_at drives the work: NULL finished, 0 in a sender's hands, else when (of
-- an ordered endpoint: the place in the order) to send. The deliveries of one
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
-- The rare outcomes people look for; the common one costs no index entry. Written
-- with OR: for IN, SQLite builds a table of its own at every insert and update.
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
    cursor      BLOB    NOT NULL,   -- last event looked at
    examined    INTEGER NOT NULL,
    requeued    INTEGER NOT NULL,
    state       TEXT    NOT NULL,   -- running, done, cancelled
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) WITHOUT ROWID;
CREATE INDEX recoveries_by_endpoint ON recoveries (endpoint, id);
