-- +goose Up
-- See sqlite/0032_portal_access.sql.
ALTER TABLE portal_links ADD COLUMN access TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tenants ADD COLUMN portal TEXT NOT NULL DEFAULT '{}';
