package admin

import (
	"bytes"
	"context"
	"slices"
	"time"

	"gancho/internal/hook"
)

// BulkStore is what [Bulks] need of the database.
type BulkStore interface {
	CreateBulk(ctx context.Context, b *hook.Bulk) error
	Bulk(ctx context.Context, tenant string, id hook.BulkID) (hook.Bulk, error)
	Bulks(ctx context.Context, tenant string, p hook.Page) (list []hook.Bulk, next hook.ID, err error)
	// StopBulk leaves alone what has ended.
	StopBulk(ctx context.Context, tenant string, id hook.BulkID) (hook.Bulk, error)
	// PreviewBulk counts for about as long as within.
	PreviewBulk(ctx context.Context, b hook.Bulk, within time.Duration) (hook.BulkPreview, error)
}

// Bulks are the use cases of bulk actions: retrying and cancelling many deliveries. All fields are needed.
type Bulks struct {
	Store     BulkStore
	Recoverer Recoverer // goes through bulk actions, too
	Shown     func(hook.Sight, *hook.Event) *hook.Event
}

const (
	bulkPreview = 2 * time.Second
	maxBulkIDs  = 1000
)

// BulkSpec says what to do with which deliveries.
type BulkSpec struct {
	Kind   hook.BulkKind
	Search *hook.PayloadSearch // nil: whatever the payload is; Shown is not needed
	Filter hook.DeliveryFilter // IDs in any order. A retry without ids and states means what ended without success, or waits for its next attempt
}

// bulk is the action that is asked for, which is not begun. The code of its error is bulk_invalid.
func (x Bulks) bulk(tenant string, in BulkSpec) (hook.Bulk, error) {
	b := hook.Bulk{
		ID: hook.BulkID(hook.NewID()), Tenant: tenant, Kind: in.Kind, Filter: in.Filter, State: hook.BulkRunning, CreatedAt: now(),
	}
	f := &b.Filter
	wrong := func(e hook.FieldError) error { return hook.InvalidFields("bulk_invalid", e) }
	if in.Kind != hook.BulkRetry && in.Kind != hook.BulkCancel {
		return b, wrong(hook.Field("/action", "one_of", "This has to be one of {values}.", "values", "retry, cancel"))
	}
	if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return b, wrong(hook.Field("/since", "since_late", "This has to be before until, and in the past."))
	}
	if len(f.IDs) > maxBulkIDs {
		return b, wrong(hook.Field("/deliveries", "too_many_entries", "This can have at most {max} entries.", "max", maxBulkIDs))
	}
	if in.Search != nil {
		b.Search = &hook.PayloadSearch{Text: in.Search.Text, Personal: in.Search.Personal, Shown: x.Shown}
	}
	f.IDs = slices.Clone(f.IDs)
	slices.SortFunc(f.IDs, func(a, b hook.DeliveryID) int { return bytes.Compare(a[:], b[:]) })
	f.IDs = slices.Compact(f.IDs)
	if in.Kind == hook.BulkRetry && len(f.IDs) == 0 && len(f.States) == 0 && in.Search == nil {
		f.States = []hook.State{hook.Failed, hook.Unknown, hook.Cancelled, hook.Retrying}
	}
	return b, nil
}

// Start begins a bulk action, which goes on in the background. The codes of its errors are bulk_invalid and tenant_not_found.
func (x Bulks) Start(ctx context.Context, tenant string, in BulkSpec) (*hook.Bulk, error) {
	b, err := x.bulk(tenant, in)
	if err != nil {
		return nil, err
	}
	p, err := x.Store.PreviewBulk(ctx, b, bulkPreview)
	if err != nil {
		return nil, err
	}
	b.Total = -1
	if !p.AtLeast {
		b.Total = 0
		for _, n := range p.States {
			b.Total += n
		}
	}
	if err := x.Store.CreateBulk(ctx, &b); err != nil {
		return nil, err
	}
	x.Recoverer.BeginRecovery()
	return &b, nil
}

// Preview says what [Bulks.Start] would do, without doing it.
func (x Bulks) Preview(ctx context.Context, tenant string, in BulkSpec) (hook.BulkPreview, error) {
	b, err := x.bulk(tenant, in)
	if err != nil {
		return hook.BulkPreview{}, err
	}
	return x.Store.PreviewBulk(ctx, b, bulkPreview)
}

// List lists the bulk actions of a tenant, newest first.
func (x Bulks) List(ctx context.Context, tenant string, p hook.Page) (list []hook.Bulk, next hook.ID, err error) {
	return x.Store.Bulks(ctx, tenant, p)
}

// Get reads a bulk action. The code of its error is bulk_action_not_found.
func (x Bulks) Get(ctx context.Context, tenant, id string) (b hook.Bulk, err error) {
	parsed, err := hook.ParseBulkID(id)
	if err != nil {
		return b, hook.NotFound("bulk_action", id)
	}
	return x.Store.Bulk(ctx, tenant, parsed)
}

// Stop ends a bulk action before its end; what it has changed stays so. One that has ended stays as it is.
func (x Bulks) Stop(ctx context.Context, b hook.Bulk) (hook.Bulk, error) {
	return x.Store.StopBulk(ctx, b.Tenant, b.ID)
}

// FilterStore is what [SavedFilters] need of the database.
type FilterStore interface {
	// SaveFilter is a conflict if a tenant would have more than most.
	SaveFilter(ctx context.Context, f *hook.SavedFilter, most int) error
	SavedFilters(ctx context.Context, tenant string, portal bool) ([]hook.SavedFilter, error)
	DeleteFilter(ctx context.Context, tenant string, id hook.FilterID, portal bool) error
}

// SavedFilters are the use cases of filters with names. They belong to the tenant: all its people see them, those in the
// portal only the ones made there. All fields are needed.
type SavedFilters struct{ Store FilterStore }

const maxFilters = 200

// Save stores a filter, in the place of one with the same name. The code of its error is too_many_filters.
func (x SavedFilters) Save(ctx context.Context, f hook.SavedFilter) (hook.SavedFilter, error) {
	f.ID, f.CreatedAt = hook.FilterID(hook.NewID()), now()
	err := x.Store.SaveFilter(ctx, &f, maxFilters)
	return f, err
}

// List lists the filters of a tenant, by their names.
func (x SavedFilters) List(ctx context.Context, tenant string, portal bool) ([]hook.SavedFilter, error) {
	return x.Store.SavedFilters(ctx, tenant, portal)
}

// Delete removes a filter. The code of its error is saved_filter_not_found.
func (x SavedFilters) Delete(ctx context.Context, tenant, id string, portal bool) error {
	parsed, err := hook.ParseFilterID(id)
	if err != nil {
		return hook.NotFound("saved_filter", id)
	}
	return x.Store.DeleteFilter(ctx, tenant, parsed, portal)
}
