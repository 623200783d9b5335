package store

import (
	"context"
	"database/sql"
	"errors"

	"gancho/internal/hook"
)

const eventColumns = `tenant, id, contract, type, external_id, source, created_at, payload`

func scanEvent(row interface{ Scan(...any) error }) (*hook.Event, error) {
	var e hook.Event
	var id []byte
	var external sql.NullString
	var created sql.NullInt64
	if err := row.Scan(&e.Tenant, &id, &e.Contract, &e.Type, &external, &e.Source, &created, &e.Payload); err != nil {
		return nil, err
	}
	copy(e.ID[:], id)
	e.ExternalID, e.CreatedAt = external.String, fromMicros(created)
	return &e, nil
}

// Event is one event of a tenant, with its payload.
func (db *DB) Event(ctx context.Context, tenant string, id hook.EventID) (*hook.Event, error) {
	e, err := scanEvent(db.read.QueryRowContext(ctx, `SELECT `+eventColumns+` FROM events WHERE tenant = $1 AND id = $2`, tenant, id[:]))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("event", id.String())
	}
	return e, lost(err)
}
