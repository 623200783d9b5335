-- +goose Up
-- Where a version came from: shipped, directory or posted.
ALTER TABLE contracts ADD COLUMN origin TEXT NOT NULL DEFAULT 'shipped';

-- What an operator chose for a contract, for all its versions.
CREATE TABLE contract_options (
    contract TEXT NOT NULL PRIMARY KEY,
    shaping  TEXT NOT NULL         -- 'on' or 'off'
) WITHOUT ROWID;

CREATE INDEX endpoints_by_contract ON endpoints (contract, id);
