-- +goose Up
-- The text that payloads have, of bulk actions that are about what a search finds: sealed, and gone when the action ends.
-- Their state is searching while they run, so that a program of the release before, which does not know the text, leaves
-- them alone.
ALTER TABLE bulk_actions ADD COLUMN contains BLOB;
