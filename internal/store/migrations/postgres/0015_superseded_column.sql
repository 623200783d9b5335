-- +goose Up
-- See sqlite/0011_superseded.sql.
ALTER TABLE deliveries ADD COLUMN superseded BOOLEAN NOT NULL DEFAULT false;

UPDATE deliveries SET superseded = true WHERE due_at = 0 AND reason = 'superseded';
UPDATE deliveries SET superseded = true WHERE state = 'cancelled' AND reason = 'superseded';
