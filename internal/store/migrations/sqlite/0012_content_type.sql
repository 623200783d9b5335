-- +goose Up
-- The media type of a payload; '' is application/json. It stands after the payload, and
-- reading it does not read the payload's pages as long as it is ''.
ALTER TABLE events ADD COLUMN content_type TEXT NOT NULL DEFAULT '';
