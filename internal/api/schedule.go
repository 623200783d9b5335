package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
	"gancho/internal/nearest"
)

const schedulesPath = "/v1/tenants/{tenant}/schedules"

func (a *API) routeSchedules() {
	add(a, operation{
		id: "list-schedules", method: http.MethodGet, path: schedulesPath, tag: "schedules", access: readers,
		summary:     "List schedules",
		description: "All that the contracts in force have, ordered by contract, with the next run and what came of the latest.",
	}, a.listSchedules)
	add(a, operation{
		id: "run-schedule", method: http.MethodPost, path: schedulesPath + "/{contract}/{type}/run", tag: "schedules", access: managers, noBody: true,
		summary: "Run a schedule now",
		description: "Makes the event of the records as they are, whether it is due or not, and does not move the clock. " +
			"The answer is 200 whatever came of it, and comes when the event is durable.",
		codes: []string{"schedule_not_found"},
	}, a.runSchedule)
}

func (a *API) listSchedules(ctx context.Context, in *struct {
	TenantPath
	Speaks
},
) (*struct{ Body client.List[client.Schedule] }, error) {
	known, err := a.Store.Schedules(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	clocks := map[hook.ScheduleName]hook.Schedule{}
	for _, k := range known {
		clocks[k.ScheduleName] = k
	}
	out := client.List[client.Schedule]{Items: []client.Schedule{}}
	for _, c := range a.Contracts.All() {
		for _, e := range c.Scheduled() {
			s := e.Schedule
			item := client.Schedule{
				Contract: c.Name, EventType: e.Name, Title: e.Title.In(in.language()), Cron: s.Cron, Timezone: s.Timezone, Select: s.Select, State: "resting",
			}
			if s.Every > 0 {
				item.Every = formatDuration(s.Every)
			}
			clock := clocks[hook.ScheduleName{Tenant: in.Tenant, Contract: c.Name, Type: e.Name}]
			if !clock.NextAt.IsZero() {
				item.State, item.NextRun = "waiting", wireTime(clock.NextAt)
			}
			if !clock.Claim.IsZero() {
				item.State = "running"
			}
			if clock.Last != nil {
				item.LastRun = new(wireRun(clock.Last))
			}
			out.Items = append(out.Items, item)
		}
	}
	return &struct{ Body client.List[client.Schedule] }{out}, nil
}

func wireRun(r *hook.ScheduleRun) client.ScheduleRun {
	out := client.ScheduleRun{
		At: r.At, Manual: r.Manual, State: string(r.State), Code: r.Code, Detail: r.Detail, Deliveries: r.Deliveries, Records: r.Records,
		Examined: r.Examined, Bytes: r.Bytes, TookMS: float64(r.Took.Round(time.Microsecond)) / float64(time.Millisecond),
		FailingSince: wireTime(r.FailingSince), LeftOut: r.LeftOut, Examples: []client.LeftOut{},
	}
	if !r.Event.IsZero() {
		out.Event = new(r.Event.String())
	}
	for _, x := range r.Examples {
		out.Examples = append(out.Examples, client.LeftOut{Key: x.Key, Detail: x.Detail})
	}
	return out
}

func (a *API) runSchedule(ctx context.Context, in *struct {
	TenantPath
	Contract string `path:"contract" maxLength:"64" doc:"Name of the contract." example:"shop"`
	Type     string `path:"type" maxLength:"128" doc:"Type of the event." example:"orders.open"`
},
) (*struct{ Body client.ScheduleRun }, error) {
	r, err := a.Runner.RunNow(ctx, hook.ScheduleName{Tenant: in.Tenant, Contract: in.Contract, Type: in.Type})
	if e, ok := errors.AsType[*hook.Error](err); ok && e.Code == "schedule_not_found" {
		return nil, a.noSchedule(in.Contract, in.Type)
	}
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.ScheduleRun }{wireRun(r)}, nil
}

// noSchedule is the error where a contract has no schedule of an event type.
func (a *API) noSchedule(contract, eventType string) *hook.Error {
	out := hook.NotFound("schedule", eventType)
	c := a.contract(contract)
	if c == nil {
		out.Detail = a.Contracts.NoContract(contract).Detail
		return out
	}
	var types []string
	for _, e := range c.Scheduled() {
		types = append(types, e.Name)
	}
	out.Detail = "The contract " + c.Name + " makes no events of this type on a schedule." + nearest.DidYouMean(eventType, types)
	return out
}
