-- +goose Up
-- Payloads, documents and stored answers can be sealed from this migration on (payload.go). A program that does not
-- know that is shut out when it is asked for the first time, not here.
SELECT 1;
