package store

import (
	"context"
	"errors"
	"time"

	"gancho/internal/hook"
)

// Retention removes history in short transactions, because each one blocks all other
// writes. Between two of them it pauses for expireRest.
const expireRest = 5 * time.Millisecond

// Expire removes finished deliveries that are older than before, with their attempts and
// bodies; events of that age without deliveries; finished bulk replays, audit entries and what errors left out of
// that age; deleted endpoints that no delivery refers to any more; and expired idempotency
// keys, portal links and statistics. It never removes an unfinished delivery, or an event
// with a delivery. A transaction removes at most n rows. Expire goes through everything
// once, or until ctx ends, and returns the number of removed rows. With PostgreSQL, which
// partitions the history by time, it drops whole partitions, and each counts as one row.
func (db *DB) Expire(ctx context.Context, before time.Time, n int) (removed int, err error) {
	n = max(n, 10)
	removed, partitioned, err := db.engine.dropHistory(ctx, before)
	switch {
	case err != nil:
	case !partitioned:
		removed, err = db.expireRows(ctx, before, n)
	case db.cluster != nil:
		err = errors.Join(db.cluster.expireSignals(ctx), db.cluster.expireNotices(ctx))
	}
	if err != nil {
		return removed, err
	}
	for _, e := range append(append(expireStats(db.now()), expireQuota(db.now())), []expiry{
		{`DELETE FROM idempotency WHERE (tenant, key) IN (SELECT tenant, key FROM idempotency
			WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)`, db.now()},
		{`DELETE FROM debounces WHERE (endpoint, key) IN (SELECT endpoint, key FROM debounces
			WHERE until <= $1 ORDER BY until LIMIT $2) AND until <= $1`, db.now()},
		{`DELETE FROM portal_links WHERE id IN (SELECT id FROM portal_links
			WHERE ends_at <= $1 ORDER BY ends_at LIMIT $2)`, time.Now()}, // as package auth compares
		// Those of keys that are gone were left by programs of the release before.
		{`DELETE FROM key_texts WHERE hash IN (SELECT hash FROM key_texts
			WHERE ends_at <= $1 OR NOT EXISTS (SELECT 1 FROM keys WHERE id = key) LIMIT $2)`, time.Now()},
		{`DELETE FROM omissions WHERE (tenant, id) IN (SELECT tenant, id FROM omissions WHERE at < $1 LIMIT $2)`, before},
		{`DELETE FROM recoveries WHERE id IN (SELECT id FROM recoveries WHERE finished_at < $1 LIMIT $2)`, before},
		{`DELETE FROM bulk_actions WHERE id IN (SELECT id FROM bulk_actions WHERE finished_at < $1 LIMIT $2)`, before},
		// A deleted endpoint is kept as long as a delivery refers to it.
		{`DELETE FROM endpoint_versions WHERE (endpoint, version) IN (SELECT v.endpoint, v.version FROM endpoint_versions v
			JOIN endpoints e ON e.id = v.endpoint WHERE e.state = 'deleted' AND e.state_at < $1
			AND NOT EXISTS (SELECT 1 FROM deliveries WHERE endpoint = e.id) LIMIT $2)`, before},
		{`DELETE FROM endpoints WHERE id IN (SELECT e.id FROM endpoints e WHERE e.state = 'deleted' AND e.state_at < $1
			AND NOT EXISTS (SELECT 1 FROM deliveries WHERE endpoint = e.id) LIMIT $2)`, before},
	}...) {
		k, err := db.expireAll(ctx, n, func(t *tx) (int64, error) { return t.exec(e.query, e.before.UnixMicro(), n) })
		if removed += k; err != nil {
			return removed, err
		}
	}
	k, err := db.expireAudit(ctx, before, n)
	return removed + k, err
}

// expiry is a statement that removes at most $2 rows that are older than $1.
type expiry struct {
	query  string
	before time.Time
}

// expireRows removes old deliveries and events row by row, one tenant after the other.
func (db *DB) expireRows(ctx context.Context, before time.Time, n int) (removed int, err error) {
	tenants, err := db.allTenants(ctx)
	if err != nil {
		return 0, err
	}
	for _, tenant := range tenants {
		for _, expire := range []func(context.Context, string, time.Time, int) (int, error){
			db.expireDeliveries, db.expireEvents,
		} {
			k, err := expire(ctx, tenant, before, n)
			if removed += k; err != nil {
				return removed, err
			}
		}
	}
	return removed, nil
}

// expireAll runs a DELETE of at most n rows, each time in a transaction of its own, until
// it removes fewer.
func (db *DB) expireAll(ctx context.Context, n int, remove func(*tx) (int64, error)) (removed int, err error) {
	for {
		k := int64(0)
		err := db.change(ctx, func(t *tx) (err error) {
			k, err = remove(t)
			return err
		})
		removed += int(k)
		if err != nil || k < int64(n) {
			return removed, err
		}
		if err := rest(ctx); err != nil {
			return removed, err
		}
	}
}

