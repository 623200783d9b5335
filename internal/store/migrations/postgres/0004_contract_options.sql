-- +goose Up
-- See sqlite/0004_contract_options.sql.
ALTER TABLE contracts ADD COLUMN origin TEXT NOT NULL DEFAULT 'shipped';

CREATE TABLE contract_options (
    contract TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    shaping  TEXT NOT NULL
);

CREATE INDEX endpoints_by_contract ON endpoints (contract, id);
