package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"gancho/internal/hook"
)

const portalColumns = `id, tenant, name, role, created_at, expires_at, opened_at, ends_at, made_with, access`

func scanPortalLink(row scanner) (l hook.PortalLink, err error) {
	var id, with, access []byte
	var created, expires, opened, ends sql.NullInt64
	if err := row.Scan(&id, &l.Tenant, &l.Name, &l.Role, &created, &expires, &opened, &ends, &with, &access); err != nil {
		return l, err
	}
	if err := json.Unmarshal(access, &l.Access); err != nil { // not to be taken for a link of which nobody said anything
		return l, err
	}
	copy(l.ID[:], id)
	copy(l.MadeWith[:], with)
	l.CreatedAt, l.ExpiresAt, l.OpenedAt, l.EndsAt = fromMicros(created), fromMicros(expires), fromMicros(opened),
		fromMicros(ends)
	return l, nil
}

// CreatePortalLink stores a new link. Its tenant must exist.
func (db *DB) CreatePortalLink(ctx context.Context, l hook.PortalLink) error {
	access, err := json.Marshal(l.Access)
	if err != nil {
		return err
	}
	return db.change(ctx, func(t *tx) error {
		if err := t.aliveTenant(l.Tenant); err != nil {
			return err
		}
		if _, err := t.exec(`INSERT INTO portal_links (`+portalColumns+`) VALUES ($1, $2, $3, $4, $5, $6, NULL, $6, $7, $8)`,
			l.ID[:], l.Tenant, l.Name, string(l.Role), l.CreatedAt.UnixMicro(), l.ExpiresAt.UnixMicro(), l.MadeWith[:], string(access)); err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{
			Tenant: l.Tenant, Action: hook.ActionPortalLinkCreated, Object: l.ID.String(),
			Name: l.Name,
		})
	})
}

// OpenPortalLink stores that somebody opened a link, and when their session expires.
func (db *DB) OpenPortalLink(ctx context.Context, id hook.PortalLinkID, at, ends time.Time) error {
	return db.change(ctx, func(t *tx) error {
		n, err := t.exec(`UPDATE portal_links SET opened_at = $2, ends_at = CASE WHEN ends_at < $3 THEN $3 ELSE ends_at END
			WHERE id = $1`,
			id[:], at.UnixMicro(), ends.UnixMicro())
		if err == nil && n == 0 {
			return hook.NotFound("portal_link", id.String())
		}
		return err
	})
}

// PortalLink is a link of any tenant.
func (db *DB) PortalLink(ctx context.Context, id hook.PortalLinkID) (hook.PortalLink, error) {
	l, err := scanPortalLink(db.read.QueryRowContext(ctx, `SELECT `+portalColumns+` FROM portal_links
		WHERE id = $1`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return l, hook.NotFound("portal_link", id.String())
	}
	return l, storageError(err)
}

// PortalLinks lists the links of a tenant, newest first. next is where the next page
// begins, zero if this is the last one.
func (db *DB) PortalLinks(
	ctx context.Context, tenant string, p hook.Page,
) (list []hook.PortalLink, next hook.ID, err error) {
	_, hi := span(hook.ID{}, p.Before)
	list, err = collect(ctx, db.read, scanPortalLink, `SELECT `+portalColumns+` FROM portal_links
		WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, tenant, hi[:], p.Limit+1)
	list, next = cut(list, p.Limit, func(l hook.PortalLink) hook.ID { return hook.ID(l.ID) })
	return list, next, err
}

// DeletePortalLink revokes a link, which ends its sessions.
func (db *DB) DeletePortalLink(ctx context.Context, tenant string, id hook.PortalLinkID) error {
	return db.change(ctx, func(t *tx) error {
		e := hook.AuditEntry{Tenant: tenant, Action: hook.ActionPortalLinkRevoked, Object: id.String()}
		err := t.row(`DELETE FROM portal_links WHERE id = $1 AND tenant = $2 RETURNING name`, id[:], tenant).Scan(&e.Name)
		if errors.Is(err, sql.ErrNoRows) {
			return hook.NotFound("portal_link", id.String())
		}
		if err != nil {
			return err
		}
		return t.audit(e)
	})
}

// latestEvents is how many of a tenant's events say which contracts are in use.
const latestEvents = 200

// ContractsInUse are the names of the contracts of which a tenant has an endpoint, a credential, a record, or one of its
// latest events.
func (db *DB) ContractsInUse(ctx context.Context, tenant string) ([]string, error) {
	return collect(ctx, db.read, one[string], `WITH RECURSIVE of_records (contract) AS (
			SELECT MIN(contract) FROM records WHERE tenant = $1
			UNION ALL SELECT (SELECT MIN(contract) FROM records WHERE tenant = $1 AND contract > of_records.contract)
			FROM of_records WHERE of_records.contract IS NOT NULL)
		SELECT contract FROM endpoints WHERE tenant = $1 AND state <> 'deleted'
		UNION SELECT contract FROM credentials WHERE tenant = $1
		UNION SELECT contract FROM (SELECT contract FROM events WHERE tenant = $1 ORDER BY id DESC LIMIT $2) AS latest
		UNION SELECT contract FROM of_records WHERE contract IS NOT NULL
		ORDER BY contract`, tenant, latestEvents)
}
