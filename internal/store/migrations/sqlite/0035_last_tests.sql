-- +goose Up
-- How the latest test of an endpoint ended: 'delivered', or the error class; '' if there was none.
ALTER TABLE endpoints ADD COLUMN last_test_at INTEGER;
ALTER TABLE endpoints ADD COLUMN last_test_status TEXT NOT NULL DEFAULT '';
