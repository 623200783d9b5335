-- +goose Up
-- Credentials of receivers, see hook.Credential. The row of a deleted one is removed at
-- once, which makes its tokens invalid; its endpoint is kept for the history.
CREATE TABLE credentials (
    id               BLOB    NOT NULL PRIMARY KEY,
    tenant           TEXT    NOT NULL,
    contract         TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    endpoint         BLOB,              -- NULL: none
    generation       INTEGER NOT NULL,  -- number of the key that signs its tokens
    token_expires_at INTEGER NOT NULL,  -- of the newest token
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    sealed           BLOB    NOT NULL   -- sealed: key, hash of the secret, key that signs its tokens
) WITHOUT ROWID;
CREATE INDEX credentials_by_tenant ON credentials (tenant, id);
CREATE UNIQUE INDEX credentials_by_endpoint ON credentials (endpoint) WHERE endpoint IS NOT NULL;
