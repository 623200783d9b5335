-- +goose Up
-- How far the values under a key that was replaced are sealed under the new one: rows that were
-- looked at, of about how many.
ALTER TABLE seal_keys ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
ALTER TABLE seal_keys ADD COLUMN total INTEGER NOT NULL DEFAULT 0;
