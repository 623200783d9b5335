-- +goose Up
-- See sqlite/0003_credentials.sql.
CREATE TABLE credentials (
    id               BYTEA  NOT NULL PRIMARY KEY,
    tenant           TEXT COLLATE "C" NOT NULL,
    contract         TEXT   NOT NULL,
    name             TEXT   NOT NULL,
    state            TEXT   NOT NULL,
    endpoint         BYTEA,
    generation       BIGINT NOT NULL,
    token_expires_at BIGINT NOT NULL,
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    sealed           BYTEA  NOT NULL
);
CREATE INDEX credentials_by_tenant ON credentials (tenant, id);
CREATE UNIQUE INDEX credentials_by_endpoint ON credentials (endpoint) WHERE endpoint IS NOT NULL;
