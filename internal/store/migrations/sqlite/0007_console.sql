-- +goose Up

-- Results of deliveries, counted by time. A series counts one endpoint, one tenant (endpoint
-- is 16 zero bytes), or all tenants (tenant is '' as well). Nodes only add to the counts of
-- a row, so several nodes can do it at the same time.
CREATE TABLE stats (
    tenant    TEXT    NOT NULL,
    endpoint  BLOB    NOT NULL,
    span      INTEGER NOT NULL,     -- seconds that a row counts: 60 or 3600
    at        INTEGER NOT NULL,     -- its start
    delivered INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    unknown   INTEGER NOT NULL,
    cancelled INTEGER NOT NULL,
    retrying  INTEGER NOT NULL,
    -- requests by their duration, see hook.LatencyBounds
    t0  INTEGER NOT NULL, t1  INTEGER NOT NULL, t2  INTEGER NOT NULL, t3  INTEGER NOT NULL, t4  INTEGER NOT NULL,
    t5  INTEGER NOT NULL, t6  INTEGER NOT NULL, t7  INTEGER NOT NULL, t8  INTEGER NOT NULL, t9  INTEGER NOT NULL,
    t10 INTEGER NOT NULL, t11 INTEGER NOT NULL, t12 INTEGER NOT NULL, t13 INTEGER NOT NULL, t14 INTEGER NOT NULL,
    t15 INTEGER NOT NULL, t16 INTEGER NOT NULL, t17 INTEGER NOT NULL, t18 INTEGER NOT NULL, t19 INTEGER NOT NULL,
    t20 INTEGER NOT NULL, t21 INTEGER NOT NULL, t22 INTEGER NOT NULL, t23 INTEGER NOT NULL,
    PRIMARY KEY (tenant, endpoint, span, at)
) WITHOUT ROWID;
CREATE INDEX stats_by_age ON stats (span, at);

CREATE INDEX endpoints_failing ON endpoints (tenant, failing_since) WHERE failing_since IS NOT NULL;

-- The audit log. Each entry is written in the transaction of its change.
CREATE TABLE audit (
    id         BLOB NOT NULL PRIMARY KEY,
    tenant     TEXT NOT NULL,       -- '' if the action concerns no tenant
    actor      TEXT NOT NULL,       -- key, session, portal or system
    actor_key  TEXT NOT NULL,       -- id of the key, '' if it has none
    actor_name TEXT NOT NULL,
    actor_role TEXT NOT NULL,
    action     TEXT NOT NULL,
    object     TEXT NOT NULL,       -- its id
    name       TEXT NOT NULL,       -- name of the object at that time
    fields     TEXT NOT NULL,       -- names of the changed fields, comma separated
    reason     TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX audit_by_tenant ON audit (tenant, id);

-- Number of events in the time span of a bulk replay when it was created.
ALTER TABLE recoveries ADD COLUMN total INTEGER NOT NULL DEFAULT 0;
