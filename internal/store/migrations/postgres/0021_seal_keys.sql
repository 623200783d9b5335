-- +goose Up
-- See sqlite/0017_seal_keys.sql.
CREATE TABLE seal_keys (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    proof      BYTEA   NOT NULL,
    form       INTEGER NOT NULL,
    state      TEXT    NOT NULL, -- next, active, old or retired
    created_at BIGINT  NOT NULL
);
