-- +goose Up
-- See sqlite/0012_content_type.sql.
ALTER TABLE events ADD COLUMN content_type TEXT NOT NULL DEFAULT '';
