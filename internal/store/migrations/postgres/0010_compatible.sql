-- +goose Up
-- The oldest programs that can work with these tables, as the last migration that
-- they know. See migrate.go.
CREATE TABLE compatible (since BIGINT NOT NULL);
INSERT INTO compatible (since) VALUES (1);
