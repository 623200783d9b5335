package ingest

import (
	"context"

	"gancho/internal/hook"
	"gancho/internal/work"
)

// Takes reports whether a tenant has an endpoint that takes events of a type. Filters
// do not count: they depend on the event.
func (in *Ingest) Takes(ctx context.Context, name hook.ScheduleName) (bool, error) {
	routes, err := in.directory.routes(ctx, name.Tenant)
	if err != nil {
		return false, err
	}
	for _, t := range routes.targets {
		if t.contract == name.Contract && t.Types.Match(name.Type) {
			return true, nil
		}
	}
	return false, nil
}

// EndRun commits the end of a run of a schedule together with its event. payload is nil
// if the run made no event. The verdict has the run, with its event and deliveries.
func (in *Ingest) EndRun(ctx context.Context, end hook.RunEnd, payload []byte) (hook.RunVerdict, error) {
	sub := hook.Submission{Tenant: end.Tenant, RunEnd: &end}
	routes, err := in.directory.routes(ctx, end.Tenant)
	if err != nil {
		return hook.RunVerdict{}, err
	}
	c, ok := in.Contracts.Lookup(end.Contract)
	sub.Seal = routes.seals || ok && c.SealsPayloads() // the run says which records it left out, and why
	if payload != nil {
		if !ok {
			return hook.RunVerdict{}, in.noContract(end.Contract)
		}
		// It does not wait for the tenant's account: runs have slots, which all tenants share, and ctx may have no end.
		it, err := in.prepare(work.NewBudget(ctx, in.EventWork, nil), end.Tenant, &hook.NewEvent{
			Contract: end.Contract, Type: end.Type, Payload: c.Redact(payload), Door: hook.DoorSchedule, Sealed: c.SealsPayloads(),
		}, routes, in.Now())
		if err != nil {
			return hook.RunVerdict{}, err
		}
		sub.Items = []*hook.Accepted{it}
		end.Run.Event, end.Run.Deliveries = it.Event.ID, it.Sent()
	}
	v, err := in.submit(sub, routes)
	if err != nil {
		return hook.RunVerdict{}, err
	}
	return *v.Run, nil
}
