package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gancho/internal/hook"
)

// History is partitioned by time, and retention drops partitions. That costs the same for ten
// rows and ten million, and leaves nothing for VACUUM. A partition stays as long as one of its
// deliveries is unfinished or was finished lately. So some history is kept longer than asked
// for, up to the span of a partition.

const (
	partitionsAhead = 4 // made before they are needed
	minSpan         = time.Hour
	maxSpan         = 7 * 24 * time.Hour
)

// partitionSpan is how much time a partition covers: at most a quarter of the retention
// time, so that not much more is kept than was asked for.
func partitionSpan(retention time.Duration) time.Duration {
	if retention <= 0 {
		return maxSpan
	}
	return min(max(retention/4, minSpan), maxSpan)
}

// partitionAhead makes the partitions for the next spans of time.
func (p *postgres) partitionAhead(ctx context.Context) error {
	now := time.Now()
	for {
		var last sql.NullInt64
		if err := p.sql.QueryRowContext(ctx, `SELECT max(until) FROM partitions`).Scan(&last); err != nil {
			return storageError(err)
		}
		since := now.Truncate(p.span)
		if end := fromMicros(last); end.After(now) {
			since = end
		}
		if since.Sub(now) >= (partitionsAhead-1)*p.span {
			return nil
		}
		if err := p.adopt(ctx, since); err != nil {
			return err
		}
	}
}

// adopt makes a partition for a time that no partition covers, without overlapping the
// neighbours. It does nothing if another node has made the partition meanwhile.
func (p *postgres) adopt(ctx context.Context, at time.Time) error {
	return p.alterTables(ctx, func(t *tx) error {
		var before, after sql.NullInt64
		err := t.row(`SELECT (SELECT max(until) FROM partitions WHERE since <= $1), (SELECT min(since) FROM partitions WHERE since > $1)`, at.UnixMicro()).Scan(&before, &after)
		if err != nil {
			return err
		}
		since := at.Truncate(p.span)
		until := since.Add(p.span)
		if before.Valid && fromMicros(before).After(since) {
			since = fromMicros(before)
		}
		if after.Valid && fromMicros(after).Before(until) {
			until = fromMicros(after)
		}
		if since.After(at) { // there is one
			return nil
		}
		return partition(t, since, until)
	})
}

// dropHistory drops partitions, and makes those that are missing.
func (p *postgres) dropHistory(ctx context.Context, before time.Time) (dropped int, partitioned bool, err error) {
	// If a table is busy, the next call tries again. Rows without a partition are in the
	// default partition until then.
	if err := p.partitionAhead(ctx); err != nil && !busyTable(err) {
		return 0, true, err
	}
	if err := p.adoptRest(ctx); err != nil && !busyTable(err) {
		return 0, true, err
	}
	numbers, err := p.endedBefore(ctx, before)
	if err != nil {
		return 0, true, err
	}
	for _, n := range numbers {
		gone := false
		err := p.alterTables(ctx, func(t *tx) (err error) {
			gone, err = dropPartition(t, n, before)
			return err
		})
		switch {
		case busyTable(err): // likewise
		case err != nil:
			return dropped, true, err
		case gone:
			dropped++
		}
	}
	return dropped, true, nil
}

func (p *postgres) endedBefore(ctx context.Context, t time.Time) (numbers []int64, err error) {
	rows, err := p.sql.QueryContext(ctx, `SELECT number FROM partitions WHERE until <= $1 ORDER BY since`, t.UnixMicro())
	if err != nil {
		return nil, storageError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, storageError(err)
		}
		numbers = append(numbers, n)
	}
	return numbers, storageError(rows.Err())
}

// adoptRest makes partitions for rows in the default partitions.
func (p *postgres) adoptRest(ctx context.Context) error {
	for ctx.Err() == nil {
		var first []byte
		err := p.sql.QueryRowContext(ctx, `(SELECT id FROM events_rest ORDER BY id LIMIT 1)
			UNION ALL (SELECT id FROM deliveries_rest ORDER BY id LIMIT 1) ORDER BY 1 LIMIT 1`).Scan(&first)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return storageError(err)
		}
		if err := p.adopt(ctx, hook.ID(first).Time()); err != nil {
			return err
		}
	}
	return ctx.Err()
}
