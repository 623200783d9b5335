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
}

func (h searchHandlers) search(ctx context.Context, in *struct {
	TenantPath
	Body client.SearchInput
},
) (*struct{ Body client.SearchPage }, error) {
	list := listName("search", in.Tenant, in.Body.Path, in.Body.Value)
	var at hook.SearchPlace
	if in.Body.Cursor != "" {
		place, err := decodeCursor(list, in.Body.Cursor)
		if err != nil {
			return nil, err
		}
		if json.Unmarshal(place, &at) != nil {
			return nil, invalidParameter("cursor", otherCursor)
		}
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
