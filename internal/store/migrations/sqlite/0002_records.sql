-- +goose Up
-- The current state of what products keep here. Documents are what payloads are
-- made of, and like those they are not sealed.
--
-- A rowid table: documents may be large. The document comes last, so that asking
-- for a version does not read through it.
CREATE TABLE records (
    tenant     TEXT    NOT NULL,
    contract   TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    version    INTEGER NOT NULL,   -- grows with every change, also over a deletion
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    document   BLOB    NOT NULL,
    PRIMARY KEY (tenant, contract, kind, key)
);
