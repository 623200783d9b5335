package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"gancho/internal/hook"
)

const tenantColumns = `id, name, metadata, created_at, updated_at, limits, egress, seal_payloads, portal`

func scanTenant(row scanner) (t hook.Tenant, err error) {
	t, _, err = scanStoredTenant(row)
	return t, err
}

// tenantTexts are the JSON texts in the row of a tenant; nil: there is no row.
type tenantTexts struct{ limits, egress, portal []byte }

// scanStoredTenant is scanTenant, with the JSON texts.
func scanStoredTenant(row scanner) (t hook.Tenant, texts tenantTexts, err error) {
	var created, updated sql.NullInt64
	var metadata string
	err = row.Scan(&t.ID, &t.Name, &metadata, &created, &updated, &texts.limits, &texts.egress, &t.Policy.SealPayloads, &texts.portal)
	if err == nil {
		err = errors.Join(json.Unmarshal(texts.limits, &t.Policy.Limits), json.Unmarshal(texts.egress, &t.Policy.Egress),
			json.Unmarshal(texts.portal, &t.Policy.Portal))
	}
	if err != nil {
		return t, tenantTexts{}, err
	}
	t.Metadata, t.CreatedAt, t.UpdatedAt = json.RawMessage(metadata), fromMicros(created), fromMicros(updated)
	return t, texts, nil
}

// PutTenant creates a tenant or changes it. What is nil stays as it is. While the data of a deleted
// tenant with the same id is still being removed, PutTenant fails with KindConflict. So it does if payloads are to be
// sealed and nodes of the release before are running.
func (db *DB) PutTenant(
	ctx context.Context, id string, change hook.TenantChange,
) (t hook.Tenant, created bool, err error) {
	var metadata any
	if change.Metadata != nil {
		metadata = string(change.Metadata)
	}
	now := db.now()
	err = db.change(ctx, func(x *tx) error {
		was, texts, err := scanStoredTenant(x.row(`SELECT `+tenantColumns+` FROM tenants
			WHERE id = $1 AND deleted_at IS NULL`, id))
		if created = errors.Is(err, sql.ErrNoRows); err != nil && !created {
			return err
		}
		limits, err := editedOrNull(texts.limits, &was.Policy.Limits, change.Limits)
		if err != nil {
			return err
		}
		egress, err := editedOrNull(texts.egress, &was.Policy.Egress, change.Egress)
		if err != nil {
			return err
		}
		portal, err := editedOrNull(texts.portal, &was.Policy.Portal, change.Portal)
		if err != nil {
			return err
		}
		t, err = scanTenant(x.row(`INSERT INTO tenants (`+tenantColumns+`)
			VALUES ($1, COALESCE($2, ''), COALESCE($3, '{}'), $4, $4, COALESCE($5, '{}'), COALESCE($6, '{}'), COALESCE($7, false), COALESCE($8, '{}'))
			ON CONFLICT (id) DO UPDATE SET name = COALESCE($2, tenants.name), metadata = COALESCE($3, tenants.metadata),
			updated_at = $4, limits = COALESCE($5, tenants.limits), egress = COALESCE($6, tenants.egress),
			seal_payloads = COALESCE($7, tenants.seal_payloads), portal = COALESCE($8, tenants.portal)
			WHERE tenants.deleted_at IS NULL
			RETURNING `+tenantColumns, id, change.Name, metadata, now.UnixMicro(), limits, egress, change.SealPayloads, portal))
		if errors.Is(err, sql.ErrNoRows) {
			return hook.Conflict("tenant_being_deleted",
				"A tenant of this id was deleted and its data is still being removed. Try again in a while, or use another id.")
		}
		if err != nil {
			return err
		}
		x.tenant(id, false)
		if t.Policy.SealPayloads && !was.Policy.SealPayloads {
			if err := db.sealingPayloads(x); err != nil {
				return err
			}
		}
		return x.auditTenant(was, t, created)
	})
	if err != nil {
		return t, false, err
	}
	db.changed(hook.Change{Tenant: id})
	return t, created, nil
}

// editedOrNull is [editJSON] for a column of text, and nil if next is nil: the column stays as it is.
func editedOrNull[T any](stored []byte, was, next *T) (any, error) {
	if next == nil {
		return nil, nil
	}
	text, err := editJSON(stored, was, next)
	return string(text), err
}

