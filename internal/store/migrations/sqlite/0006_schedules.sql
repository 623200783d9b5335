-- +goose Up
-- One row per tenant, contract and event type that is made on a schedule, from
-- the first active endpoint on. Without one the row stays, and nothing runs.
CREATE TABLE schedules (
    tenant        TEXT    NOT NULL,
    contract      TEXT    NOT NULL,
    type          TEXT    NOT NULL,
    rhythm        TEXT    NOT NULL,   -- what the contract says, to see that it changed
    start_at      INTEGER NOT NULL,   -- when the rhythm began
    next_at       INTEGER,            -- NULL: nothing runs
    claim         BLOB,               -- of the run that is under way
    claimed_by    TEXT    NOT NULL DEFAULT '',
    claimed_until INTEGER,
    snapshot      BLOB,               -- the event of the latest run that made one
    last          BLOB,               -- JSON of the latest run, see schedule.go
    PRIMARY KEY (tenant, contract, type)
) WITHOUT ROWID;
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
