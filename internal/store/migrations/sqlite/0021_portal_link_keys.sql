-- +goose Up
-- SHA-256 of the text of the API key that created the link. The link ends with it. NULL or zeros: the admin key created
-- the link, or a program of the release before.
ALTER TABLE portal_links ADD COLUMN made_with BLOB;
