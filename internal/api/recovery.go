package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// recoveryHandlers answer requests about recoveries.
type recoveryHandlers struct{ recoveries admin.Recoveries }

func (h recoveryHandlers) register(a *API) {
	add(a, operation{
		id: "recover-endpoint", scope: "deliveries:retry", method: http.MethodPost, path: endpointPath1 + "/recover", tag: "endpoints",
		access: auth.Managers, status: http.StatusAccepted,
		summary: "Send missed events again",
		description: "Goes through the events of a span of time, oldest first, and queues again what the endpoint missed, " +
			"a part at a time. Each delivery gets the normal retry schedule. " +
			"The recovery runs in the background; read it to see its progress.",
		codes: []string{"endpoint_not_found", "recovery_invalid", "at_most_once", "endpoint_disabled"}, once: true,
	}, h.start)
	add(a, operation{
		id: "preview-recovery", scope: "deliveries:retry", method: http.MethodPost, path: endpointPath1 + "/recover/preview", tag: "endpoints",
		access:  auth.Managers,
		summary: "Count what a recovery would send",
		description: "How many deliveries POST …/recover with the same body would queue. Nothing is sent or stored. It " +
			"looks at about 50,000 events at most.",
		codes: []string{"endpoint_not_found", "recovery_invalid", "at_most_once", "endpoint_disabled"},
	}, h.preview)
	add(a, operation{
		id: "list-recoveries", method: http.MethodGet, path: endpointPath1 + "/recoveries", tag: "endpoints",
		access:  auth.Readers,
		summary: "List recoveries", codes: []string{"endpoint_not_found", "cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "get-recovery", method: http.MethodGet, path: endpointPath1 + "/recoveries/{recovery}", tag: "endpoints",
		access:  auth.Readers,
		summary: "Read a recovery", codes: []string{"endpoint_not_found", "recovery_not_found"},
	}, h.get)
	add(a, operation{
		id: "stop-recovery", scope: "deliveries:retry", method: http.MethodPost, path: endpointPath1 + "/recoveries/{recovery}/stop", tag: "endpoints",
		access: auth.Managers, noBody: true, summary: "Stop a recovery",
		description: "What it has queued stays so. It is cancelled then. One that has ended stays as it is.",
		codes:       []string{"endpoint_not_found", "recovery_not_found"},
	}, h.stop)
}

// recoveryPath are the path parameters of operations on one recovery.
type recoveryPath struct {
	EndpointPath
	Recovery string `path:"recovery" doc:"Id of the recovery." example:"rec_06ew2c6eqfy7d00000000000g0"`
}

func wireRecovery(r hook.Recovery) client.Recovery {
	out := client.Recovery{
		ID: r.ID.String(), Endpoint: r.Endpoint.String(), State: string(r.State), Since: r.Since, Until: r.Until,
		States:   []string{},
		Examined: r.Examined, Requeued: r.Requeued, Total: r.Total, Progress: r.Progress(), CreatedAt: r.CreatedAt,
		FinishedAt: wireTime(r.FinishedAt),
	}
	for _, s := range r.States {
		out.States = append(out.States, string(s))
	}
	if r.Missing {
		out.States = append(out.States, string(admin.Missing))
	}
	return out
}

// recoverySpec is what an input asks for.
func recoverySpec(in client.RecoveryInput) admin.RecoverySpec {
	out := admin.RecoverySpec{Since: in.Since}
	if in.Until != nil {
		out.Until = *in.Until
	}
	if in.States != nil {
		out.States = make([]hook.State, len(in.States))
		for i, s := range in.States {
			out.States[i] = hook.State(s)
		}
	}
	return out
}

type recoveryOutput struct{ Body client.Recovery }

// answer is the answer that shows a recovery. It passes an error on.
func (h recoveryHandlers) answer(r *hook.Recovery, err error) (*recoveryOutput, error) {
	if err != nil {
		return nil, err
	}
	return &recoveryOutput{wireRecovery(*r)}, nil
}

func (h recoveryHandlers) start(ctx context.Context, in *struct {
	EndpointPath
	Body client.RecoveryInput
},
) (*recoveryOutput, error) {
	return h.answer(h.recoveries.Start(ctx, in.Tenant, in.Endpoint, recoverySpec(in.Body)))
}

func (h recoveryHandlers) preview(ctx context.Context, in *struct {
	EndpointPath
	Body client.RecoveryInput
},
) (*struct{ Body client.RecoveryPreview }, error) {
	p, err := h.recoveries.Preview(ctx, in.Tenant, in.Endpoint, recoverySpec(in.Body))
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.RecoveryPreview }{client.RecoveryPreview{
		Examined: p.Examined, Deliveries: p.Deliveries,
		AtLeast: p.AtLeast,
	}}, nil
}

func (h recoveryHandlers) list(ctx context.Context, in *struct {
	EndpointPath
	Paging
},
) (*struct{ Body client.List[client.Recovery] }, error) {
	list := listName("recoveries", in.Tenant, in.Endpoint)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	recoveries, next, err := h.recoveries.List(ctx, in.Tenant, in.Endpoint, p)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.List[client.Recovery] }{wireList(recoveries, next, list, wireRecovery)}, nil
}

func (h recoveryHandlers) get(ctx context.Context, in *recoveryPath) (*recoveryOutput, error) {
	return h.answer(h.recoveries.Get(ctx, in.Tenant, in.Endpoint, in.Recovery))
}

func (h recoveryHandlers) stop(ctx context.Context, in *recoveryPath) (*recoveryOutput, error) {
	return h.answer(h.recoveries.Stop(ctx, in.Tenant, in.Endpoint, in.Recovery))
}
