-- +goose Up
-- See sqlite/0011_superseded.sql.
ALTER TABLE deliveries ADD COLUMN superseded BOOLEAN NOT NULL DEFAULT false;
