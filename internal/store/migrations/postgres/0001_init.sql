-- +goose Up
-- The tables of sqlite/0001_init.sql, which explains them. The types differ, and history is
-- partitioned by time: ids begin with their time and are compared as bytes, so a range of
-- ids is a span of time (see partition in postgres_engine.go). Texts that are compared or
-- sorted have COLLATE "C": they sort by their bytes, as in SQLite, whatever the collation
-- of the database.

CREATE TABLE tenants (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    metadata   TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    deleted_at BIGINT
);

CREATE TABLE keys (
    id         BYTEA  NOT NULL PRIMARY KEY,
    name       TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    tenant     TEXT COLLATE "C" NOT NULL,
    hash       BYTEA  NOT NULL UNIQUE,
    hint       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);

CREATE TABLE contracts (
    name       TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    source     BYTEA  NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE endpoints (
    id            BYTEA  NOT NULL PRIMARY KEY,
    tenant        TEXT COLLATE "C" NOT NULL,
    name          TEXT   NOT NULL,
    contract      TEXT   NOT NULL,
    state         TEXT   NOT NULL,
    state_reason  TEXT   NOT NULL,
    state_at      BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    updated_at    BIGINT NOT NULL,
    version       BIGINT NOT NULL,
    config        BYTEA  NOT NULL,
    secrets       BYTEA  NOT NULL,
    last_run_at   BIGINT,
    last_status   TEXT   NOT NULL DEFAULT '',
    failing_since BIGINT
);
CREATE INDEX endpoints_by_tenant ON endpoints (tenant, id);

CREATE TABLE endpoint_versions (
    endpoint BYTEA  NOT NULL,
    version  BIGINT NOT NULL,
    config   BYTEA  NOT NULL,
    PRIMARY KEY (endpoint, version)
);

CREATE TABLE events (
    tenant      TEXT COLLATE "C" NOT NULL,
    id          BYTEA  NOT NULL,
    contract    TEXT   NOT NULL,
    type        TEXT   NOT NULL,
    external_id TEXT COLLATE "C",
    source      TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    payload     BYTEA  NOT NULL,
    PRIMARY KEY (tenant, id)
) PARTITION BY RANGE (id);
CREATE INDEX events_by_external_id ON events (tenant, external_id) WHERE external_id IS NOT NULL;

CREATE TABLE deliveries (
    tenant           TEXT COLLATE "C" NOT NULL,
    id               BYTEA   NOT NULL,
    endpoint         BYTEA   NOT NULL,
    type             TEXT    NOT NULL,
    mode             TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    reason           TEXT    NOT NULL,
    test             BOOLEAN NOT NULL,
    attempts         INTEGER NOT NULL,
    slot             INTEGER NOT NULL,
    due_at           BIGINT,
    next_attempt_at  BIGINT,
    created_at       BIGINT  NOT NULL,
    finished_at      BIGINT,
    endpoint_version BIGINT  NOT NULL,
    contract_version BIGINT  NOT NULL,
    PRIMARY KEY (tenant, id)
) PARTITION BY RANGE (id);
CREATE INDEX deliveries_by_endpoint ON deliveries (endpoint, id);
CREATE INDEX deliveries_due ON deliveries (endpoint, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX deliveries_trouble ON deliveries (tenant, state, id)
    WHERE state = 'failed' OR state = 'unknown' OR state = 'cancelled';

CREATE TABLE attempts (
    delivery BYTEA   NOT NULL,
    number   INTEGER NOT NULL,
    data     BYTEA   NOT NULL,
    PRIMARY KEY (delivery, number)
) PARTITION BY RANGE (delivery);

CREATE TABLE bodies (
    delivery BYTEA NOT NULL PRIMARY KEY,
    body     BYTEA NOT NULL
) PARTITION BY RANGE (delivery);

-- Rows without a partition of their own go here, so that none is refused.
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE TABLE deliveries_rest PARTITION OF deliveries DEFAULT;
CREATE TABLE attempts_rest PARTITION OF attempts DEFAULT;
CREATE TABLE bodies_rest PARTITION OF bodies DEFAULT;

-- The partitions. Each is the tables events_N, deliveries_N, attempts_N and bodies_N, for
-- ids that were made at since or later and before until.
CREATE TABLE partitions (
    number BIGINT NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    since  BIGINT NOT NULL UNIQUE,
    until  BIGINT NOT NULL
);

CREATE TABLE idempotency (
    tenant     TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    hash       BYTEA  NOT NULL,
    answer     BYTEA  NOT NULL,
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (tenant, key)
);
CREATE INDEX idempotency_by_expiry ON idempotency (expires_at);

CREATE TABLE recoveries (
    id          BYTEA  NOT NULL PRIMARY KEY,
    tenant      TEXT COLLATE "C" NOT NULL,
    endpoint    BYTEA  NOT NULL,
    since       BIGINT NOT NULL,
    until       BIGINT NOT NULL,
    states      TEXT   NOT NULL,
    cursor      BYTEA  NOT NULL,
    examined    BIGINT NOT NULL,
    requeued    BIGINT NOT NULL,
    state       TEXT   NOT NULL,
    created_at  BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX recoveries_by_endpoint ON recoveries (endpoint, id);
