-- +goose Up
-- How nodes share the work, see docs/adr/0007. Times are the database's clock.

CREATE TABLE nodes (
    epoch      BIGINT NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    name       TEXT   NOT NULL,   -- a name that a node keeps when it restarts, or ''
    expires_at BIGINT NOT NULL,
    polls      BOOLEAN NOT NULL   -- it gets no notifications and polls
);

-- An endpoint's slot is byte 9 of its id.
CREATE TABLE slots (
    slot  SMALLINT NOT NULL PRIMARY KEY,
    owner BIGINT               -- epoch of a node
);
INSERT INTO slots SELECT n, NULL FROM generate_series(0, 255) AS n;
CREATE INDEX endpoints_by_slot ON endpoints (get_byte(id, 9)) WHERE state = 'active';

-- Messages to the other nodes: committed changes of the configuration, and, for nodes that
-- poll, endpoints that have new deliveries.
CREATE TABLE signals (
    number   BIGINT NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    at       BIGINT NOT NULL,
    tenant   TEXT   NOT NULL DEFAULT '',
    endpoint BYTEA,
    key      BYTEA,
    contract TEXT   NOT NULL DEFAULT '',
    work     BOOLEAN NOT NULL DEFAULT false
);

-- A value that was encrypted with the key of the database. A node that cannot decrypt it
-- has another key.
CREATE TABLE seals (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

-- +goose StatementBegin
CREATE FUNCTION gancho_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    r RECORD;
BEGIN
    IF TG_OP = 'DELETE' THEN r := OLD; ELSE r := NEW; END IF;
    INSERT INTO signals (at, tenant, contract, endpoint, key) VALUES (
        (extract(epoch FROM clock_timestamp()) * 1000000)::bigint,
        CASE TG_TABLE_NAME WHEN 'tenants' THEN to_jsonb(r)->>'id' ELSE coalesce(to_jsonb(r)->>'tenant', '') END,
        CASE TG_TABLE_NAME WHEN 'contracts' THEN to_jsonb(r)->>'name' WHEN 'contract_options' THEN to_jsonb(r)->>'contract' ELSE '' END,
        CASE TG_TABLE_NAME WHEN 'endpoints' THEN decode(substr(to_jsonb(r)->>'id', 3), 'hex') END,
        CASE TG_TABLE_NAME WHEN 'keys' THEN decode(substr(to_jsonb(r)->>'id', 3), 'hex') END);
    PERFORM pg_notify('gancho', '');
    RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE ON tenants FOR EACH ROW EXECUTE FUNCTION gancho_changed();
CREATE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE OF updated_at ON endpoints FOR EACH ROW EXECUTE FUNCTION gancho_changed();
CREATE TRIGGER changed AFTER DELETE ON keys FOR EACH ROW EXECUTE FUNCTION gancho_changed();
CREATE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE ON contracts FOR EACH ROW EXECUTE FUNCTION gancho_changed();
CREATE TRIGGER changed AFTER INSERT OR DELETE OR UPDATE ON contract_options FOR EACH ROW EXECUTE FUNCTION gancho_changed();
