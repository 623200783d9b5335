-- +goose Up
-- See sqlite/0035_last_tests.sql.
ALTER TABLE endpoints ADD COLUMN last_test_at BIGINT;
ALTER TABLE endpoints ADD COLUMN last_test_status TEXT NOT NULL DEFAULT '';
