package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gancho/internal/hook"
)

const endpointColumns = `id, tenant, name, contract, state, state_reason, state_at, created_at, updated_at, version,
	config, secrets, last_run_at, last_status, failing_since, failed_of, failed_attempts, failed_deliveries,
	last_test_at, last_test_status`

func (db *DB) scanEndpoint(row scanner) (*hook.Endpoint, error) {
	e, _, err := db.scanStored(row)
	return e, err
}

// storedEndpoint are the JSON texts of an endpoint's row, decrypted; nil if the endpoint is unreadable.
type storedEndpoint struct{ config, secrets []byte }

// scanStored is scanEndpoint, with the texts that it decoded.
func (db *DB) scanStored(row scanner) (*hook.Endpoint, storedEndpoint, error) {
	var e hook.Endpoint
	var id, config, secrets []byte
	var text storedEndpoint
	var stateAt, created, updated, lastRun, failing, failedOf, lastTest sql.NullInt64
	var attempts, deliveries int
	err := row.Scan(&id, &e.Tenant, &e.Name, &e.Contract, &e.State, &e.StateReason, &stateAt, &created, &updated,
		&e.Version, &config, &secrets, &lastRun, &e.Health.LastStatus, &failing,
		&failedOf, &attempts, &deliveries, &lastTest, &e.LastTest.Status)
	if err != nil {
		return nil, text, err
	}
	copy(e.ID[:], id)
	e.StateAt, e.CreatedAt, e.UpdatedAt = fromMicros(stateAt), fromMicros(created), fromMicros(updated)
	e.LastTest.At = fromMicros(lastTest)
	e.Health.LastRun, e.Health.FailingSince = fromMicros(lastRun), fromMicros(failing)
	if failing.Valid && failedOf == failing { // the counts are of this row of failures
		e.Health.FailedAttempts, e.Health.FailedDeliveries = attempts, deliveries
	}
	var errConfig, errSecrets error
	text.config, errConfig = db.seal.openText(config, id, &e.Config)
	text.secrets, errSecrets = db.seal.openText(secrets, id, &e.Secrets)
	if errConfig != nil || errSecrets != nil {
		e.Config, e.Secrets, e.Unreadable, text = hook.EndpointConfig{}, nil, true, storedEndpoint{}
	}
	return &e, text, nil
}

// Endpoint is an endpoint of any tenant, also a deleted one. A caller that knows the tenant
// uses [DB.TenantEndpoint].
func (db *DB) Endpoint(ctx context.Context, id hook.EndpointID) (*hook.Endpoint, error) {
	e, err := db.scanEndpoint(db.read.QueryRowContext(ctx, `SELECT `+endpointColumns+` FROM endpoints
		WHERE id = $1`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("endpoint", id.String())
	}
	return e, storageError(err)
}

// EndpointVersion is an earlier configuration of an endpoint. It fails with [hook.ErrUnreadable] if
// that cannot be decrypted.
func (db *DB) EndpointVersion(ctx context.Context, id hook.EndpointID, version int64) (hook.EndpointConfig, error) {
	var sealed []byte
	var cfg hook.EndpointConfig
	err := db.read.QueryRowContext(ctx, `SELECT config FROM endpoint_versions
		WHERE endpoint = $1 AND version = $2`, id[:], version).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return cfg, hook.NotFound("endpoint_version", id.String())
	}
	if err != nil {
		return cfg, storageError(err)
	}
	return cfg, storageError(db.seal.openJSON(sealed, id[:], &cfg))
}

// TenantEndpoint is an endpoint of a tenant; a deleted one is not found.
func (db *DB) TenantEndpoint(ctx context.Context, tenant string, id hook.EndpointID) (*hook.Endpoint, error) {
	e, err := db.scanEndpoint(db.read.QueryRowContext(ctx, `SELECT `+endpointColumns+` FROM endpoints
		WHERE id = $1 AND tenant = $2 AND state <> 'deleted'`, id[:], tenant))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("endpoint", id.String())
	}
	return e, storageError(err)
}

// TenantEndpoints lists all endpoints of a tenant except the deleted ones. It fails with
// KindNotFound if the tenant does not exist.
func (db *DB) TenantEndpoints(ctx context.Context, tenant string) ([]*hook.Endpoint, error) {
	// One statement checks both, so that the tenant cannot be deleted in between.
	list, err := collect(ctx, db.read, db.scanEndpoint, `SELECT `+endpointColumns+` FROM endpoints
		WHERE tenant = $1 AND state <> 'deleted'
		AND EXISTS (SELECT 1 FROM tenants WHERE id = $1 AND deleted_at IS NULL) ORDER BY id`, tenant)
	if err == nil && len(list) == 0 {
		_, err = db.Tenant(ctx, tenant)
	}
	return list, err
}

