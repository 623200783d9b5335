-- +goose Up
-- See sqlite/0028_debounces.sql.
CREATE TABLE debounces (
    tenant   TEXT COLLATE "C" NOT NULL,
    endpoint BYTEA  NOT NULL,
    key      BYTEA  NOT NULL,
    delivery BYTEA  NOT NULL,
    since    BIGINT NOT NULL,
    until    BIGINT NOT NULL,
    PRIMARY KEY (endpoint, key)
);
CREATE INDEX debounces_until ON debounces (until);
CREATE INDEX debounces_tenant ON debounces (tenant);
