-- +goose Up
-- The contracts whose documentation everybody can read, at /docs/{contract}. A contract without a row here shows it only to
-- those who are signed in.
CREATE TABLE public_docs (
    contract TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;
