package admin

import (
	"context"

	"gancho/internal/hook"
)

// EventStore is what [Events] need of the database.
type EventStore interface {
	Event(ctx context.Context, tenant string, id hook.EventID) (*hook.Event, error)
	EventByExternalID(ctx context.Context, tenant, external string) (*hook.Event, error)
}

// Events find events.
type Events struct{ Store EventStore }

// Find is an event by its id, or by the id that its caller gave it. The code of its error is event_not_found.
func (x Events) Find(ctx context.Context, tenant, name string) (*hook.Event, error) {
	id, err := hook.ParseEventID(name)
	if err == nil {
		e, err := x.Store.Event(ctx, tenant, id)
		if !hook.IsKind(err, hook.KindNotFound) {
			return e, err
		}
	}
	if !hook.ValidExternalID(name) {
		return nil, hook.NotFound("event", name)
	}
	return x.Store.EventByExternalID(ctx, tenant, name)
}
