-- +goose Up
-- See sqlite/0009_portal_links.sql. Each request reads the row of its link, so other nodes
-- need no signal when it changes.
CREATE TABLE portal_links (
    id         BYTEA  NOT NULL PRIMARY KEY,
    tenant     TEXT COLLATE "C" NOT NULL,
    name       TEXT   NOT NULL,    -- who it was made for
    role       TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,    -- it cannot be opened after this time
    opened_at  BIGINT,             -- when it was opened last
    ends_at    BIGINT NOT NULL     -- when its last session expires, at least expires_at
);
CREATE INDEX portal_links_by_tenant ON portal_links (tenant, id);
CREATE INDEX portal_links_by_end ON portal_links (ends_at);
