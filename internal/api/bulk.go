package api

import (
	"context"
	"net/http"
	"slices"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// bulkHandlers answer requests about bulk actions.
type bulkHandlers struct {
	bulks      admin.Bulks
	deliveries deliveryHandlers
}

const bulksPath = "/v1/tenants/{tenant}/bulk-actions"

func (h bulkHandlers) register(a *API) {
	add(a, operation{
		id: "start-bulk-action", contracts: true, scope: "deliveries:retry", method: http.MethodPost, path: bulksPath, tag: "deliveries",
		access: auth.Managers, status: http.StatusAccepted, summary: "Retry or cancel many deliveries",
		description: "Goes through the deliveries of the tenant that are named or selected, oldest first, a part at a time, and sends each " +
			"again or cancels it. What is made after it began is not touched. It runs in the background and survives a restart; read it to see " +
			"its progress. It stops when the key that began it is revoked or expires. What an at-most-once contract has sent, or may have, " +
			"is never sent again. A delivery that is being sent when it " +
			"is cancelled may still arrive, and is not tried again.",
		codes: []string{"bulk_invalid", "personal_forbidden"},
	}, h.start)
	add(a, operation{
		id: "preview-bulk-action", contracts: true, scope: "deliveries:retry", method: http.MethodPost, path: bulksPath + "/preview", tag: "deliveries",
		access: auth.Managers, summary: "Count what a bulk action would do",
		description: "What POST …/bulk-actions with the same body would change. Nothing is changed or stored. It counts for about two seconds.",
		codes:       []string{"bulk_invalid", "personal_forbidden"},
	}, h.preview)
	add(a, operation{
		id: "list-bulk-actions", contracts: true, method: http.MethodGet, path: bulksPath, tag: "deliveries", access: auth.Readers,
		summary: "List bulk actions", codes: []string{"cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "get-bulk-action", contracts: true, method: http.MethodGet, path: bulksPath + "/{bulk}", tag: "deliveries", access: auth.Readers,
		summary: "Read a bulk action", codes: []string{"bulk_action_not_found"},
	}, h.get)
	add(a, operation{
		id: "stop-bulk-action", contracts: true, scope: "deliveries:retry", method: http.MethodPost, path: bulksPath + "/{bulk}/stop", tag: "deliveries",
		access: auth.Managers, noBody: true, summary: "Stop a bulk action",
		description: "What it has changed stays so. One that has ended stays as it is.",
		codes:       []string{"bulk_action_not_found"},
	}, h.stop)
}

// bulkPath are the path parameters of operations on one bulk action.
type bulkPath struct {
	TenantPath
	Bulk string `path:"bulk" doc:"Id of the bulk action." example:"blk_06ew2c6eqfy7d00000000000g0"`
}

func (h bulkHandlers) spec(ctx context.Context, tenant string, in client.BulkInput) (admin.BulkSpec, error) {
	out := admin.BulkSpec{Kind: hook.BulkKind(in.Action)}
	f := &out.Filter
	wrong := func(place string, e hook.FieldError) error { return hook.InvalidFields("bulk_invalid", e.At(place)) }
	for _, s := range in.Deliveries {
		id, err := hook.ParseDeliveryID(s)
		if err != nil {
			return out, wrong("/deliveries", hook.Field("", "delivery_id", "This is no delivery id; one looks like dlv_06ew2c5eqfy7d00000000000g4."))
		}
		f.IDs = append(f.IDs, id)
	}
	var err error
	if f.Endpoints, err = endpointIDs(in.Endpoints, "/endpoints"); err != nil {
		return out, err
	}
	if f.Contracts, err = h.deliveries.contracts(ctx, tenant, in.Contracts, f.Endpoints); err != nil {
		return out, err
	}
	if in.Event != "" {
		e, err := h.deliveries.events.Find(ctx, tenant, in.Event)
		if hook.IsKind(err, hook.KindNotFound) {
			return out, wrong("/event", hook.Field("", "event_unknown", "There is no such event."))
		}
		if err != nil {
			return out, err
		}
		f.Event = e.ID
	}
	f.Types = in.Types
	for _, s := range in.States {
		f.States = append(f.States, hook.State(s))
	}
	if in.Since != nil {
		f.Since = in.Since.UTC()
	}
	if in.Until != nil {
		f.Until = in.Until.UTC()
	}
	f.Ended, f.NoTests = in.By == "ended", in.Tests != nil && !*in.Tests
	if in.Contains != "" {
		sight, err := h.deliveries.sees.of(ctx, Revealing{in.Reveal}, tenant, "deliveries")
		if err != nil {
			return out, err
		}
		out.Search = &hook.PayloadSearch{Text: in.Contains, Personal: sight.Personal}
	}
	return out, nil
}

func wireBulk(b hook.Bulk) client.BulkAction {
	f := b.Filter
	out := client.BulkAction{
		ID: b.ID.String(), Action: string(b.Kind), State: string(b.State), Searched: b.Search != nil, Examined: b.Examined, Changed: b.Changed, Left: b.Left,
		Progress: b.Progress(), Reason: b.Reason, CreatedAt: b.CreatedAt, FinishedAt: wireTime(b.FinishedAt),
		Filter: client.BulkInput{Action: string(b.Kind), Contracts: f.Contracts, Types: f.Types, Since: wireTime(f.Since), Until: wireTime(f.Until)},
	}
	if b.Total >= 0 {
		out.Total = &b.Total
	}
	if out.Left == nil {
		out.Left = map[string]int64{}
	}
	for _, id := range f.IDs {
		out.Filter.Deliveries = append(out.Filter.Deliveries, id.String())
	}
	for _, id := range f.Endpoints {
		out.Filter.Endpoints = append(out.Filter.Endpoints, id.String())
	}
	for _, s := range f.States {
		out.Filter.States = append(out.Filter.States, string(s))
	}
	if !f.Event.IsZero() {
		out.Filter.Event = f.Event.String()
	}
	if f.Ended {
		out.Filter.By = "ended"
	}
	if f.NoTests {
		out.Filter.Tests = new(false)
	}
	return out
}

type bulkOutput struct{ Body client.BulkAction }

func (h bulkHandlers) start(ctx context.Context, in *struct {
	TenantPath
	Body client.BulkInput
},
) (*bulkOutput, error) {
	spec, err := h.spec(ctx, in.Tenant, in.Body)
	if err != nil {
		return nil, err
	}
	b, err := h.bulks.Start(ctx, in.Tenant, spec)
	if err != nil {
		return nil, err
	}
	return &bulkOutput{wireBulk(*b)}, nil
}

func (h bulkHandlers) preview(ctx context.Context, in *struct {
	TenantPath
	Body client.BulkInput
},
) (*struct{ Body client.BulkPreview }, error) {
	spec, err := h.spec(ctx, in.Tenant, in.Body)
	if err != nil {
		return nil, err
	}
	p, err := h.bulks.Preview(ctx, in.Tenant, spec)
	if err != nil {
		return nil, err
	}
	out := client.BulkPreview{States: map[string]int64{}, Changed: p.Changed, Final: p.Final, Left: p.Left, AtLeast: p.AtLeast}
	for s, n := range p.States {
		out.States[string(s)] = n
	}
	return &struct{ Body client.BulkPreview }{out}, nil
}

// sees reports whether the key of a request may see a bulk action: one that is limited to contracts sees those about its
// contracts alone.
func (h bulkHandlers) sees(ctx context.Context, b hook.Bulk) bool {
	key := keyOf(ctx)
	return len(key.Contracts) == 0 || len(b.Filter.Contracts) > 0 &&
		!slices.ContainsFunc(b.Filter.Contracts, func(c string) bool { return !key.MayTouch(c) })
}

func (h bulkHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Paging
},
) (*struct {
	Body client.List[client.BulkAction]
}, error,
) {
	list := listName("bulk-actions", in.Tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	bulks, next, err := h.bulks.List(ctx, in.Tenant, p)
	if err != nil {
		return nil, err
	}
	bulks = slices.DeleteFunc(bulks, func(b hook.Bulk) bool { return !h.sees(ctx, b) })
	return &struct {
		Body client.List[client.BulkAction]
	}{wireList(bulks, next, list, wireBulk)}, nil
}

func (h bulkHandlers) bulk(ctx context.Context, in *bulkPath) (hook.Bulk, error) {
	b, err := h.bulks.Get(ctx, in.Tenant, in.Bulk)
	if err == nil && !h.sees(ctx, b) {
		err = auth.OtherContract(keyOf(ctx))
	}
	return b, err
}

func (h bulkHandlers) get(ctx context.Context, in *bulkPath) (*bulkOutput, error) {
	b, err := h.bulk(ctx, in)
	if err != nil {
		return nil, err
	}
	return &bulkOutput{wireBulk(b)}, nil
}

func (h bulkHandlers) stop(ctx context.Context, in *bulkPath) (*bulkOutput, error) {
	b, err := h.bulk(ctx, in)
	if err != nil {
		return nil, err
	}
	if b, err = h.bulks.Stop(ctx, b); err != nil {
		return nil, err
	}
	return &bulkOutput{wireBulk(b)}, nil
}

// filterHandlers answer requests about saved filters.
type filterHandlers struct{ filters admin.SavedFilters }

const filtersPath = "/v1/tenants/{tenant}/saved-filters"

func (h filterHandlers) register(a *API) {
	add(a, operation{
		id: "list-saved-filters", contracts: true, method: http.MethodGet, path: filtersPath, tag: "deliveries", access: auth.Readers,
		summary: "List saved filters", description: "The filters of deliveries that people of the tenant named, by their names; all at once.",
	}, h.list)
	add(a, operation{
		id: "save-filter", contracts: true, scope: "deliveries:retry", method: http.MethodPost, path: filtersPath, tag: "deliveries", access: auth.Managers,
		status: http.StatusCreated, summary: "Save a filter",
		description: "A filter with the same name is replaced. All people of the tenant see it; those in the portal see only the ones that " +
			"were made there. A filter belongs to the contracts that it names or, if it names none, to those that its author is limited to: " +
			"who is limited to contracts sees and changes only filters of these. There can be 200, and as many in the portal.",
		codes: []string{"saved_filter_invalid", "too_many_filters", "filter_name_taken"},
	}, h.save)
	add(a, operation{
		id: "delete-saved-filter", contracts: true, scope: "deliveries:retry", method: http.MethodDelete, path: filtersPath + "/{filter}", tag: "deliveries",
		access: auth.Managers, status: http.StatusNoContent, summary: "Delete a saved filter", codes: []string{"saved_filter_not_found"},
	}, h.remove)
}

func wireFilter(f hook.SavedFilter) client.SavedFilter {
	if f.Contracts == nil {
		f.Contracts = []string{}
	}
	return client.SavedFilter{ID: f.ID.String(), Name: f.Name, Query: f.Query, Contracts: f.Contracts, Portal: f.Portal, CreatedAt: f.CreatedAt}
}

func (h filterHandlers) list(ctx context.Context, in *TenantPath) (*struct {
	Body client.List[client.SavedFilter]
}, error,
) {
	list, err := h.filters.List(ctx, in.Tenant, keyOf(ctx).Portal != nil, keyOf(ctx).Contracts)
	if err != nil {
		return nil, err
	}
	return &struct {
		Body client.List[client.SavedFilter]
	}{wireList(list, hook.ID{}, "", wireFilter)}, nil
}

func (h filterHandlers) save(ctx context.Context, in *struct {
	TenantPath
	Body client.SavedFilterInput
},
) (*struct{ Body client.SavedFilter }, error) {
	for _, name := range admin.FilterContracts(in.Body.Query) {
		if err := auth.AdmitContract(keyOf(ctx), name); err != nil {
			return nil, err
		}
	}
	f, err := h.filters.Save(ctx, hook.SavedFilter{
		Tenant: in.Tenant, Name: in.Body.Name, Query: in.Body.Query, Portal: keyOf(ctx).Portal != nil,
	}, keyOf(ctx).Contracts)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.SavedFilter }{wireFilter(f)}, nil
}

func (h filterHandlers) remove(ctx context.Context, in *struct {
	TenantPath
	Filter string `path:"filter" doc:"Id of the saved filter." example:"flt_06ew2c6eqfy7d00000000000g0"`
},
) (*struct{}, error) {
	return nil, h.filters.Delete(ctx, in.Tenant, in.Filter, keyOf(ctx).Portal != nil, keyOf(ctx).Contracts)
}
