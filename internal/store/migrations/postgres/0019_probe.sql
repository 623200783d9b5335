-- +goose Up
-- See sqlite/0015_probe.sql. Here there is one row.
CREATE TABLE probe (
    id     BIGINT NOT NULL PRIMARY KEY,
    at     BIGINT NOT NULL,
    filler BYTEA  NOT NULL
);
