-- +goose Up
-- Whether a newer snapshot took the place of a delivery (hook.Delivery.Superseded), which
-- until now only the text in reason told. Programs of the release before go on writing
-- reason alone; it is still written, and read for them.
ALTER TABLE deliveries ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0;

-- Each of these reads a small index instead of the whole history.
UPDATE deliveries SET superseded = 1 WHERE due_at = 0 AND reason = 'superseded';
UPDATE deliveries INDEXED BY deliveries_trouble SET superseded = 1 WHERE state = 'cancelled' AND reason = 'superseded';