// Endpoints lists the endpoints of a tenant except the deleted ones, newest first. next is
// where the next page begins, zero if this is the last one.
func (db *DB) Endpoints(
	ctx context.Context, tenant string, p hook.Page,
) (list []*hook.Endpoint, next hook.ID, err error) {
	_, hi := span(hook.ID{}, p.Before)
	list, err = collect(ctx, db.read, db.scanEndpoint, `SELECT `+endpointColumns+` FROM endpoints
		WHERE tenant = $1 AND id < $2 AND state <> 'deleted' ORDER BY id DESC LIMIT $3`, tenant, hi[:], p.Limit+1)
	list, next = cut(list, p.Limit, func(e *hook.Endpoint) hook.ID { return hook.ID(e.ID) })
	return list, next, err
}

// CreateEndpoint stores a new endpoint as version 1. It sets its version and
// times. The tenant must exist.
func (db *DB) CreateEndpoint(ctx context.Context, e *hook.Endpoint) error {
	return db.CreateEndpointWithin(ctx, e, 0)
}

// CreateEndpointWithin is CreateEndpoint with a limit: most is the largest number of
// endpoints of the contract that the tenant can have, 0 for any number. One more is a
// conflict, and so is one more than [Options.MaxEndpoints] of all contracts.
func (db *DB) CreateEndpointWithin(ctx context.Context, e *hook.Endpoint, most int) error {
	insert, err := db.newEndpoint(e, most)
	if err != nil {
		return err
	}
	err = db.change(ctx, func(t *tx) error {
		if err := t.aliveTenant(e.Tenant); err != nil {
			return err
		}
		return insert(t)
	})
	if err == nil {
		db.changed(hook.Change{Tenant: e.Tenant, Endpoint: e.ID})
	}
	return err
}

// newEndpoint prepares the insertion of an endpoint as version 1.
func (db *DB) newEndpoint(e *hook.Endpoint, most int) (insert func(*tx) error, err error) {
	now := fromMicros(sql.NullInt64{Int64: db.now().UnixMicro(), Valid: true})
	e.Version, e.CreatedAt, e.UpdatedAt, e.StateAt = 1, now, now, now
	config, secrets, err := db.sealEndpoint(e, new(hook.Endpoint), storedEndpoint{})
	if err != nil {
		return nil, err
	}
	return func(t *tx) error {
		if err := t.roomFor(e, most); err != nil {
			return err
		}
		if err := t.roomForAny(e.Tenant, db.maxEndpoints); err != nil {
			return err
		}
		_, err := t.exec(`INSERT INTO endpoints (id, tenant, name, contract, state, state_reason, state_at, created_at,
			updated_at, version, config, secrets)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, 1, $8, $9)`,
			e.ID[:], e.Tenant, e.Name, e.Contract, string(e.State), e.StateReason, now.UnixMicro(), config, secrets)
		if err != nil {
			return err
		}
		if err := t.saveVersion(e.ID, 1, config); err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{
			Tenant: e.Tenant, Action: hook.ActionEndpointCreated, Object: e.ID.String(),
			Name: e.Name,
		})
	}, nil
}

// roomFor fails with KindConflict if the tenant already has most endpoints of the contract.
// Changes run one after the other, so none can be added between the check and the insertion.
func (t *tx) roomFor(e *hook.Endpoint, most int) error {
	if most <= 0 {
		return nil
	}
	var have int
	err := t.row(`SELECT COUNT(*) FROM endpoints
		WHERE tenant = $1 AND contract = $2 AND state <> 'deleted'`, e.Tenant, e.Contract).Scan(&have)
	if err != nil || have < most {
		return err
	}
	if most == 1 {
		return hook.Conflict("too_many_endpoints", "A tenant can have one endpoint of the contract "+e.Contract+
			", and this tenant has one already. Change it, or delete it first.")
	}
	return hook.Conflict("too_many_endpoints", fmt.Sprintf(
		"A tenant can have %d endpoints of the contract %s, and this tenant has them already. "+
			"Change one of them, or delete one first.",
		most, e.Contract))
}

// endpointLimit is how many endpoints a tenant can have: its own limit, if that is lower than
// most, which holds for all tenants.
func (t *tx) endpointLimit(tenant string, most int) (int, error) {
	var text []byte
	if err := t.row(`SELECT limits FROM tenants WHERE id = $1`, tenant).Scan(&text); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return most, nil // the insertion will find that
		}
		return 0, err
	}
	var own hook.Limits
	if err := json.Unmarshal(text, &own); err != nil {
		return 0, err
	}
	if own.Endpoints > 0 {
		most = min(most, own.Endpoints)
	}
	return most, nil
}

