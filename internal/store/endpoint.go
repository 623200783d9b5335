package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"gancho/internal/hook"
)

const endpointColumns = `id, tenant, name, contract, state, state_reason, state_at, created_at, updated_at, version, config, secrets,
	last_run_at, last_status, failing_since`

func (db *DB) scanEndpoint(row interface{ Scan(...any) error }) (*hook.Endpoint, error) {
	var e hook.Endpoint
	var id, config, secrets []byte
	var stateAt, created, updated, lastRun, failing sql.NullInt64
	err := row.Scan(&id, &e.Tenant, &e.Name, &e.Contract, &e.State, &e.StateReason, &stateAt, &created, &updated, &e.Version,
		&config, &secrets, &lastRun, &e.Health.LastStatus, &failing)
	if err != nil {
		return nil, err
	}
	copy(e.ID[:], id)
	e.StateAt, e.CreatedAt, e.UpdatedAt = fromMicros(stateAt), fromMicros(created), fromMicros(updated)
	e.Health.LastRun, e.Health.FailingSince = fromMicros(lastRun), fromMicros(failing)
	if err := db.seal.openJSON(config, id, &e.Config); err != nil {
		return nil, err
	}
	return &e, db.seal.openJSON(secrets, id, &e.Secrets)
}

// Endpoint is one endpoint, deleted or not. Most callers know its tenant and
// use [DB.TenantEndpoint].
func (db *DB) Endpoint(ctx context.Context, id hook.EndpointID) (*hook.Endpoint, error) {
	e, err := db.scanEndpoint(db.read.QueryRowContext(ctx, `SELECT `+endpointColumns+` FROM endpoints WHERE id = $1`, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("endpoint", id.String())
	}
	return e, lost(err)
}

// EndpointVersion is an earlier configuration of an endpoint.
func (db *DB) EndpointVersion(ctx context.Context, id hook.EndpointID, version int64) (hook.EndpointConfig, error) {
	var sealed []byte
	var cfg hook.EndpointConfig
	err := db.read.QueryRowContext(ctx, `SELECT config FROM endpoint_versions WHERE endpoint = $1 AND version = $2`, id[:], version).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return cfg, hook.NotFound("endpoint version", id.String())
	}
	if err != nil {
		return cfg, lost(err)
	}
	return cfg, lost(db.seal.openJSON(sealed, id[:], &cfg))
}

// SetEndpointState changes an endpoint's state and remembers why and when. It
// changes nothing if the endpoint is in that state already, or deleted.
func (db *DB) SetEndpointState(ctx context.Context, id hook.EndpointID, state hook.EndpointState, reason string, at time.Time) error {
	var tenant string
	err := db.change(ctx, func(t *tx) error {
		err := t.row(`UPDATE endpoints SET state = $2, state_reason = $3, state_at = $4, updated_at = $4
			WHERE id = $1 AND state <> $2 AND state <> 'deleted' RETURNING tenant`, id[:], string(state), reason, at.UnixMicro()).Scan(&tenant)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err == nil && tenant != "" {
		db.changed(hook.Change{Tenant: tenant, Endpoint: id})
	}
	return err
}
