package admin

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

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
	// SaveFilter is a conflict if there would be more than most in the console or in the portal, or if the name is that of a
	// filter that somebody limited to the contracts within does not see.
	SaveFilter(ctx context.Context, f *hook.SavedFilter, within []string, most int) error
	SavedFilters(ctx context.Context, tenant string, portal bool) ([]hook.SavedFilter, error)
	DeleteFilter(ctx context.Context, tenant string, id hook.FilterID, portal bool) error
}

// SavedFilters are the use cases of filters with names. They belong to the tenant, and to the contracts that they name: see
// docs/adr/0070. In all of them, within are the contracts to which somebody is limited, nil if to none, and portal says that
// they are in the portal, whose people see only the filters made there. All fields are needed.
type SavedFilters struct{ Store FilterStore }

const (
	maxFilters    = 200  // of a tenant in the console, and as many in the portal
	maxFilterText = 2000 // characters of a member
)

// filterMembers are the parts that a filter can have.
var filterMembers = []string{"endpoint", "event", "type", "contract", "state", "period", "since", "until", "by", "tests"}

func checkFilter(query map[string]string) error {
	var wrong []hook.FieldError
	for _, name := range slices.Sorted(maps.Keys(query)) {
		place := "/query/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
		switch n := utf8.RuneCountInString(query[name]); {
		case name == "contains":
			wrong = append(wrong, hook.Field(place, "filter_text", "A saved filter keeps no text to search for, because it can be a person's. Leave it out."))
		case !slices.Contains(filterMembers, name):
			wrong = append(wrong, hook.FieldNear(place, "member_unknown", "There is no such member here. Remove it, or correct its name.",
				name, filterMembers, nil))
		case n > maxFilterText:
			wrong = append(wrong, hook.Field(place, "too_long", "This can have at most {max} characters; there are {count}.",
				"max", maxFilterText, "count", n))
		}
	}
	if wrong == nil {
		return nil
	}
	return hook.InvalidFields("saved_filter_invalid", wrong...)
}

// Save stores a filter, in the place of one with the same name. Its contracts are those that it names or, if it names none,
// those within. The codes of its errors are saved_filter_invalid, too_many_filters and filter_name_taken.
func (x SavedFilters) Save(ctx context.Context, f hook.SavedFilter, within []string) (hook.SavedFilter, error) {
	if err := checkFilter(f.Query); err != nil {
		return f, err
	}
	f.ID, f.CreatedAt = hook.FilterID(hook.NewID()), now()
	if f.Contracts = FilterContracts(f.Query); len(f.Contracts) == 0 {
		f.Contracts = within
	}
	err := x.Store.SaveFilter(ctx, &f, within, maxFilters)
	return f, err
}

// FilterContracts are the contracts that a filter names.
func FilterContracts(query map[string]string) []string {
	return strings.FieldsFunc(query["contract"], func(r rune) bool { return r == ',' })
}

// List lists the filters of a tenant, by their names.
func (x SavedFilters) List(ctx context.Context, tenant string, portal bool, within []string) ([]hook.SavedFilter, error) {
	list, err := x.Store.SavedFilters(ctx, tenant, portal)
	return slices.DeleteFunc(list, func(f hook.SavedFilter) bool { return !f.Within(within) }), err
}

// Delete removes a filter. The code of its error is saved_filter_not_found.
func (x SavedFilters) Delete(ctx context.Context, tenant, id string, portal bool, within []string) error {
	parsed, err := hook.ParseFilterID(id)
	if err != nil {
		return hook.NotFound("saved_filter", id)
	}
	list, err := x.List(ctx, tenant, portal, within)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(f hook.SavedFilter) bool { return f.ID == parsed }) {
		return hook.NotFound("saved_filter", id)
	}
	return x.Store.DeleteFilter(ctx, tenant, parsed, portal)
}
