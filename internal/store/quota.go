package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gancho/internal/hook"
)

// QuotaUsed is what somebody used in a month, counted by all nodes.
func (db *DB) QuotaUsed(ctx context.Context, u hook.QuotaUser, month time.Time) (hook.QuotaUse, error) {
	use := hook.QuotaUse{QuotaUser: u, Month: month}
	err := db.read.QueryRowContext(ctx, `SELECT events, bytes FROM quota_used
		WHERE tenant = $1 AND key = $2 AND started_at = $3`, u.Tenant, u.Key, month.UnixMicro()).Scan(&use.Events, &use.Bytes)
	if errors.Is(err, sql.ErrNoRows) {
		return use, nil
	}
	return use, storageError(err)
}

// AddQuotaUsed adds uses to what is stored, in one transaction. It returns the new sums, in
// the same order. Callers give uses in one order (by user and month), so that two nodes do not
// wait for each other's rows. Nothing is stored for tenants that do not exist any more.
func (db *DB) AddQuotaUsed(ctx context.Context, uses []hook.QuotaUse) (sums []hook.QuotaUse, err error) {
	err = db.change(ctx, func(t *tx) error {
		sums = sums[:0]
		for _, u := range uses {
			err := t.row(`INSERT INTO quota_used (tenant, key, started_at, events, bytes) SELECT $1, $2, $3, $4, $5
				WHERE $1 = '' OR EXISTS (SELECT 1 FROM tenants WHERE id = $1 AND deleted_at IS NULL)
				ON CONFLICT (tenant, key, started_at) DO UPDATE
				SET events = quota_used.events + excluded.events, bytes = quota_used.bytes + excluded.bytes
				RETURNING events, bytes`, u.Tenant, u.Key, u.Month.UnixMicro(), u.Events, u.Bytes).Scan(&u.Events, &u.Bytes)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			sums = append(sums, u)
		}
		return nil
	})
	return sums, err
}

// keepQuota is how long it is known what was used in a month.
const keepQuota = 400 * 24 * time.Hour

// expireQuota is the statement that removes what was used in months that are long over.
func expireQuota(now time.Time) expiry {
	return expiry{`DELETE FROM quota_used WHERE (tenant, key, started_at) IN (SELECT tenant, key, started_at FROM quota_used
		WHERE started_at < $1 LIMIT $2)`, now.Add(-keepQuota)}
}

// CountEndpoints is how many endpoints a tenant has, without deleted ones.
func (db *DB) CountEndpoints(ctx context.Context, tenant string) (n int, err error) {
	err = db.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM endpoints WHERE tenant = $1 AND state <> 'deleted'`, tenant).Scan(&n)
	return n, storageError(err)
}
