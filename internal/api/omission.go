package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// OmissionStore is what [Options] need of the database about what errors left out.
type OmissionStore interface {
	// Omissions lists them, the latest hour first. A page may have fewer than asked for although more follow; then next is
	// not zero.
	Omissions(
		ctx context.Context, tenant string, f hook.OmissionFilter, p hook.Page,
	) (list []hook.Omission, next hook.ID, err error)
}

// omissionHandlers answer requests to read what errors left out.
type omissionHandlers struct {
	store OmissionStore
	sees  sights
}

func (h omissionHandlers) register(a *API) {
	add(a, operation{
		id: "list-omissions", contracts: true, method: http.MethodGet, path: "/v1/tenants/{tenant}/omissions", tag: "events",
		access:  auth.Readers,
		summary: "List what errors left out",
		description: "Events that changes of records did not fire, because a condition (when) or a payload of the contract failed, and events that " +
			"endpoints did not get, because their filters failed: counted by hour and reason, the latest hour first, with " +
			"examples. The latest 10 seconds may be missing, and the seconds before a crash.",
		codes: []string{"cursor_invalid", "endpoint_not_found", "personal_forbidden"},
	}, h.list)
}

func (h omissionHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Paging
	Span
	Revealing
	Type     string `query:"type" maxLength:"128" doc:"Only events of this type that did not come to be." example:"order.paid"`
	Contract string `query:"contract" maxLength:"64" doc:"Only of this contract."`
	Endpoint string `query:"endpoint" maxLength:"64" doc:"Only what this endpoint did not get." example:"ep_06ew2c5e8m4b900000000000g0"`
},
) (*struct{ Body client.List[client.Omission] }, error) {
	list := listName("omissions", in.Tenant, in.Type, in.Contract, in.Endpoint, in.name())
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	f := hook.OmissionFilter{Type: in.Type, Contract: in.Contract, Since: in.Since, Until: in.Until}
	if in.Endpoint != "" {
		if f.Endpoint, err = hook.ParseEndpointID(in.Endpoint); err != nil {
			return nil, hook.NotFound("endpoint", in.Endpoint)
		}
	}
	sight, err := h.sees.of(ctx, in.Revealing, in.Tenant, "omissions")
	if err != nil {
		return nil, err
	}
	found, next, err := h.store.Omissions(ctx, in.Tenant, f, p)
	if err != nil {
		return nil, err
	}
	found = touchable(ctx, found, func(o hook.Omission) string { return o.Contract })
	return &struct{ Body client.List[client.Omission] }{wireList(found, next, list, func(o hook.Omission) client.Omission {
		return wireOmission(h.sees.Omission(sight, &o))
	})}, nil
}

func wireOmission(o *hook.Omission) client.Omission {
	out := client.Omission{
		Hour: o.At, Contract: o.Contract, Type: o.Type, Reason: o.Reason, Count: o.Count, Unkept: o.Unkept, FirstAt: o.First, LastAt: o.Last,
		Examples: make([]client.OmissionExample, 0, len(o.Examples)),
	}
	if !o.Endpoint.IsZero() {
		out.Endpoint = new(o.Endpoint.String())
	}
	for _, x := range o.Examples {
		shown := client.OmissionExample{At: x.At, Kind: x.Kind, Key: x.Key, Line: x.Line, Detail: x.Detail}
		if !x.Event.IsZero() {
			shown.Event = x.Event.String()
		}
		out.Examples = append(out.Examples, shown)
	}
	return out
}
