package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// explainHandlers answer requests to say why an endpoint got an event, or did not.
type explainHandlers struct {
	store   DeliveryStore
	events  admin.Events
	explain Explainer
	sees    sights
}

func (h explainHandlers) register(a *API) {
	add(a, operation{
		id: "explain-event", method: http.MethodGet, path: eventsPath + "/{event}/explain", tag: "events",
		access:  auth.Readers,
		summary: "Explain why an endpoint got an event, or did not",
		description: "If there is a delivery, the answer shows it with its state. If there is none, the reasons follow " +
			"from the event and from the endpoint as it is configured now.",
		codes: []string{"event_not_found", "endpoint_not_found"},
	}, h.event)
}

func (h explainHandlers) event(ctx context.Context, in *struct {
	TenantPath
	Speaks
	Event    string `path:"event" maxLength:"128" doc:"Id of the event, Gancho's or the caller's own." example:"evt_06ew2c6eqfy7d00000000000g0"`
	Endpoint string `query:"endpoint" required:"true" maxLength:"64" doc:"Id of the endpoint." example:"ep_06ew2c5e8m4b900000000000g0"`
},
) (*struct{ Body client.Explanation }, error) {
	e, err := endpointOf(ctx, h.store, in.Tenant, in.Endpoint)
	if err != nil {
		return nil, err
	}
	ev, err := h.events.Find(ctx, in.Tenant, in.Event)
	if err != nil {
		return nil, err
	}
	d, err := h.deliveryOf(ctx, ev, e.ID)
	if err != nil {
		return nil, err
	}
	out := client.Explanation{Event: ev.ID.String(), Endpoint: e.ID.String(), Reasons: []client.Reason{}}
	cancelled := ""
	if d != nil {
		out.Delivery, out.Delivered = new(wireDelivery(*d)), d.State == hook.Delivered
		if d.Reason == hook.ReasonScript {
			cancelled = h.lastDetail(ctx, d)
		}
	}
	if cancelled != "" {
		at := h.sees.Attempt(keyOf(ctx).Sight(), e, ev, &hook.Attempt{Detail: cancelled}, nil)
		cancelled = at.Detail
	}
	for _, r := range h.explain.Event(e, ev, d, cancelled, in.language()) {
		out.Reasons = append(out.Reasons, wireReason(r))
	}
	return &struct{ Body client.Explanation }{out}, nil
}

// endpointReader reads one endpoint.
type endpointReader interface {
	TenantEndpoint(ctx context.Context, tenant string, id hook.EndpointID) (*hook.Endpoint, error)
}

// endpointOf is an endpoint by the text of its id.
func endpointOf(ctx context.Context, store endpointReader, tenant, id string) (*hook.Endpoint, error) {
	parsed, err := hook.ParseEndpointID(id)
	if err != nil {
		return nil, hook.NotFound("endpoint", id)
	}
	return store.TenantEndpoint(ctx, tenant, parsed)
}

// deliveryOf is the delivery of an event to an endpoint, nil if there is none.
func (h explainHandlers) deliveryOf(ctx context.Context, ev *hook.Event, id hook.EndpointID) (*hook.Delivery, error) {
	p := hook.Page{Limit: 1}
	for {
		list, next, err := h.store.Deliveries(ctx, ev.Tenant, hook.DeliveryFilter{Event: ev.ID, Endpoints: []hook.EndpointID{id}}, p)
		if err != nil {
			return nil, err
		}
		if len(list) > 0 {
			return &list[0], nil
		}
		if next.IsZero() {
			return nil, nil
		}
		p.Before = next // a page looks at a bounded number of rows
	}
}

// lastDetail is what the latest attempt of a delivery says in detail, "" if that cannot be read.
func (h explainHandlers) lastDetail(ctx context.Context, d *hook.Delivery) string {
	attempts, err := h.store.Attempts(ctx, d.ID, 1)
	if err != nil || len(attempts) == 0 {
		return ""
	}
	return attempts[0].Detail
}
