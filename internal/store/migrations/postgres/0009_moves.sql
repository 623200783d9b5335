-- +goose Up
-- That everything of a SQLite file was, or is being, copied here, see move.go.
CREATE TABLE moves (
    begun_at    BIGINT NOT NULL,
    finished_at BIGINT
);
