package store

import (
	"context"

	"gancho/internal/hook"
)

// NoteReveal writes into the audit that the actor of ctx looked at the personal data of an object.
func (db *DB) NoteReveal(ctx context.Context, tenant, object string) error {
	return db.change(ctx, func(t *tx) error {
		return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionPersonalRevealed, Object: object})
	})
}

// NoteSearch writes into the audit that the actor of ctx searched for data at a path.
func (db *DB) NoteSearch(ctx context.Context, tenant, path string) error {
	return db.change(ctx, func(t *tx) error {
		return t.audit(hook.AuditEntry{Tenant: tenant, Action: hook.ActionPersonalSearched, Object: path})
	})
}
