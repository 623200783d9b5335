-- +goose Up
-- See sqlite/0021_portal_link_keys.sql.
ALTER TABLE portal_links ADD COLUMN made_with BYTEA;
