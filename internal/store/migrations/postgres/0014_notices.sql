-- +goose Up
-- What nodes tell those who watch at other nodes, see docs/adr/0011. It is gone
-- after seconds.
CREATE TABLE notices (
    source BIGINT NOT NULL,   -- a process
    number BIGINT NOT NULL,   -- counted by it, in the order of its commits
    at     BIGINT NOT NULL,
    data   BYTEA  NOT NULL,
    PRIMARY KEY (source, number)
);

-- Processes at which somebody watches.
CREATE TABLE watchers (
    source     BIGINT NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
