-- +goose Up
-- See sqlite/0006_schedules.sql.
CREATE TABLE schedules (
    tenant        TEXT COLLATE "C" NOT NULL,
    contract      TEXT COLLATE "C" NOT NULL,
    type          TEXT COLLATE "C" NOT NULL,
    rhythm        TEXT   NOT NULL,
    start_at      BIGINT NOT NULL,
    next_at       BIGINT,
    claim         BYTEA,
    claimed_by    TEXT   NOT NULL DEFAULT '',
    claimed_until BIGINT,
    snapshot      BYTEA,
    last          BYTEA,
    PRIMARY KEY (tenant, contract, type)
);
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
