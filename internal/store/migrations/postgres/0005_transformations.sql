-- +goose Up
-- See sqlite/0005_transformations.sql.
ALTER TABLE bodies ADD COLUMN head BYTEA;
