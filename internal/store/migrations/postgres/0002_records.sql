-- +goose Up
-- See sqlite/0002_records.sql.
CREATE TABLE records (
    tenant     TEXT COLLATE "C" NOT NULL,
    contract   TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    version    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    document   BYTEA  NOT NULL,
    PRIMARY KEY (tenant, contract, kind, key)
);
