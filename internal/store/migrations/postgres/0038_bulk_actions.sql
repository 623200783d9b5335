-- +goose Up
-- Retrying or cancelling many deliveries, in the background and step by step.
CREATE TABLE bulk_actions (
    id          BYTEA   NOT NULL PRIMARY KEY,
    tenant      TEXT COLLATE "C" NOT NULL,
    kind        TEXT    NOT NULL,   -- retry, cancel
    filter      TEXT    NOT NULL,   -- JSON, see store/bulk_action.go
    cursor      BYTEA   NOT NULL,   -- the last delivery that was looked at
    examined    BIGINT  NOT NULL,
    changed     BIGINT  NOT NULL,
    left_alone  TEXT    NOT NULL,   -- JSON: counts by reason
    total       BIGINT  NOT NULL,   -- -1: not counted
    state       TEXT    NOT NULL,   -- running, done, stopped
    created_at  BIGINT  NOT NULL,
    finished_at BIGINT 
);
CREATE INDEX bulk_actions_by_tenant ON bulk_actions (tenant, id);

-- Filters of deliveries that people gave names.
CREATE TABLE saved_filters (
    id         BYTEA   NOT NULL PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    query      TEXT    NOT NULL,    -- JSON: texts by names
    portal     BOOLEAN NOT NULL,    -- made in the portal
    created_at BIGINT  NOT NULL
);
CREATE UNIQUE INDEX saved_filters_by_name ON saved_filters (tenant, portal, name);
