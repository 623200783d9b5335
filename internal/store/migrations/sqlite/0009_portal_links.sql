-- +goose Up

-- Links by which people of a tenant open the portal. A row is kept until the sessions of its
-- link have expired; without the row, their tokens are invalid.
CREATE TABLE portal_links (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    name       TEXT    NOT NULL,    -- who it was made for
    role       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,    -- it cannot be opened after this time
    opened_at  INTEGER,             -- when it was opened last
    ends_at    INTEGER NOT NULL     -- when its last session expires, at least expires_at
) WITHOUT ROWID;
CREATE INDEX portal_links_by_tenant ON portal_links (tenant, id);
CREATE INDEX portal_links_by_end ON portal_links (ends_at);
