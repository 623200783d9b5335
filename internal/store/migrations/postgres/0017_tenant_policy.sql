-- +goose Up
-- What the operator allows a tenant, as JSON objects; '{}' sets nothing.
ALTER TABLE tenants ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';
ALTER TABLE tenants ADD COLUMN egress TEXT NOT NULL DEFAULT '{}';
-- Payloads of the tenant are encrypted before they are stored.
ALTER TABLE tenants ADD COLUMN seal_payloads BOOLEAN NOT NULL DEFAULT false;
-- How much of its limits of a month a tenant ('' as key) or an API key has used up. A month
-- begins at midnight UTC of its first day; started_at is that moment in microseconds.
CREATE TABLE quota_used (
    tenant     TEXT COLLATE "C" NOT NULL,
    key        TEXT COLLATE "C" NOT NULL,
    started_at BIGINT NOT NULL,
    events     BIGINT NOT NULL DEFAULT 0,
    bytes      BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant, key, started_at)
);
