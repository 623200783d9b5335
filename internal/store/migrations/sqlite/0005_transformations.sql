-- +goose Up
-- The rest of a request that a script had a hand in: method, URL and headers.
ALTER TABLE bodies ADD COLUMN head BLOB; -- sealed; NULL: as the versions render it
