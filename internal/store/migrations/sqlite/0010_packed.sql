-- +goose Up
-- Large payloads of events are compressed from here on (pack.go), and a program that
-- does not know would send them so. None that does not was ever released, so this need
-- not wait for a release in between; see docs/adr/0010.
UPDATE compatible SET since = 10;
