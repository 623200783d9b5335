-- +goose Up
-- See sqlite/0023_seal_damaged.sql.
ALTER TABLE seal_keys ADD COLUMN damaged BIGINT NOT NULL DEFAULT 0;
