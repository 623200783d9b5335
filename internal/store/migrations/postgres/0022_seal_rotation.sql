-- +goose Up
-- See sqlite/0018_seal_rotation.sql.
ALTER TABLE seal_keys ADD COLUMN done BIGINT NOT NULL DEFAULT 0;
ALTER TABLE seal_keys ADD COLUMN total BIGINT NOT NULL DEFAULT 0;
-- The ids of the encryption keys that a node has, separated by spaces, the one first with which it
-- seals. A program that does not know this column leaves it empty.
ALTER TABLE nodes ADD COLUMN seal_keys TEXT NOT NULL DEFAULT '';
