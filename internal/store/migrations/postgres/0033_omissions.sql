-- +goose Up
-- See sqlite/0029_omissions.sql.
CREATE TABLE omissions (
    tenant   TEXT COLLATE "C" NOT NULL,
    id       BYTEA  NOT NULL,
    at       BIGINT NOT NULL,
    contract TEXT   NOT NULL,
    type     TEXT   NOT NULL,
    endpoint BYTEA  NOT NULL,
    reason   TEXT   NOT NULL,
    count    BIGINT NOT NULL,
    unkept   BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    examples BYTEA,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX omissions_at ON omissions (at);
ALTER TABLE stats ADD COLUMN left_out BIGINT NOT NULL DEFAULT 0;
