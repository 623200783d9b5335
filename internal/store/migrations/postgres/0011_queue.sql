-- +goose Up
-- How the queue is read: off its index, in order. Without statistics of late, which
-- is when a backlog grows, the planner takes an endpoint for one with few
-- deliveries, and reads and sorts all that wait, or all there ever were. As no
-- session and no setting is ours to keep, functions have the settings.

-- +goose StatementBegin
CREATE FUNCTION gancho_queue(wanted BYTEA, since BIGINT, until BIGINT, after_due BIGINT, after_id BYTEA, most INTEGER) RETURNS SETOF deliveries
LANGUAGE plpgsql STABLE ROWS 256 SET enable_sort = off SET enable_incremental_sort = off AS $$
BEGIN
    RETURN QUERY SELECT d.* FROM deliveries d
        WHERE d.endpoint = wanted AND d.due_at >= since AND d.due_at <= until AND (d.due_at, d.id) > (after_due, after_id)
        ORDER BY d.due_at, d.id LIMIT most;
END $$;
-- +goose StatementEnd

-- Endpoints with unfinished deliveries, from one to the next.
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
