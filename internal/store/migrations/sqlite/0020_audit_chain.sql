-- +goose Up

-- The audit is a chain, see docs/audit.md. An entry without seq has no place yet: it was there before this migration,
-- or a program of the release before wrote it. The next entry that a newer program writes gives it one.
ALTER TABLE audit ADD COLUMN address     TEXT    NOT NULL DEFAULT '';   -- from which the actor came
ALTER TABLE audit ADD COLUMN count       INTEGER NOT NULL DEFAULT 1;    -- how often, in one entry
ALTER TABLE audit ADD COLUMN seq         INTEGER;   -- place in the chain of the installation, from 1
ALTER TABLE audit ADD COLUMN salt        BLOB;      -- random, part of the content
ALTER TABLE audit ADD COLUMN digest      BLOB;      -- SHA-256 of the content
ALTER TABLE audit ADD COLUMN hash        BLOB;      -- over the place, the hash before, and the digest
ALTER TABLE audit ADD COLUMN tenant_seq  INTEGER;   -- the same in the chain of the tenant
ALTER TABLE audit ADD COLUMN tenant_hash BLOB;
ALTER TABLE audit ADD COLUMN adopted     INTEGER NOT NULL DEFAULT 0;    -- got its place later than it was written
ALTER TABLE audit ADD COLUMN erased      INTEGER NOT NULL DEFAULT 0;    -- only id, place and digest are left
ALTER TABLE audit ADD COLUMN erased_by   BLOB;      -- the entry that says why
CREATE UNIQUE INDEX audit_by_seq ON audit (seq);
CREATE INDEX audit_by_tenant_seq ON audit (tenant, tenant_seq);
CREATE INDEX audit_pending ON audit (id) WHERE seq IS NULL;

-- The ends of each chain. Whoever adds to a chain, or removes from it, locks the row of '' first.
CREATE TABLE audit_chains (
    tenant    TEXT    NOT NULL PRIMARY KEY,     -- '' for the chain of the installation
    seq       INTEGER NOT NULL,                 -- of the last entry
    hash      BLOB    NOT NULL,
    base_seq  INTEGER NOT NULL,                 -- of the last entry that retention removed; 0: none
    base_hash BLOB    NOT NULL
) WITHOUT ROWID;