// roomForAny fails with KindConflict if the tenant already has most endpoints, of all
// contracts together, or as many as its own limit allows.
func (t *tx) roomForAny(tenant string, most int) error {
	most, err := t.endpointLimit(tenant, most)
	if err != nil {
		return err
	}
	var have int
	// Counting the deleted ones as well needs only an index. They are left out only if it
	// matters.
	err = t.row(`SELECT COUNT(*) FROM endpoints WHERE tenant = $1`, tenant).Scan(&have)
	if err == nil && have >= most {
		err = t.row(`SELECT COUNT(*) FROM endpoints WHERE tenant = $1 AND state <> 'deleted'`, tenant).Scan(&have)
	}
	if err != nil || have < most {
		return err
	}
	return hook.Conflict("too_many_endpoints", fmt.Sprintf(
		"This tenant can have %d endpoints, and has them already. Delete some that nobody needs first, or ask the "+
			"operator to raise the limit (of this tenant, or --max-endpoints for all).", most))
}

// sealEndpoint is what is stored of an endpoint in the place of text, which was understood as was.
func (db *DB) sealEndpoint(e, was *hook.Endpoint, text storedEndpoint) (config, secrets []byte, err error) {
	if config, err = editJSON(text.config, was.Config, e.Config); err != nil {
		return nil, nil, err
	}
	secrets, err = editJSON(text.secrets, was.Secrets, e.Secrets)
	return db.seal.sealBytes(config, e.ID[:]), db.seal.sealBytes(secrets, e.ID[:]), err
}

func (t *tx) saveVersion(id hook.EndpointID, version int64, config []byte) error {
	_, err := t.exec(`INSERT INTO endpoint_versions (endpoint, version, config)
		VALUES ($1, $2, $3)`, id[:], version, config)
	return err
}

// UpdateEndpoint stores the changed name, state, configuration and secrets of an endpoint.
// newConfig says that the configuration differs from the one that the caller read; it then
// becomes a new version. If somebody else changed the endpoint after the caller read it,
// nothing is stored and ok is false: the caller has to read it again. On success e has its
// new version and times. An endpoint that was corrected ([hook.Corrected]), or becomes active, no longer counts as failing. An
// endpoint of a paused credential cannot become active
// (KindConflict).
func (db *DB) UpdateEndpoint(ctx context.Context, e *hook.Endpoint, newConfig bool) (ok bool, err error) {
	update := db.newUpdate(e, newConfig)
	err = db.change(ctx, func(t *tx) (err error) {
		ok, err = update.run(t)
		return err
	})
	if err != nil || !ok {
		return false, err
	}
	*e = update.next
	db.changed(hook.Change{Tenant: e.Tenant, Endpoint: e.ID})
	return true, nil
}

// endpointUpdate is an update of an endpoint, ready to be written.
type endpointUpdate struct {
	was, next hook.Endpoint
	newConfig bool
	db        *DB // decrypts the stored endpoint, to compare with
}

func (db *DB) newUpdate(e *hook.Endpoint, newConfig bool) *endpointUpdate {
	u := &endpointUpdate{was: *e, next: *e, newConfig: newConfig, db: db}
	// Always later than before, because run recognizes by it whether somebody else changed
	// the endpoint.
	u.next.UpdatedAt = time.UnixMicro(max(db.now().UnixMicro(), e.UpdatedAt.UnixMicro()+1)).UTC()
	if newConfig {
		u.next.Version++
	}
	return u
}

