package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
)

// The audit log. A change writes its entry in its own transaction, so that neither exists
// without the other, and gives it its place in the chain (audit_chain.go).

const auditColumns = `id, tenant, actor, actor_key, actor_name, actor_role, action, object, name, fields, reason,
	address, count`

// audit writes an entry about this change, in the name of its actor.
func (t *tx) audit(e hook.AuditEntry) error {
	id, key := hook.NewID(), ""
	if !t.actor.Key.IsZero() {
		key = t.actor.Key.String()
	}
	_, err := t.exec(`INSERT INTO audit (`+auditColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`,
		id[:], e.Tenant, string(t.actor.Kind), key, t.actor.Name, string(t.actor.Role), string(e.Action), e.Object, e.Name,
		strings.Join(e.Fields, ","), e.Reason, t.actor.Address, max(e.Count, 1))
	if err != nil {
		return err
	}
	_, err = t.chain(hook.AuditID(id), adoptedAtOnce)
	return err
}

// AuditTrail lists the audit entries of a tenant, or of everything if tenant is "", newest
// first. next is where the next page begins, zero if this is the last one.
func (db *DB) AuditTrail(
	ctx context.Context, tenant string, p hook.Page,
) (list []hook.AuditEntry, next hook.ID, err error) {
	_, hi := span(hook.ID{}, p.Before)
	var q query
	q.and("id < %s", hi[:])
	q.where = append(q.where, "NOT erased")
	if tenant != "" {
		q.and("tenant = %s", tenant)
	}
	text := q.text(auditColumns, "audit", "ORDER BY id DESC LIMIT "+q.arg(p.Limit+1))
	list, err = collect(ctx, db.read, scanAudit, text, q.args...)
	list, next = cut(list, p.Limit, func(e hook.AuditEntry) hook.ID { return hook.ID(e.ID) })
	return list, next, err
}

func scanAudit(r scanner) (hook.AuditEntry, error) { return scanAuditAnd(r) }

// scanAuditAnd reads a row of [auditColumns], followed by columns that are scanned into more.
func scanAuditAnd(r scanner, more ...any) (e hook.AuditEntry, err error) {
	var id []byte
	var key, fields string
	columns := []any{
		&id, &e.Tenant, &e.Actor.Kind, &key, &e.Actor.Name, &e.Actor.Role, &e.Action, &e.Object, &e.Name, &fields, &e.Reason,
		&e.Actor.Address, &e.Count,
	}
	if err := r.Scan(append(columns, more...)...); err != nil {
		return e, err
	}
	copy(e.ID[:], id)
	if fields != "" {
		e.Fields = strings.Split(fields, ",")
	}
	if key != "" {
		e.Actor.Key, err = hook.ParseKeyID(key)
	}
	return e, err
}

// auditEndpoint writes which fields of an endpoint a change changes. It writes nothing if
// there are none.
func (t *tx) auditEndpoint(was, next *hook.Endpoint) error {
	e := hook.AuditEntry{
		Tenant: next.Tenant, Action: hook.ActionEndpointChanged, Object: next.ID.String(), Name: next.Name,
		Fields: was.Changes(next),
	}
	if len(e.Fields) == 0 {
		return nil
	}
	if len(e.Fields) == 1 {
		switch e.Fields[0] {
		case "state":
			e.Action, e.Fields = stateAction(next.State), nil
		case "secret":
			e.Action, e.Fields = hook.ActionEndpointSecretChanged, nil
		}
	}
	return t.audit(e)
}

// stateAction returns the audit action for putting an endpoint into a state.
func stateAction(s hook.EndpointState) hook.Action {
	switch s {
	case hook.EndpointPaused:
		return hook.ActionEndpointPaused
	case hook.EndpointDisabled:
		return hook.ActionEndpointDisabled
	case hook.EndpointDeleted:
		return hook.ActionEndpointDeleted
	case hook.EndpointActive:
	}
	return hook.ActionEndpointResumed
}

// why returns the reason for a state that goes into an audit entry. It is "" if a person set
// the state, because the entry names the actor.
func why(reason string) string {
	if reason == hook.ReasonByPerson {
		return ""
	}
	return reason
}

// auditCredential writes which fields of a credential a change changes. It compares with
// the stored row, so it must run before the change.
func (t *tx) auditCredential(next *hook.Credential) error {
	var was hook.Credential
	var expires sql.NullInt64
	err := t.row(`SELECT name, state, generation, token_expires_at FROM credentials
		WHERE id = $1 AND tenant = $2`, next.ID[:], next.Tenant).
		Scan(&was.Name, &was.State, &was.Generation, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // the change will fail with NotFound
	}
	if err != nil {
		return err
	}
	e := hook.AuditEntry{Tenant: next.Tenant, Object: next.ID.String(), Name: next.Name}
	if was.Name != next.Name {
		e.Action, e.Fields = hook.ActionCredentialChanged, append(e.Fields, "name")
	}
	if was.State != next.State {
		e.Action, e.Fields = hook.ActionCredentialResumed, append(e.Fields, "state")
		if next.State == hook.CredentialPaused {
			e.Action = hook.ActionCredentialPaused
		}
	}
	if was.Generation != next.Generation || !fromMicros(expires).Equal(next.TokenExpires.Truncate(time.Microsecond)) {
		e.Action, e.Fields = hook.ActionCredentialToken, append(e.Fields, "token")
	}
	switch len(e.Fields) {
	case 0:
		return nil
	case 1:
		if e.Action != hook.ActionCredentialChanged {
			e.Fields = nil
		}
	default:
		e.Action = hook.ActionCredentialChanged
	}
	return t.audit(e)
}

// auditTenant writes which fields of a tenant a change changed. It writes nothing if there
// are none.
func (t *tx) auditTenant(was, now hook.Tenant, created bool) error {
	e := hook.AuditEntry{Tenant: now.ID, Action: hook.ActionTenantCreated, Object: now.ID, Name: now.Name}
	if !created {
		e.Action = hook.ActionTenantChanged
		if was.Name != now.Name {
			e.Fields = append(e.Fields, "name")
		}
		if !bytes.Equal(was.Metadata, now.Metadata) {
			e.Fields = append(e.Fields, "metadata")
		}
		if was.Policy.Limits != now.Policy.Limits {
			e.Fields = append(e.Fields, "limits")
		}
		if !slices.Equal(was.Policy.Egress.Allow, now.Policy.Egress.Allow) ||
			!slices.Equal(was.Policy.Egress.Deny, now.Policy.Egress.Deny) {
			e.Fields = append(e.Fields, "egress")
		}
		if was.Policy.SealPayloads != now.Policy.SealPayloads {
			e.Fields = append(e.Fields, "seal_payloads")
		}
		if !was.Policy.Portal.Equal(now.Policy.Portal) {
			e.Fields = append(e.Fields, "portal")
		}
		if len(e.Fields) == 0 {
			return nil
		}
	}
	return t.audit(e)
}
