-- +goose Up
-- What receivers are known by, see hook.Credential. A deleted one is gone at
-- once, so that its tokens are; its endpoint stays for the history.
CREATE TABLE credentials (
    id               BLOB    NOT NULL PRIMARY KEY,
    tenant           TEXT    NOT NULL,
    contract         TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    state            TEXT    NOT NULL,
    endpoint         BLOB,              -- NULL: it has none
    generation       INTEGER NOT NULL,  -- of the key that signs its tokens
    token_expires_at INTEGER NOT NULL,  -- of the newest token
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    sealed           BLOB    NOT NULL   -- sealed: key, hash of the secret, what signs its tokens
) WITHOUT ROWID;
CREATE INDEX credentials_by_tenant ON credentials (tenant, id);
CREATE UNIQUE INDEX credentials_by_endpoint ON credentials (endpoint) WHERE endpoint IS NOT NULL;
