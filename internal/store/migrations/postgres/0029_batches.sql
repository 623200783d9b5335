-- +goose Up
-- See sqlite/0025_batches.sql.
ALTER TABLE deliveries ADD COLUMN batch BYTEA;
