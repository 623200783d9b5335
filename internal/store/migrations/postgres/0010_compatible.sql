-- +goose Up
-- The oldest program that can work with these tables, as the number of the last migration
-- that it knows. See migrate.go.
CREATE TABLE compatible (since BIGINT NOT NULL);
INSERT INTO compatible (since) VALUES (1);
