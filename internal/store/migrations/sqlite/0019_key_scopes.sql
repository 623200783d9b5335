-- +goose Up

-- What a key may do less than its role allows: {"scopes":[…],"contracts":[…],"addresses":[…]}, each left out if it
-- limits nothing; '' if nothing does.
ALTER TABLE keys ADD COLUMN limits TEXT NOT NULL DEFAULT '';
-- Written at most once a minute; NULL: not used yet.
ALTER TABLE keys ADD COLUMN last_used_at INTEGER;

-- The texts of keys, as hashes: the present one of each key, and those that a rotation replaced. A key that a program
-- of the release before created has none here, only keys.hash. That program knows no limits. So for a limited key,
-- keys.hash is the hash of a hash, which nobody's text has, and that program refuses the key.
CREATE TABLE key_texts (
    hash    BLOB NOT NULL PRIMARY KEY,
    key     BLOB NOT NULL,
    hint    TEXT NOT NULL,
    ends_at INTEGER             -- NULL: the present one
) WITHOUT ROWID;
CREATE INDEX key_texts_by_key ON key_texts (key);
