package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"gancho/internal/hook"
)

// part is what a table has of a tenant.
type part struct {
	table Table
	where string // which rows are those of tenant $1
}

// ofTenant says for each table which rows are a tenant's. Tables without tenants are left out.
func ofTenant() (parts []part) {
	where := map[string]string{
		"tenants":           `id = $1`,
		"attempts":          `delivery IN (SELECT id FROM deliveries WHERE tenant = $1)`,
		"bodies":            `delivery IN (SELECT id FROM deliveries WHERE tenant = $1)`,
		"endpoint_versions": `endpoint IN (SELECT id FROM endpoints WHERE tenant = $1)`,
		"key_texts":         `key IN (SELECT id FROM keys WHERE tenant = $1)`,
		"contracts":         "", "contract_options": "", "public_docs": "", "seal_keys": "", "ended_sessions": "",
	}
	for _, t := range Tables() {
		condition, special := where[t.Name]
		if !special {
			condition = `tenant = $1`
		}
		if condition != "" {
			parts = append(parts, part{t, condition})
		}
	}
	return parts
}

// rowsOfTenant counts what each table has of a tenant, as far as it has something.
func (db *DB) rowsOfTenant(ctx context.Context, tenant string) (map[string]int64, error) {
	rows := map[string]int64{}
	for _, p := range ofTenant() {
		var n int64
		err := db.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM `+p.table.Name+` WHERE `+p.where, tenant).Scan(&n)
		if err != nil {
			return nil, storageError(err)
		}
		if n > 0 {
			rows[p.table.Name] = n
		}
	}
	return rows, nil
}

// EraseTenant deletes a tenant and removes all its data before it returns; with SQLite also from
// the file and its log. Then it looks whether anything is left. The report stays in the audit,
// with the id of the tenant and nothing else of it. A tenant that is being deleted already is
// erased, too; the entry about its deletion keeps its name. After an error, calling it again goes on; the report then has what was left.
func (db *DB) EraseTenant(ctx context.Context, tenant string) (hook.Erasure, error) {
	out := hook.Erasure{Tenant: tenant, BegunAt: db.now().UTC().Truncate(time.Microsecond)}
	var one int
	err := db.read.QueryRowContext(ctx, `SELECT 1 FROM tenants WHERE id = $1`, tenant).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return out, hook.NotFound("tenant", tenant)
	}
	if err != nil {
		return out, storageError(err)
	}
	if out.Rows, err = db.rowsOfTenant(ctx, tenant); err != nil {
		return out, err
	}
	if err := db.deleteTenant(ctx, tenant, false); err != nil && !hook.IsKind(err, hook.KindNotFound) {
		return out, err
	}
	for {
		err := db.read.QueryRowContext(ctx, `SELECT 1 FROM tenants WHERE id = $1 AND deleted_at IS NOT NULL`, tenant).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return out, storageError(err)
		}
		if err := db.purge(ctx, tenant); err != nil {
			return out, err
		}
		if err := rest(ctx); err != nil {
			return out, err
		}
	}
	for more := true; more; {
		if more, err = db.Compact(ctx); err != nil {
			return out, err
		}
	}
	if err := db.emptyLog(ctx); err != nil {
		return out, err
	}
	left, err := db.rowsOfTenant(ctx, tenant)
	if err != nil {
		return out, err
	}
	if len(left) > 0 {
		return out, hook.Conflict("tenant_not_erased",
			fmt.Sprintf("Something of the tenant is there again: %v. Nobody may create it meanwhile; erase it again.", left))
	}
	out.EndedAt = db.now().UTC().Truncate(time.Microsecond)
	sum := sha256.Sum256([]byte(out.Text()))
	out.Hash = hex.EncodeToString(sum[:])
	return out, db.change(ctx, func(t *tx) error {
		fields := append(out.Counts(), "sha256="+out.Hash)
		return t.audit(hook.AuditEntry{Action: hook.ActionTenantErased, Object: tenant, Fields: fields})
	})
}
