-- +goose Up
-- Sessions of the console and the portal that somebody has ended. Sessions themselves are sealed texts that browsers
-- keep. A row is needed until the session would have ended by itself.
CREATE TABLE ended_sessions (
    id      BLOB    NOT NULL PRIMARY KEY,
    ends_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX ended_sessions_by_end ON ended_sessions (ends_at);
