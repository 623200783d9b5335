-- +goose Up
-- How many attempts and deliveries of an endpoint failed in a row, see hook.GiveUp. They count only while failed_of equals
-- failing_since: programs of the release before, and whatever ends a row of failures, write failing_since alone.
ALTER TABLE endpoints ADD COLUMN failed_of INTEGER;
ALTER TABLE endpoints ADD COLUMN failed_attempts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE endpoints ADD COLUMN failed_deliveries INTEGER NOT NULL DEFAULT 0;