// rest waits, so that others can write.
func rest(ctx context.Context) error {
	t := time.NewTimer(expireRest)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// allTenants are the ids of all tenants.
func (db *DB) allTenants(ctx context.Context) (ids []string, err error) {
	return collect(ctx, db.read, one[string], `SELECT id FROM tenants WHERE deleted_at IS NULL ORDER BY id`)
}

// candidates goes through ids of a tenant, oldest first, and calls remove with chunks of
// them. query selects ids, each with the number of rows that are removed with it. Its
// parameters are $1 the tenant, $2 the id to begin after, $3 the id to end before, $4 the
// largest number of ids, and $5 the time that removed rows must be older than.
func (db *DB) candidates(
	ctx context.Context, query, tenant string, before time.Time, n int, remove func([][]byte) (int, error),
) (removed int, err error) {
	var after hook.ID
	end := hook.IDAt(before)
	for {
		ids, err := db.chunk(ctx, query, n, tenant, after[:], end[:], n, before.UnixMicro())
		if err != nil || len(ids) == 0 {
			return removed, err
		}
		k, err := remove(ids)
		removed += k
		if err != nil {
			return removed, err
		}
		copy(after[:], ids[len(ids)-1])
		if err := rest(ctx); err != nil {
			return removed, err
		}
	}
}

// chunk reads ids until the rows that are removed with them are more than n. It returns at
// least one id if there is any.
func (db *DB) chunk(ctx context.Context, query string, n int, args ...any) (ids [][]byte, err error) {
	rows, err := db.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, storageError(err)
	}
	defer rows.Close()
	total := 0
	for rows.Next() {
		var id []byte
		var weight int
		if err := rows.Scan(&id, &weight); err != nil {
			return nil, storageError(err)
		}
		if total += weight; total > n && len(ids) > 0 {
			break
		}
		ids = append(ids, id)
	}
	return ids, storageError(rows.Err())
}

func (db *DB) expireDeliveries(ctx context.Context, tenant string, before time.Time, n int) (int, error) {
	const query = `SELECT id, attempts + 2 FROM deliveries WHERE tenant = $1 AND id > $2 AND id < $3
		AND due_at IS NULL AND finished_at < $5 ORDER BY id LIMIT $4`
	return db.candidates(ctx, query, tenant, before, n, func(ids [][]byte) (k int, err error) {
		err = db.change(ctx, func(t *tx) error {
			// A person may have retried some of them after they were read.
			still := ids[:0:0]
			for _, id := range ids {
				var one int
				err := t.row(`SELECT COUNT(*) FROM deliveries
					WHERE tenant = $1 AND id = $2 AND due_at IS NULL AND finished_at < $3`,
					tenant, id, before.UnixMicro()).Scan(&one)
				if err != nil {
					return err
				}
				if one > 0 {
					still = append(still, id)
				}
			}
			if len(still) == 0 {
				return nil
			}
			k, err = purgeDeliveries(t, tenant, still, 0)
			return err
		})
		return k, err
	})
}

func (db *DB) expireEvents(ctx context.Context, tenant string, before time.Time, n int) (int, error) {
	const query = `SELECT id, 1 FROM events WHERE tenant = $1 AND id > $2 AND id < $3 AND created_at < $5
		ORDER BY id LIMIT $4`
	return db.candidates(ctx, query, tenant, before, min(n, 200), func(ids [][]byte) (k int, err error) {
		ids, err = db.withoutDeliveries(ctx, tenant, ids)
		if err != nil || len(ids) == 0 {
			return 0, err
		}
		err = db.change(ctx, func(t *tx) error {
			k = 0
			for _, id := range ids {
				last := hook.EventID(id).Delivery(hook.MaxFanout)
				gone, err := t.exec(`DELETE FROM events WHERE tenant = $1 AND id = $2
					AND NOT EXISTS (SELECT 1 FROM deliveries WHERE tenant = $1 AND id > $2 AND id <= $3)`, tenant, id, last[:])
				if err != nil {
					return err
				}
				k += int(gone)
			}
			return nil
		})
		return k, err
	})
}

// withoutDeliveries selects the events without deliveries. It only reads, so that the
// writing transaction has to check fewer events.
func (db *DB) withoutDeliveries(ctx context.Context, tenant string, ids [][]byte) (out [][]byte, err error) {
	stmt, err := db.read.PrepareContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries
		WHERE tenant = $1 AND id > $2 AND id <= $3)`)
	if err != nil {
		return nil, storageError(err)
	}
	defer func() { err = errors.Join(err, storageError(stmt.Close())) }()
	for _, id := range ids {
		last := hook.EventID(id).Delivery(hook.MaxFanout)
		var has bool
		if err := stmt.QueryRowContext(ctx, tenant, id, last[:]).Scan(&has); err != nil {
			return nil, storageError(err)
		}
		if !has {
			out = append(out, id)
		}
	}
	return out, nil
}
