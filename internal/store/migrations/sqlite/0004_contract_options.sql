-- +goose Up
-- By which door a version came: shipped, directory or posted.
ALTER TABLE contracts ADD COLUMN origin TEXT NOT NULL DEFAULT 'shipped';

-- What an operator said about a contract, whatever version is in force.
CREATE TABLE contract_options (
    contract TEXT NOT NULL PRIMARY KEY,
    shaping  TEXT NOT NULL         -- 'on' or 'off'
) WITHOUT ROWID;

CREATE INDEX endpoints_by_contract ON endpoints (contract, id);
