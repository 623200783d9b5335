-- +goose Up
-- Whether a newer snapshot took the place of a delivery (hook.Delivery.Superseded). Until now
-- only the text in reason said so. Programs of the release before still write reason alone.
-- So unfinished deliveries are still judged by reason (isSuperseded in internal/store/states.go),
-- and the rows that there are need no change.
ALTER TABLE deliveries ADD COLUMN superseded INTEGER NOT NULL DEFAULT 0;
