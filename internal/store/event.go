package store

import (
	"context"
	"database/sql"
	"errors"

	"gancho/internal/hook"
)

const (
	eventColumns = `tenant, id, contract, type, external_id, source, created_at, content_type, payload`
	// eventHead is eventColumns without the payload, so that the database does not read
	// the pages of the payload.
	eventHead = `tenant, id, contract, type, external_id, source, created_at, content_type, NULL`

	eventByID = `SELECT ` + eventColumns + ` FROM events WHERE tenant = $1 AND id = $2`
)

// scanEvent reads [eventColumns]. A payload that does not open marks the event.
func (s *sealer) scanEvent(row scanner) (*hook.Event, error) {
	var e hook.Event
	var id, payload []byte
	var external sql.NullString
	var created sql.NullInt64
	if err := row.Scan(&e.Tenant, &id, &e.Contract, &e.Type, &external, &e.Door, &created, &e.ContentType,
		&payload); err != nil {
		return nil, err
	}
	copy(e.ID[:], id)
	e.ExternalID, e.CreatedAt = external.String, fromMicros(created)
	var err error
	e.Payload, e.Sealed, err = s.openPayload(payload, func() []byte { return eventPlace(e.Tenant, id) })
	e.Unreadable = err != nil
	return &e, nil
}

// readable fails with [hook.ErrUnreadable] if the payload of an event does not open, and returns the rest.
func readable(e *hook.Event, err error) (*hook.Event, error) {
	if err == nil && e.Unreadable {
		err = hook.ErrUnreadable
	}
	return e, err
}

// Event is one event of a tenant, with its payload. If that cannot be decrypted, it fails with
// [hook.ErrUnreadable] and returns the rest.
func (db *DB) Event(ctx context.Context, tenant string, id hook.EventID) (*hook.Event, error) {
	e, err := readable(db.seal.scanEvent(db.hot.event.QueryRowContext(ctx, tenant, id[:])))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("event", id.String())
	}
	return e, storageError(err)
}

// EventByExternalID is the newest event of a tenant with this external id. It fails as [DB.Event] does.
func (db *DB) EventByExternalID(ctx context.Context, tenant, external string) (*hook.Event, error) {
	e, err := readable(db.seal.scanEvent(db.read.QueryRowContext(ctx, `SELECT `+eventColumns+` FROM events
		WHERE tenant = $1 AND external_id = $2 ORDER BY id DESC LIMIT 1`, tenant, external)))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, hook.NotFound("event", external)
	}
	return e, storageError(err)
}

// EventDeliveries counts the deliveries of an event.
func (db *DB) EventDeliveries(ctx context.Context, tenant string, id hook.EventID) (n int, err error) {
	last := id.Delivery(hook.MaxFanout)
	err = db.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM deliveries
		WHERE tenant = $1 AND id > $2 AND id <= $3`, tenant, id[:], last[:]).Scan(&n)
	return n, storageError(err)
}
