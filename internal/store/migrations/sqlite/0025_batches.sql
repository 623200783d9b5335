-- +goose Up
-- The request with several events in which a delivery was sent last: its id, the delivery's place in it and how many there are,
-- see internal/store/batch.go; NULL: none. Programs of the release before do not write it. What they leave of a batch is
-- sent in another one, because its members are not all there.
ALTER TABLE deliveries ADD COLUMN batch BLOB;
