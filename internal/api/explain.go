package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/diagnose"
	"gancho/internal/hook"
	"gancho/internal/match"
)

func (a *API) routeExplain() {
	add(a, operation{
		id: "explain-event", method: http.MethodGet, path: eventsPath + "/{event}/explain", tag: "events", access: readers,
		summary:     "Say why an endpoint got an event, or not",
		description: "If there is a delivery, it is shown with its state. If there is none, the reasons are found from the event and the endpoint as it is configured now.",
		codes:       []string{"event_not_found", "endpoint_not_found"},
	}, a.explainEvent)
}

func (a *API) explainEvent(ctx context.Context, in *struct {
	TenantPath
	Speaks
	Event    string `path:"event" maxLength:"128" doc:"Id of the event, Gancho's or the caller's own." example:"evt_06ew2c6eqfy7d00000000000g0"`
	Endpoint string `query:"endpoint" required:"true" maxLength:"64" doc:"Id of the endpoint." example:"ep_06ew2c5e8m4b900000000000g0"`
},
) (*struct{ Body client.Explanation }, error) {
	e, err := a.endpoint(ctx, EndpointPath{in.TenantPath, in.Endpoint})
	if err != nil {
		return nil, err
	}
	ev, err := a.event(ctx, in.Tenant, in.Event)
	if err != nil {
		return nil, err
	}
	d, err := a.deliveryOf(ctx, ev, e.ID)
	if err != nil {
		return nil, err
	}
	out := client.Explanation{Event: ev.ID.String(), Endpoint: e.ID.String(), Reasons: []client.Reason{}}
	because := func(why diagnose.Why, cause string) {
		out.Reasons = append(out.Reasons, client.Reason{Code: string(why), Detail: diagnose.Explain(why, in.language()), Cause: cause})
	}
	if d != nil {
		shown := wireDelivery(*d)
		out.Delivery, out.Delivered = &shown, d.State == hook.Delivered
		if d.Reason == hook.ReasonScript {
			because(diagnose.WhyScript, a.cancelDetail(ctx, d))
		} else {
			because(whyState(d.State), "")
		}
		if e.State == hook.EndpointPaused && !d.State.Finished() {
			because(diagnose.WhyPaused, "")
		}
		return &struct{ Body client.Explanation }{out}, nil
	}
	if ev.Door == hook.DoorTest {
		because(diagnose.WhyTest, "")
		return &struct{ Body client.Explanation }{out}, nil
	}
	if ev.Contract != e.Contract {
		because(diagnose.WhyContract, "")
		return &struct{ Body client.Explanation }{out}, nil
	}
	if ev.CreatedAt.Before(e.CreatedAt) {
		because(diagnose.WhyCreatedLater, "")
	}
	switch why, cause := explain(e, ev); why {
	case match.OtherType:
		because(diagnose.WhyType, "")
	case match.FilteredOut:
		because(diagnose.WhyFilter, "")
	case match.FilterFailed:
		because(diagnose.WhyFilterFailed, cause)
	case match.Taken:
	}
	if e.State == hook.EndpointDisabled {
		because(diagnose.WhyDisabled, "")
	}
	if len(out.Reasons) == 0 {
		because(diagnose.WhyChanged, "")
	}
	return &struct{ Body client.Explanation }{out}, nil
}

// explain matches an event with an endpoint, as it is configured now.
func explain(e *hook.Endpoint, ev *hook.Event) (match.Why, string) {
	types, err := match.CompileTypes(e.Config.EventTypes)
	if err != nil { // checked when it was stored, as is the filter
		return match.OtherType, err.Error()
	}
	filter, err := match.CompileFilter(e.Config.Filter)
	if err != nil {
		return match.FilterFailed, err.Error()
	}
	return match.Target{Endpoint: e.ID, Types: types, Filter: filter}.Explain(ev)
}

// deliveryOf is the delivery of an event to an endpoint, nil if there is none; of
// a test event it is the test.
func (a *API) deliveryOf(ctx context.Context, ev *hook.Event, id hook.EndpointID) (*hook.Delivery, error) {
	p := hook.Page{Limit: 1}
	for {
		list, next, err := a.Store.Deliveries(ctx, ev.Tenant, hook.DeliveryFilter{Event: ev.ID, Endpoint: id}, p)
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

// cancelDetail is what the history says of a delivery that a script cancelled.
func (a *API) cancelDetail(ctx context.Context, d *hook.Delivery) string {
	attempts, err := a.Store.Attempts(ctx, d.ID, 1)
	if err != nil || len(attempts) == 0 {
		return ""
	}
	return attempts[0].Detail
}

func whyState(s hook.State) diagnose.Why {
	switch s {
	case hook.Delivered:
		return diagnose.WhyDelivered
	case hook.Failed:
		return diagnose.WhyFailed
	case hook.Unknown:
		return diagnose.WhyUnknown
	case hook.Cancelled:
		return diagnose.WhyCancelled
	case hook.Pending, hook.Sending, hook.Retrying:
	}
	return diagnose.WhyWaiting
}
