-- +goose Up
-- Deliveries that wait for a newer one to take their place (debounce of a contract). A row whose time is over means nothing.
CREATE TABLE debounces (
    tenant   TEXT    NOT NULL,
    endpoint BLOB    NOT NULL,
    key      BLOB    NOT NULL,   -- SHA-256 of the contract's key
    delivery BLOB    NOT NULL,   -- which waits
    since    INTEGER NOT NULL,   -- when the first one began to wait, in microseconds
    until    INTEGER NOT NULL,   -- when delivery is due
    PRIMARY KEY (endpoint, key)
) WITHOUT ROWID;
CREATE INDEX debounces_until ON debounces (until);
CREATE INDEX debounces_tenant ON debounces (tenant);
