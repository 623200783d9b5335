-- +goose Up
-- What the server writes to find out whether it can, see probe.go. The newest row stays.
CREATE TABLE probe (
    id     INTEGER PRIMARY KEY,
    at     INTEGER NOT NULL,
    filler BLOB    NOT NULL
);
