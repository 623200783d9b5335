-- +goose Up
-- How many values did not open when a rotation went away from the key. A program that does not know it leaves it at 0.
ALTER TABLE seal_keys ADD COLUMN damaged INTEGER NOT NULL DEFAULT 0;
