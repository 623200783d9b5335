-- +goose Up
-- Retrying or cancelling many deliveries, in the background and step by step.
CREATE TABLE bulk_actions (
    id          BLOB    NOT NULL PRIMARY KEY,
    tenant      TEXT    NOT NULL,
    kind        TEXT    NOT NULL,   -- retry, cancel
    filter      TEXT    NOT NULL,   -- JSON, see store/bulk_action.go
    cursor      BLOB    NOT NULL,   -- the last delivery that was looked at
    examined    INTEGER NOT NULL,
    changed     INTEGER NOT NULL,
    left_alone  TEXT    NOT NULL,   -- JSON: counts by reason
    total       INTEGER NOT NULL,   -- -1: not counted
    state       TEXT    NOT NULL,   -- running, done, stopped
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) WITHOUT ROWID;
CREATE INDEX bulk_actions_by_tenant ON bulk_actions (tenant, id);

-- Filters of deliveries that people gave names.
CREATE TABLE saved_filters (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    name       TEXT    NOT NULL,
    query      TEXT    NOT NULL,    -- JSON: texts by names
    portal     INTEGER NOT NULL,    -- made in the portal
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX saved_filters_by_name ON saved_filters (tenant, portal, name);
