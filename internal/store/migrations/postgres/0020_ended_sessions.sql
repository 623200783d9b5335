-- +goose Up
-- See sqlite/0016_ended_sessions.sql.
CREATE TABLE ended_sessions (
    id      BYTEA  NOT NULL PRIMARY KEY,
    ends_at BIGINT NOT NULL
);
CREATE INDEX ended_sessions_by_end ON ended_sessions (ends_at);
