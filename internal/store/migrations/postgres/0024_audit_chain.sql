-- +goose Up
-- See sqlite/0020_audit_chain.sql.
ALTER TABLE audit ADD COLUMN address     TEXT    NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN count       BIGINT  NOT NULL DEFAULT 1;
ALTER TABLE audit ADD COLUMN seq         BIGINT;
ALTER TABLE audit ADD COLUMN salt        BYTEA;
ALTER TABLE audit ADD COLUMN digest      BYTEA;
ALTER TABLE audit ADD COLUMN hash        BYTEA;
ALTER TABLE audit ADD COLUMN tenant_seq  BIGINT;
ALTER TABLE audit ADD COLUMN tenant_hash BYTEA;
ALTER TABLE audit ADD COLUMN adopted     BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE audit ADD COLUMN erased      BOOLEAN NOT NULL DEFAULT FALSE;
ALTER TABLE audit ADD COLUMN erased_by   BYTEA;
CREATE UNIQUE INDEX audit_by_seq ON audit (seq);
CREATE INDEX audit_by_tenant_seq ON audit (tenant, tenant_seq);
CREATE INDEX audit_pending ON audit (id) WHERE seq IS NULL;

CREATE TABLE audit_chains (
    tenant    TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    seq       BIGINT NOT NULL,
    hash      BYTEA  NOT NULL,
    base_seq  BIGINT NOT NULL,
    base_hash BYTEA  NOT NULL
);

-- A program of the release before that leads during an upgrade would remove old entries, and those of a deleted tenant,
-- without noting it in the chain. So an entry with a place can be removed only when the base of the chain is past it,
-- which a newer program sees to. For other programs, the entry is not there to be removed.
-- +goose StatementBegin
CREATE FUNCTION gancho_keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.seq IS NULL OR EXISTS (SELECT 1 FROM audit_chains WHERE tenant = '' AND base_seq >= OLD.seq) THEN
        RETURN OLD;
    END IF;
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER audit_kept BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION gancho_keep_audit();
