-- +goose Up
-- One row for each tenant, contract and event type that has a schedule. It is added with
-- the first active endpoint. If there is no active endpoint any more, the row stays and
-- nothing runs.
CREATE TABLE schedules (
    tenant        TEXT    NOT NULL,
    contract      TEXT    NOT NULL,
    type          TEXT    NOT NULL,
    rhythm        TEXT    NOT NULL,   -- as the contract has it, to notice when it changes
    start_at      INTEGER NOT NULL,   -- when the rhythm began
    next_at       INTEGER,            -- NULL: nothing runs
    claim         BLOB,               -- of the run in progress
    claimed_by    TEXT    NOT NULL DEFAULT '',
    claimed_until INTEGER,
    snapshot      BLOB,               -- the event of the latest run that made one
    last          BLOB,               -- the latest run as JSON, see schedule.go
    PRIMARY KEY (tenant, contract, type)
) WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
