-- +goose Up
-- From this migration on, large payloads of events are compressed (pack.go). A program that
-- does not know this would send them compressed. No such program was ever released, so the
-- change need not wait for a release in between; see docs/adr/0010.
UPDATE compatible SET since = 10;