// run writes the update. ok is false if somebody else changed the endpoint after it was
// read.
func (u *endpointUpdate) run(t *tx) (ok bool, err error) {
	id, next := u.was.ID, &u.next
	was, text, err := u.db.scanStored(t.row(`SELECT `+endpointColumns+` FROM endpoints
		WHERE id = $1 AND tenant = $2 AND updated_at = $3 AND version = $4`,
		id[:], u.was.Tenant, u.was.UpdatedAt.UnixMicro(), u.was.Version))
	if errors.Is(err, sql.ErrNoRows) || err == nil && was.State == hook.EndpointDeleted {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if was.State != next.State {
		next.StateAt = next.UpdatedAt
		if next.State == hook.EndpointActive {
			if err := t.mayBeActive(id); err != nil {
				return false, err
			}
		}
	}
	if hook.Corrected(was, next) || was.State != next.State && next.State == hook.EndpointActive {
		if _, err := t.exec(`UPDATE endpoints SET failing_since = NULL WHERE id = $1`, id[:]); err != nil {
			return false, err
		}
		next.Health.FailingSince = time.Time{}
	}
	config, secrets, err := u.db.sealEndpoint(next, was, text)
	if err != nil {
		return false, err
	}
	if _, err := t.exec(`UPDATE endpoints SET name = $2, state = $3, state_reason = $4, state_at = $5, updated_at = $6,
		version = $7, config = $8, secrets = $9 WHERE id = $1`,
		id[:], next.Name, string(next.State), next.StateReason, next.StateAt.UnixMicro(), next.UpdatedAt.UnixMicro(),
		next.Version, config, secrets); err != nil {
		return false, err
	}
	if u.newConfig {
		if err := t.saveVersion(id, next.Version, config); err != nil {
			return false, err
		}
	}
	return true, t.auditEndpoint(was, next)
}

// DeleteEndpoint deletes an endpoint of a tenant, that is, hides it for good. Its
// deliveries stay in the history; the lane of the endpoint cancels those that wait. An
// endpoint of a credential can be deleted only together with that (KindConflict). If only does not hold for its revision,
// nothing changes ([hook.ErrChangedMeanwhile]).
func (db *DB) DeleteEndpoint(ctx context.Context, tenant string, id hook.EndpointID, only hook.Precondition) error {
	err := db.change(ctx, func(t *tx) error {
		var revision int64
		err := t.row(`SELECT updated_at FROM endpoints WHERE id = $1 AND tenant = $2 AND state <> 'deleted'`, id[:], tenant).Scan(&revision)
		if errors.Is(err, sql.ErrNoRows) {
			return hook.NotFound("endpoint", id.String())
		}
		if err == nil {
			err = only.Check(revision)
		}
		if err != nil {
			return err
		}
		if _, err := t.hideEndpoint(tenant, id[:], hook.ReasonByPerson, db.now()); err != nil {
			return err
		}
		owner, err := t.ownerState(id)
		if err == nil && owner != "" {
			return hook.Conflict("endpoint_of_credential",
				"This endpoint belongs to a credential. Delete or pause the credential instead.")
		}
		return err
	})
	if err == nil {
		db.changed(hook.Change{Tenant: tenant, Endpoint: id})
	}
	return err
}

// hideEndpoint sets the state of an endpoint to deleted, and returns the number of changed
// rows: 0 or 1.
func (t *tx) hideEndpoint(tenant string, id []byte, reason string, now time.Time) (int64, error) {
	e := hook.AuditEntry{
		Tenant: tenant, Action: hook.ActionEndpointDeleted, Object: hook.EndpointID(id).String(),
		Reason: why(reason),
	}
	err := t.row(`UPDATE endpoints SET state = 'deleted', state_reason = $3, state_at = $4, updated_at = $4
		WHERE id = $1 AND tenant = $2 AND state <> 'deleted'
		RETURNING name`, id, tenant, reason, now.UnixMicro()).Scan(&e.Name)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return 1, t.audit(e)
}

// SetEndpointState changes the state of an endpoint, and stores why and when. It changes
// nothing if the endpoint already has that state or is deleted. An endpoint that becomes
// active no longer counts as failing. An endpoint of a paused credential cannot become
// active (KindConflict).
func (db *DB) SetEndpointState(
	ctx context.Context, id hook.EndpointID, state hook.EndpointState, reason string, at time.Time,
) error {
	var tenant, name string
	err := db.change(ctx, func(t *tx) error {
		err := t.row(`UPDATE endpoints SET state = $2, state_reason = $3, state_at = $4,
			updated_at = CASE WHEN updated_at < $4 THEN $4 ELSE updated_at + 1 END
			WHERE id = $1 AND state <> $2 AND state <> 'deleted'
			RETURNING tenant, name`, id[:], string(state), reason, at.UnixMicro()).Scan(&tenant, &name)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil && state == hook.EndpointActive {
			if err := t.mayBeActive(id); err != nil {
				return err
			}
			_, err = t.exec(`UPDATE endpoints SET failing_since = NULL WHERE id = $1`, id[:])
		}
		if err != nil {
			return err
		}
		return t.audit(hook.AuditEntry{
			Tenant: tenant, Action: stateAction(state), Object: id.String(), Name: name,
			Reason: why(reason),
		})
	})
	if err == nil && tenant != "" {
		db.changed(hook.Change{Tenant: tenant, Endpoint: id})
	}
	return err
}

// NoteTest stores how the latest test of an endpoint ended. It is no change of the endpoint that anybody has to know of.
func (db *DB) NoteTest(ctx context.Context, id hook.EndpointID, last hook.LastTest) error {
	return db.change(ctx, func(t *tx) error {
		_, err := t.exec(`UPDATE endpoints SET last_test_at = $2, last_test_status = $3
			WHERE id = $1 AND (last_test_at IS NULL OR last_test_at <= $2)`, id[:], last.At.UnixMicro(), last.Status)
		return err
	})
}
