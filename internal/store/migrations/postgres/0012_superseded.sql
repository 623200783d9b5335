-- +goose Up
-- A delivery whose place a newer snapshot took, for whoever has it in memory.
ALTER TABLE signals ADD COLUMN delivery BYTEA;
