-- +goose Up
-- The key that began a bulk action, which goes on only as long as the key is good; NULL: the admin key, or a portal link.
-- And why it was stopped; empty: it was not.
ALTER TABLE bulk_actions ADD COLUMN by_key BYTEA;
ALTER TABLE bulk_actions ADD COLUMN reason TEXT NOT NULL DEFAULT '';
