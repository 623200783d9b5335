-- +goose Up
-- See sqlite/0031_public_docs.sql.
CREATE TABLE public_docs (
    contract TEXT COLLATE "C" NOT NULL PRIMARY KEY
);
