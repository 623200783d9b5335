-- +goose Up
-- Large payloads of events are compressed from here on (pack.go), and a program that
-- does not know would send them so.
UPDATE compatible SET since = 10;
