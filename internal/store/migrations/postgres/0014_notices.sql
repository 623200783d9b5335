-- +goose Up
-- Notices for people who read the stream at other nodes, see docs/adr/0011. Rows are removed
-- after some seconds.
CREATE TABLE notices (
    source BIGINT NOT NULL,   -- a process
    number BIGINT NOT NULL,   -- counted by the process, in the order of its commits
    at     BIGINT NOT NULL,
    data   BYTEA  NOT NULL,
    PRIMARY KEY (source, number)
);

-- Processes at which somebody reads the stream.
CREATE TABLE watchers (
    source     BIGINT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
