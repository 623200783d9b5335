-- +goose Up
-- Functions that read the queue from its index, in order. While a backlog grows, the
-- planner's statistics are old. It then expects few deliveries of an endpoint, and would
-- read and sort all that wait, or the whole history. Settings prevent that; the functions
-- have them, because behind a pooler a session cannot keep settings.

-- +goose StatementBegin
CREATE FUNCTION gancho_queue(wanted BYTEA, since BIGINT, until BIGINT, after_due BIGINT, after_id BYTEA, most INTEGER) RETURNS SETOF deliveries
LANGUAGE plpgsql STABLE ROWS 256 SET enable_sort = off SET enable_incremental_sort = off AS $$
BEGIN
    RETURN QUERY SELECT d.* FROM deliveries d
        WHERE d.endpoint = wanted AND d.due_at >= since AND d.due_at <= until AND (d.due_at, d.id) > (after_due, after_id)
        ORDER BY d.due_at, d.id LIMIT most;
END $$;
-- +goose StatementEnd

-- The endpoints that have unfinished deliveries. It skips in the index from one endpoint to
-- the next.
-- +goose StatementBegin
CREATE FUNCTION gancho_busy() RETURNS SETOF BYTEA
LANGUAGE plpgsql STABLE SET enable_sort = off SET enable_incremental_sort = off AS $$
BEGIN
    RETURN QUERY WITH RECURSIVE busy (endpoint) AS (
        (SELECT d.endpoint FROM deliveries d WHERE d.due_at IS NOT NULL ORDER BY d.endpoint, d.due_at, d.id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.endpoint FROM deliveries d WHERE d.due_at IS NOT NULL AND d.endpoint > busy.endpoint ORDER BY d.endpoint, d.due_at, d.id LIMIT 1)
        FROM busy WHERE busy.endpoint IS NOT NULL
    )
    SELECT b.endpoint FROM busy b WHERE b.endpoint IS NOT NULL;
END $$;
-- +goose StatementEnd
