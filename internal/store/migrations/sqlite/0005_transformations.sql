-- +goose Up
-- Method, URL and headers of a request that a script made.
ALTER TABLE bodies ADD COLUMN head BLOB; -- sealed; NULL: as the versions render it
