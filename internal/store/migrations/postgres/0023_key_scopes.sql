-- +goose Up
-- See sqlite/0019_key_scopes.sql.
ALTER TABLE keys ADD COLUMN limits TEXT NOT NULL DEFAULT '';
ALTER TABLE keys ADD COLUMN last_used_at BIGINT;

CREATE TABLE key_texts (
    hash    BYTEA NOT NULL PRIMARY KEY,
    key     BYTEA NOT NULL,
    hint    TEXT NOT NULL,
    ends_at BIGINT
);
CREATE INDEX key_texts_by_key ON key_texts (key);
