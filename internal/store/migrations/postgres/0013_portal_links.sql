-- +goose Up
-- See sqlite/0009_portal_links.sql. Each request reads its row, so other nodes
-- need not be told.
CREATE TABLE portal_links (
    id         BYTEA  NOT NULL PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    name       TEXT   NOT NULL,    -- who it was made for
    role       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,    -- until then it can be opened
    opened_at  BIGINT,             -- the latest time
    ends_at    BIGINT NOT NULL     -- of the latest session, at least expires_at
);
CREATE INDEX portal_links_by_tenant ON portal_links (tenant, id);
CREATE INDEX portal_links_by_end ON portal_links (ends_at);
