-- +goose Up

-- Links by which people of a tenant come in. A row is there as long as somebody
-- may be in by it; without it, what was sealed for them is good for nothing.
CREATE TABLE portal_links (
    id         BLOB    NOT NULL PRIMARY KEY,
    tenant     TEXT    NOT NULL,
    name       TEXT    NOT NULL,    -- who it was made for
    role       TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,    -- until then it can be opened
    opened_at  INTEGER,             -- the latest time
    ends_at    INTEGER NOT NULL     -- of the latest session, at least expires_at
) WITHOUT ROWID;
CREATE INDEX portal_links_by_tenant ON portal_links (tenant, id);
CREATE INDEX portal_links_by_end ON portal_links (ends_at);
