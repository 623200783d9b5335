-- +goose Up
-- See sqlite/0024_failures_counted.sql.
ALTER TABLE endpoints ADD COLUMN failed_of BIGINT;
ALTER TABLE endpoints ADD COLUMN failed_attempts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN failed_deliveries BIGINT NOT NULL DEFAULT 0;
