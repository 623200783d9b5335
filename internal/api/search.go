package api

import (
	"context"
	"encoding/json"
	"net/http"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// searchHandlers answer requests to find a person's data.
type searchHandlers struct{ people admin.People }

func (h searchHandlers) register(a *API) {
	add(a, operation{
		id: "search-tenant", method: http.MethodPost, path: "/v1/tenants/{tenant}/search", tag: "tenants", access: auth.Managers,
		scope: hook.ScopePersonal, summary: "Find a person's data",
		description: "Where a value stands in the records, in the payloads of events, and in bodies of deliveries that are not " +
			"the payload. A page looks at 2,000 of them, 16 MiB or two seconds, whichever comes first, so it may be empty " +
			"although more follows. The audit has an entry for each page, with the path and without the value.",
		codes: []string{"personal_forbidden", "cursor_invalid"},
	}, h.search)
	add(a, operation{
		id: "erase-subject", method: http.MethodPost, path: "/v1/tenants/{tenant}/erase-subject", tag: "tenants", access: auth.Managers,
		scope: hook.ScopeErase, summary: "Erase a person's data",
		description: "Erases wherever a search for the value at the path finds it, a page at a time as search. Records are removed, and " +
			"fire nothing. Payloads of events are overwritten, with the bodies, requests and answers of all deliveries of the event; " +
			"the rows stay in the history, and say when they were erased. Such an event is never sent again. An event of " +
			"which something still waits or is being sent is left alone and listed in waiting: erase again when it is over, or disable " +
			"the endpoint first, which cancels what waits. With SQLite nothing of it is in the file any more when the answer comes; with " +
			"PostgreSQL run VACUUM afterwards. The audit has the path and the counts, without the value.",
		codes: []string{"personal_forbidden", "cursor_invalid"},
	}, h.erase)
}

func (h searchHandlers) erase(ctx context.Context, in *struct {
	TenantPath
	Body client.SearchInput
},
) (*struct{ Body client.SubjectErasure }, error) {
	list := listName("erase-subject", in.Tenant, in.Body.Path, in.Body.Value)
	at, err := searchPlaceOf(list, in.Body.Cursor)
	if err != nil {
		return nil, err
	}
	page, err := h.people.EraseSubject(ctx, keyOf(ctx), in.Tenant, admin.Search{Path: in.Body.Path, Value: in.Body.Value}, at)
	if err != nil {
		return nil, err
	}
	out := client.SubjectErasure{
		Records: page.Records, Events: page.Events, Deliveries: page.Deliveries, Attempts: page.Attempts, Changed: page.Changed,
		Waiting: []string{}, Rows: page.Rows,
	}
	for _, id := range page.Waiting {
		out.Waiting = append(out.Waiting, id.String())
	}
	if page.Next != nil {
		out.NextCursor = encodeCursor(list, encode(page.Next))
	}
	return &struct{ Body client.SubjectErasure }{out}, nil
}

// searchPlaceOf is the place in a search that a cursor names.
func searchPlaceOf(list, cursor string) (at hook.SearchPlace, err error) {
	if cursor == "" {
		return at, nil
	}
	place, err := decodeCursor(list, cursor)
	if err == nil && json.Unmarshal(place, &at) != nil {
		err = invalidParameter("cursor", otherCursor)
	}
	return at, err
}

func (h searchHandlers) search(ctx context.Context, in *struct {
	TenantPath
	Body client.SearchInput
},
) (*struct{ Body client.SearchPage }, error) {
	list := listName("search", in.Tenant, in.Body.Path, in.Body.Value)
	at, err := searchPlaceOf(list, in.Body.Cursor)
	if err != nil {
		return nil, err
	}
	page, err := h.people.Search(ctx, keyOf(ctx), in.Tenant, admin.Search{Path: in.Body.Path, Value: in.Body.Value}, at)
	if err != nil {
		return nil, err
	}
	out := client.SearchPage{Items: []client.Found{}, Rows: page.Rows}
	for _, f := range page.Found {
		out.Items = append(out.Items, wireFound(f))
	}
	if page.Next != nil {
		out.NextCursor = encodeCursor(list, encode(page.Next))
	}
	return &struct{ Body client.SearchPage }{out}, nil
}

func wireFound(f hook.Found) client.Found {
	out := client.Found{
		Kind: "record", Contract: f.Contract, Record: f.Record.Kind, Key: f.Record.Key, Type: f.Type, CreatedAt: f.CreatedAt,
		Paths: f.Paths,
	}
	if f.Event != (hook.EventID{}) {
		out.Kind, out.Event = "event", f.Event.String()
	}
	if f.Delivery != (hook.DeliveryID{}) {
		out.Kind, out.Delivery = "delivery", f.Delivery.String()
	}
	return out
}
