-- +goose Up
-- What errors left out: events that changes of records did not fire, and events that endpoints did not get. A row counts
-- one hour and one reason. hook.Omission has the meaning of the columns.
CREATE TABLE omissions (
    tenant   TEXT    NOT NULL,
    id       BLOB    NOT NULL,   -- begins with the hour; the rest is a hash of contract, type, endpoint and reason
    at       INTEGER NOT NULL,   -- start of the hour, in microseconds
    contract TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    endpoint BLOB    NOT NULL,   -- zeros: the events did not come to be
    reason   TEXT    NOT NULL,
    count    INTEGER NOT NULL,
    unkept   INTEGER NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    examples BLOB,               -- sealed; NULL: erased
    PRIMARY KEY (tenant, id)
);
CREATE INDEX omissions_at ON omissions (at);
ALTER TABLE stats ADD COLUMN left_out INTEGER NOT NULL DEFAULT 0;
