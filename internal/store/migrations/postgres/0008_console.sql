-- +goose Up
-- See sqlite/0007_console.sql.
CREATE TABLE stats (
    tenant    TEXT COLLATE "C" NOT NULL,
    endpoint  BYTEA    NOT NULL,
    span      BIGINT NOT NULL,     -- seconds that a row counts: 60 or 3600
    at        BIGINT NOT NULL,     -- its start
    delivered BIGINT NOT NULL,
    failed    BIGINT NOT NULL,
    unknown   BIGINT NOT NULL,
    cancelled BIGINT NOT NULL,
    retrying  BIGINT NOT NULL,
    -- requests by their duration, see hook.LatencyBounds
    t0  BIGINT NOT NULL, t1  BIGINT NOT NULL, t2  BIGINT NOT NULL, t3  BIGINT NOT NULL, t4  BIGINT NOT NULL,
    t5  BIGINT NOT NULL, t6  BIGINT NOT NULL, t7  BIGINT NOT NULL, t8  BIGINT NOT NULL, t9  BIGINT NOT NULL,
    t10 BIGINT NOT NULL, t11 BIGINT NOT NULL, t12 BIGINT NOT NULL, t13 BIGINT NOT NULL, t14 BIGINT NOT NULL,
    t15 BIGINT NOT NULL, t16 BIGINT NOT NULL, t17 BIGINT NOT NULL, t18 BIGINT NOT NULL, t19 BIGINT NOT NULL,
    t20 BIGINT NOT NULL, t21 BIGINT NOT NULL, t22 BIGINT NOT NULL, t23 BIGINT NOT NULL,
    PRIMARY KEY (tenant, endpoint, span, at)
);
CREATE INDEX stats_by_age ON stats (span, at);

CREATE INDEX endpoints_failing ON endpoints (tenant, failing_since) WHERE failing_since IS NOT NULL;

CREATE TABLE audit (
    id         BYTEA NOT NULL PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,       -- '' if the action concerns no tenant
    actor      TEXT NOT NULL,       -- key, session, portal or system
    actor_key  TEXT NOT NULL,       -- id of the key, '' if it has none
    actor_name TEXT NOT NULL,
    actor_role TEXT NOT NULL,
    action     TEXT NOT NULL,
    object     TEXT NOT NULL,       -- its id
    name       TEXT NOT NULL,       -- name of the object at that time
    fields     TEXT NOT NULL,       -- names of the changed fields, comma separated
    reason     TEXT NOT NULL
);
CREATE INDEX audit_by_tenant ON audit (tenant, id);

ALTER TABLE recoveries ADD COLUMN total BIGINT NOT NULL DEFAULT 0;
