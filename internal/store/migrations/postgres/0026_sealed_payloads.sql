-- +goose Up
-- See sqlite/0022_sealed_payloads.sql.
-- The last migration that the program of a node knows. A program that does not know this column leaves it at 0.
ALTER TABLE nodes ADD COLUMN knows INTEGER NOT NULL DEFAULT 0;
