-- +goose Up
-- The contracts whose people may see a saved filter, names separated by commas; empty: it is about all, and only who may see
-- all sees it. A text to search for, which can be a person's, is kept no more.
ALTER TABLE saved_filters ADD COLUMN contracts TEXT NOT NULL DEFAULT '';
UPDATE saved_filters SET query = (query::jsonb - 'contains')::text WHERE query LIKE '%"contains"%';
