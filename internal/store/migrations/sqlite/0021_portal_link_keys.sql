-- +goose Up
-- SHA-256 of the text of the API key that created the link, or of the admin key. The link ends with it. NULL: a program of
-- the release before created the link.
ALTER TABLE portal_links ADD COLUMN made_with BLOB;
