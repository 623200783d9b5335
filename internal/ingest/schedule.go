package ingest

import (
	"context"
	"time"

	"gancho/internal/hook"
)

// Takes reports whether a tenant has an endpoint that takes events of a type,
// whatever its filter says of a certain one.
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

// EndRun commits the end of a run of a schedule together with its event, if it
// made one: payload is nil if not. What is stored of the event goes into the run.
// A step that is lost stored nothing.
func (in *Ingest) EndRun(ctx context.Context, step *hook.ScheduleStep, payload []byte) error {
	sub := &hook.Submission{Tenant: step.Tenant, Step: step}
	var routes *routes
	if payload != nil {
		var err error
		if routes, err = in.directory.routes(ctx, step.Tenant); err != nil {
			return err
		}
		c, ok := in.Contracts.Lookup(step.Contract)
		if !ok {
			return in.noContract(step.Contract)
		}
		it := in.prepare(step.Tenant, &hook.NewEvent{
			Contract: step.Contract, Type: step.Type, Payload: c.Redact(payload), Door: hook.DoorSchedule,
		}, routes, time.Now())
		sub.Items = []*hook.Accepted{it}
		step.Run.Event, step.Run.Deliveries = it.Event.ID, len(it.Deliveries)
	}
	return in.submit(sub, routes)
}
