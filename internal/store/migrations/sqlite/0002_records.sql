-- +goose Up
-- The current state of the objects that products store here. Payloads are made from the
-- documents; like payloads, they are not encrypted.
--
-- A table with rowids, because documents may be large. The document is the last column, so
-- that reading a version does not read the document.
CREATE TABLE records (
    tenant     TEXT    NOT NULL,
    contract   TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    key        TEXT    NOT NULL,
    version    INTEGER NOT NULL,   -- grows with every change, also if the record is deleted and made again
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    document   BLOB    NOT NULL,
    PRIMARY KEY (tenant, contract, kind, key)
);