// Tenant is one tenant; a deleted one is not found.
func (db *DB) Tenant(ctx context.Context, id string) (hook.Tenant, error) {
	t, err := scanTenant(db.read.QueryRowContext(ctx, `SELECT `+tenantColumns+` FROM tenants
		WHERE id = $1 AND deleted_at IS NULL`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return t, hook.NotFound("tenant", id)
	}
	return t, storageError(err)
}

// Tenants lists up to limit tenants by id, beginning after the given id. more says whether
// there are tenants after them.
func (db *DB) Tenants(ctx context.Context, after string, limit int) (list []hook.Tenant, more bool, err error) {
	list, err = collect(ctx, db.read, scanTenant, `SELECT `+tenantColumns+` FROM tenants
		WHERE id > $1 AND deleted_at IS NULL ORDER BY id LIMIT $2`, after, limit+1)
	if len(list) > limit {
		list, more = list[:limit], true
	}
	return list, more, err
}

// DeleteTenant hides a tenant at once and ends its endpoints, credentials, keys and portal
// links. [DB.Purge] removes the rest of its data; its id cannot be used again before that
// is done.
func (db *DB) DeleteTenant(ctx context.Context, id string) error {
	return db.deleteTenant(ctx, id, true)
}

// deleteTenant is DeleteTenant. The audit entry, which stays, has the name of the tenant only if
// named.
func (db *DB) deleteTenant(ctx context.Context, id string, named bool) error {
	var endpoints, keys [][]byte
	err := db.change(ctx, func(t *tx) error {
		now := db.now().UnixMicro()
		var name string
		err := t.row(`UPDATE tenants SET deleted_at = $2, updated_at = $2 WHERE id = $1 AND deleted_at IS NULL
			RETURNING name`, id, now).Scan(&name)
		if errors.Is(err, sql.ErrNoRows) {
			return hook.NotFound("tenant", id)
		}
		if err != nil {
			return err
		}
		t.tenant(id, true)
		if !named {
			name = ""
		}
		if err := t.noteDeleted(id, name, 0); err != nil {
			return err
		}
		if endpoints, err = t.ids(`UPDATE endpoints SET state = 'deleted', state_reason = $3, state_at = $2, updated_at = $2
			WHERE tenant = $1 AND state <> 'deleted' RETURNING id`, id, now, hook.ReasonTenantDelete); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM credentials WHERE tenant = $1`, id); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM portal_links WHERE tenant = $1`, id); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM key_texts WHERE key IN (SELECT id FROM keys WHERE tenant = $1)`, id); err != nil {
			return err
		}
		keys, err = t.ids(`DELETE FROM keys WHERE tenant = $1 RETURNING id`, id)
		return err
	})
	if err != nil {
		return err
	}
	db.changed(hook.Change{Tenant: id})
	for _, e := range endpoints {
		db.changed(hook.Change{Tenant: id, Endpoint: hook.EndpointID(e)})
	}
	for _, k := range keys {
		db.changed(hook.Change{Tenant: id, Key: hook.KeyID(k)})
	}
	return nil
}

// purgeRows is the approximate number of rows that one transaction of [DB.Purge] removes.
// It is small because the transaction blocks all other writes.
const purgeRows = 500

// Purge removes a part of the data of deleted tenants in one short transaction. more says
// that the caller has to call it again. When all data of a tenant is removed, Purge removes
// the tenant itself, and its id can be used again.
func (db *DB) Purge(ctx context.Context) (more bool, err error) {
	var tenant string
	err = db.read.QueryRowContext(ctx, `SELECT id FROM tenants
		WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 1`).Scan(&tenant)
	if errors.Is(err, sql.ErrNoRows) {
		return db.eraseLeftAudit(ctx)
	}
	if err != nil {
		return false, storageError(err)
	}
	return true, db.purge(ctx, tenant)
}

// purge removes a part of the data of one deleted tenant.
func (db *DB) purge(ctx context.Context, tenant string) error {
	return db.change(ctx, func(t *tx) error {
		if n, err := purgeDeliveries(t, tenant, nil, purgeRows); n > 0 || err != nil {
			return err
		}
		if n, err := t.eraseAudit(tenant, purgeRows); n > 0 || err != nil {
			return err
		}
		for _, q := range []string{
			`DELETE FROM events WHERE tenant = $1 AND id IN (SELECT id FROM events WHERE tenant = $1 ORDER BY id LIMIT $2)`,
			`DELETE FROM idempotency WHERE tenant = $1 AND key IN (SELECT key FROM idempotency
				WHERE tenant = $1 ORDER BY key LIMIT $2)`,
			`DELETE FROM debounces WHERE tenant = $1 AND (endpoint, key) IN (SELECT endpoint, key FROM debounces
				WHERE tenant = $1 LIMIT $2)`,
			`DELETE FROM schedules WHERE tenant = $1 AND (contract, type) IN (SELECT contract, type FROM schedules
				WHERE tenant = $1 LIMIT $2)`,
			`DELETE FROM records WHERE tenant = $1 AND (contract, kind, key) IN
				(SELECT contract, kind, key FROM records WHERE tenant = $1 ORDER BY contract, kind, key LIMIT $2)`,
			`DELETE FROM endpoint_versions WHERE (endpoint, version) IN (SELECT v.endpoint, v.version FROM endpoint_versions v
				JOIN endpoints e ON e.id = v.endpoint WHERE e.tenant = $1 LIMIT $2)`,
			`DELETE FROM stats WHERE (tenant, endpoint, span, at) IN (SELECT tenant, endpoint, span, at FROM stats
				WHERE tenant = $1 LIMIT $2)`,
			`DELETE FROM omissions WHERE tenant = $1 AND id IN (SELECT id FROM omissions WHERE tenant = $1 LIMIT $2)`,
			`DELETE FROM recoveries WHERE id IN (SELECT id FROM recoveries WHERE tenant = $1 LIMIT $2)`,
			`DELETE FROM bulk_actions WHERE id IN (SELECT id FROM bulk_actions WHERE tenant = $1 LIMIT $2)`,
			`DELETE FROM saved_filters WHERE id IN (SELECT id FROM saved_filters WHERE tenant = $1 LIMIT $2)`,
			`DELETE FROM endpoints WHERE id IN (SELECT id FROM endpoints WHERE tenant = $1 LIMIT $2)`,
			`DELETE FROM quota_used WHERE tenant = $1 AND (key, started_at) IN (SELECT key, started_at FROM quota_used
				WHERE tenant = $1 LIMIT $2)`,
		} {
			if n, err := t.exec(q, tenant, purgeRows); n > 0 || err != nil {
				return err
			}
		}
		_, err := t.exec(`DELETE FROM tenants WHERE id = $1 AND deleted_at IS NOT NULL`, tenant)
		return err
	})
}

// purgeDeliveries removes deliveries of a tenant with their attempts and bodies: those with
// one of the ids, or, if ids is nil, the oldest ones, about n rows. It returns the number
// of deliveries.
func purgeDeliveries(t *tx, tenant string, ids [][]byte, n int) (removed int, err error) {
	if ids == nil {
		if ids, err = t.firstDeliveries(tenant, n); err != nil {
			return 0, err
		}
	}
	for _, id := range ids {
		// The delivery is removed first. A result that comes between the statements then finds
		// no delivery, and its attempt is not stored.
		k, err := t.exec(`DELETE FROM deliveries WHERE tenant = $1 AND id = $2`, tenant, id)
		if err != nil {
			return removed, err
		}
		removed += int(k)
		for _, q := range []string{`DELETE FROM attempts WHERE delivery = $1`, `DELETE FROM bodies WHERE delivery = $1`} {
			if _, err := t.exec(q, id); err != nil {
				return removed, err
			}
		}
	}
	return removed, nil
}

// firstDeliveries are the ids of a tenant's oldest deliveries; with their attempts and
// bodies they are about n rows.
func (t *tx) firstDeliveries(tenant string, n int) (ids [][]byte, err error) {
	rows, err := t.rows(`SELECT id, attempts FROM deliveries WHERE tenant = $1 ORDER BY id LIMIT $2`, tenant, max(n/2, 1))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	weight := 0
	for rows.Next() {
		var id []byte
		var attempts int
		if err := rows.Scan(&id, &attempts); err != nil {
			return nil, err
		}
		if weight += 2 + attempts; weight > n && len(ids) > 0 {
			break
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// ids reads a column of ids.
func (t *tx) ids(query string, args ...any) (ids [][]byte, err error) {
	rows, err := t.rows(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}
