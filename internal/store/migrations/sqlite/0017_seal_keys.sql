-- +goose Up
-- The encryption keys under which something in this database is sealed, see seal.go. The keys
-- themselves are not in the database. proof is a text that was sealed under the key. form is the
-- form of the values that the key seals.
CREATE TABLE seal_keys (
    id         TEXT    NOT NULL PRIMARY KEY,
    proof      BLOB    NOT NULL,
    form       INTEGER NOT NULL,
    state      TEXT    NOT NULL, -- next, active, old or retired
    created_at INTEGER NOT NULL
) WITHOUT ROWID;
