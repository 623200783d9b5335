package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
)

func (a *API) routeRecoveries() {
	add(a, operation{
		id: "recover-endpoint", method: http.MethodPost, path: endpointPath1 + "/recover", tag: "endpoints", access: managers, status: http.StatusAccepted,
		summary: "Send again what did not arrive",
		description: "Goes through the events of a time Span, oldest first, and puts what the endpoint missed back into its queue, a part at a time, each with the normal retry schedule. " +
			"It goes on by itself; read the recovery to see how far it is.",
		codes: []string{"endpoint_not_found", "recovery_invalid", "at_most_once", "endpoint_disabled"},
	}, a.recoverEndpoint)
	add(a, operation{
		id: "preview-recovery", method: http.MethodPost, path: endpointPath1 + "/recover/preview", tag: "endpoints", access: managers,
		summary:     "Count what would be sent again",
		description: "What POST …/recover with the same body would put into the queue. Nothing is sent or stored. About 50,000 events are looked at, at most.",
		codes:       []string{"endpoint_not_found", "recovery_invalid", "at_most_once", "endpoint_disabled"},
	}, a.previewRecovery)
	add(a, operation{
		id: "list-recoveries", method: http.MethodGet, path: endpointPath1 + "/recoveries", tag: "endpoints", access: readers,
		summary: "List recoveries", codes: []string{"endpoint_not_found", "cursor_invalid"},
	}, a.listRecoveries)
	add(a, operation{
		id: "get-recovery", method: http.MethodGet, path: endpointPath1 + "/recoveries/{recovery}", tag: "endpoints", access: readers,
		summary: "Read a recovery", codes: []string{"endpoint_not_found", "recovery_not_found"},
	}, a.getRecovery)
}

// missing stands, among states, for events without a delivery.
const missing = "missing"

func wireRecovery(r hook.Recovery) client.Recovery {
	out := client.Recovery{
		ID: r.ID.String(), Endpoint: r.Endpoint.String(), State: string(r.State), Since: r.Since, Until: r.Until, States: []string{},
		Examined: r.Examined, Requeued: r.Requeued, Total: r.Total, Progress: r.Progress(), CreatedAt: r.CreatedAt, FinishedAt: wireTime(r.FinishedAt),
	}
	for _, s := range r.States {
		out.States = append(out.States, string(s))
	}
	if r.Missing {
		out.States = append(out.States, missing)
	}
	return out
}

type recoveryOutput struct{ Body client.Recovery }

func (a *API) recoverEndpoint(ctx context.Context, in *struct {
	EndpointPath
	Body client.RecoveryInput
},
) (*recoveryOutput, error) {
	r, err := a.newRecovery(ctx, in.EndpointPath, in.Body)
	if err != nil {
		return nil, err
	}
	if err := a.Store.CreateRecovery(ctx, r); err != nil {
		return nil, err
	}
	a.Recoverer.BeginRecovery()
	a.Waker.Wake(r.Endpoint)
	return &recoveryOutput{wireRecovery(*r)}, nil
}

func (a *API) previewRecovery(ctx context.Context, in *struct {
	EndpointPath
	Body client.RecoveryInput
},
) (*struct{ Body client.RecoveryPreview }, error) {
	r, err := a.newRecovery(ctx, in.EndpointPath, in.Body)
	if err != nil {
		return nil, err
	}
	p, err := a.Recoverer.PreviewRecovery(ctx, r)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.RecoveryPreview }{client.RecoveryPreview{Examined: p.Examined, Deliveries: p.Deliveries, AtLeast: p.AtLeast}}, nil
}

// newRecovery is the recovery of an endpoint that somebody asks for, not begun.
func (a *API) newRecovery(ctx context.Context, in EndpointPath, body client.RecoveryInput) (*hook.Recovery, error) {
	e, err := a.endpoint(ctx, in)
	if err != nil {
		return nil, err
	}
	if c := a.servedBy(e); c != nil && c.Policy(e.Config).Mode == hook.AtMostOnce {
		return nil, hook.Conflict("at_most_once",
			"This endpoint sends at most once, so nothing is ever sent again. Publish new events instead.")
	}
	if e.State == hook.EndpointDisabled {
		return nil, hook.Conflict("endpoint_disabled", "The endpoint is disabled. Resume it first.")
	}
	r, err := recoveryOf(body, time.Now().UTC().Truncate(time.Microsecond))
	if err != nil {
		return nil, err
	}
	r.Tenant, r.Endpoint = in.Tenant, e.ID
	return r, nil
}

// recoveryOf is a recovery as asked for, of no endpoint yet.
func recoveryOf(in client.RecoveryInput, now time.Time) (*hook.Recovery, error) {
	r := &hook.Recovery{ID: hook.NewRecoveryID(), Since: in.Since.UTC(), Until: now, State: hook.RecoveryRunning, CreatedAt: now}
	wrong := func(f hook.FieldError) error { return hook.InvalidFields("recovery_invalid", f) }
	if in.Until != nil {
		if r.Until = in.Until.UTC(); r.Until.After(now) {
			r.Until = now
		}
	}
	if !r.Since.Before(r.Until) {
		return nil, wrong(hook.Field("/since", "since_late", "This has to be before until, and in the past."))
	}
	if in.States == nil {
		r.States, r.Missing = []hook.State{hook.Failed, hook.Cancelled}, true
		return r, nil
	}
	if len(in.States) == 0 {
		return nil, wrong(hook.Field("/states", "states_none", "Name at least one state, or leave states out."))
	}
	for i, s := range in.States {
		switch {
		case s == missing:
			r.Missing = true
		case slices.Contains([]hook.State{hook.Failed, hook.Cancelled, hook.Delivered}, hook.State(s)):
			if !slices.Contains(r.States, hook.State(s)) {
				r.States = append(r.States, hook.State(s))
			}
		default:
			return nil, wrong(hook.Field(fmt.Sprintf("/states/%d", i), "states_possible",
				"Possible: failed, cancelled, delivered, missing."))
		}
	}
	return r, nil
}

func (a *API) listRecoveries(ctx context.Context, in *struct {
	EndpointPath
	Paging
},
) (*struct{ Body client.List[client.Recovery] }, error) {
	e, err := a.endpoint(ctx, in.EndpointPath)
	if err != nil {
		return nil, err
	}
	list := listName("recoveries", in.Tenant, in.Endpoint)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	recoveries, next, err := a.Store.Recoveries(ctx, in.Tenant, e.ID, p)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.List[client.Recovery] }{wireList(recoveries, next, list, wireRecovery)}, nil
}

func (a *API) getRecovery(ctx context.Context, in *struct {
	EndpointPath
	Recovery string `path:"recovery" doc:"Id of the recovery." example:"rec_06ew2c6eqfy7d00000000000g0"`
},
) (*recoveryOutput, error) {
	e, err := a.endpoint(ctx, in.EndpointPath)
	if err != nil {
		return nil, err
	}
	id, err := hook.ParseRecoveryID(in.Recovery)
	if err != nil {
		return nil, hook.NotFound("recovery", in.Recovery)
	}
	r, err := a.Store.Recovery(ctx, in.Tenant, id)
	if err != nil {
		return nil, err
	}
	if r.Endpoint != e.ID {
		return nil, hook.NotFound("recovery", in.Recovery)
	}
	return &recoveryOutput{wireRecovery(*r)}, nil
}
