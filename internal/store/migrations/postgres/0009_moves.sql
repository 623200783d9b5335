-- +goose Up
-- Says that the contents of a SQLite file were copied here, or still are being copied; see
-- package move.
CREATE TABLE moves (
    begun_at    BIGINT NOT NULL,
    finished_at BIGINT
);
