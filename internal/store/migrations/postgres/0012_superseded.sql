-- +goose Up
-- A delivery that a newer snapshot superseded: for a node that has it in memory.
ALTER TABLE signals ADD COLUMN delivery BYTEA;
