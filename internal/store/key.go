package store

import (
	"context"
	"database/sql"
	"errors"

	"gancho/internal/hook"
)

const keyColumns = `id, name, role, tenant, hash, hint, created_at, expires_at`

func scanKey(row scanner) (k hook.Key, err error) {
	var id, hash []byte
	var created, expires sql.NullInt64
	if err := row.Scan(&id, &k.Name, &k.Role, &k.Tenant, &hash, &k.Hint, &created, &expires); err != nil {
		return k, err
	}
	copy(k.ID[:], id)
	copy(k.Hash[:], hash)
	k.CreatedAt, k.ExpiresAt = fromMicros(created), fromMicros(expires)
	return k, nil
}

// CreateKey stores an API key. Its tenant, if it has one, must exist.
func (db *DB) CreateKey(ctx context.Context, k hook.Key) error {
	return db.change(ctx, func(t *tx) error {
		if k.Tenant != "" {
			if err := t.aliveTenant(k.Tenant); err != nil {
				return err
			}
		}
		_, err := t.exec(`INSERT INTO keys (`+keyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
			k.ID[:], k.Name, string(k.Role), k.Tenant, k.Hash[:], k.Hint, k.CreatedAt.UnixMicro(), micros(k.ExpiresAt))
		if err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{Tenant: k.Tenant, Action: hook.ActionKeyCreated, Object: k.ID.String(), Name: k.Name})
	})
}

// aliveTenant fails with KindNotFound unless the tenant exists.
func (t *tx) aliveTenant(id string) error {
	var one int
	err := t.row(`SELECT 1 FROM tenants WHERE id = $1 AND deleted_at IS NULL`, id).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return hook.NotFound("tenant", id)
	}
	return err
}

// Keys lists API keys, newest first. next is where the next page begins, zero if this is
// the last one.
func (db *DB) Keys(ctx context.Context, p hook.Page) (list []hook.Key, next hook.ID, err error) {
	_, hi := span(hook.ID{}, p.Before)
	list, err = collect(ctx, db.read, scanKey, `SELECT `+keyColumns+` FROM keys
		WHERE id < $1 ORDER BY id DESC LIMIT $2`, hi[:], p.Limit+1)
	list, next = cut(list, p.Limit, func(k hook.Key) hook.ID { return hook.ID(k.ID) })
	return list, next, err
}

// KeyByHash finds an API key by the SHA-256 of its text.
func (db *DB) KeyByHash(ctx context.Context, hash [32]byte) (hook.Key, error) {
	k, err := scanKey(db.read.QueryRowContext(ctx, `SELECT `+keyColumns+` FROM keys WHERE hash = $1`, hash[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return k, hook.NotFound("key", "")
	}
	return k, storageError(err)
}

// DeleteKey revokes an API key.
func (db *DB) DeleteKey(ctx context.Context, id hook.KeyID) error {
	err := db.change(ctx, func(t *tx) error {
		e := hook.AuditEntry{Action: hook.ActionKeyRevoked, Object: id.String()}
		err := t.row(`DELETE FROM keys WHERE id = $1 RETURNING tenant, name`, id[:]).Scan(&e.Tenant, &e.Name)
		if errors.Is(err, sql.ErrNoRows) {
			return hook.NotFound("key", id.String())
		}
		if err != nil {
			return err
		}
		return t.audit(e)
	})
	if err == nil {
		db.changed(hook.Change{Key: id})
	}
	return err
}
