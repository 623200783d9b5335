package api

import (
	"context"
	"net/http"
	"time"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

const schedulesPath = "/v1/tenants/{tenant}/schedules"

// scheduleHandlers answer requests about schedules.
type scheduleHandlers struct{ schedules admin.Schedules }

func (h scheduleHandlers) register(a *API) {
	add(a, operation{
		id: "list-schedules", contracts: true, method: http.MethodGet, path: schedulesPath, tag: "schedules", access: auth.Readers,
		summary: "List schedules",
		description: "The schedules of all contracts in force, ordered by contract, with the next run and the result of " +
			"the latest run.",
	}, h.list)
	add(a, operation{
		id: "run-schedule", scope: "schedules:run", method: http.MethodPost, path: schedulesPath + "/{contract}/{type}/run", tag: "schedules",
		access: auth.Managers, noBody: true,
		summary: "Run a schedule now",
		description: "Creates the event from the records as they are now, whether it is due or not. The next regular run " +
			"stays as planned. " +
			"The answer is 200 whether an event was created or not, and comes when the event is stored durably.",
		codes: []string{"schedule_not_found"},
	}, h.run)
}

func (h scheduleHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Speaks
},
) (*struct{ Body client.List[client.Schedule] }, error) {
	list, err := h.schedules.List(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	out := client.List[client.Schedule]{Items: []client.Schedule{}}
	for _, s := range touchable(ctx, list, func(s admin.ScheduleView) string { return s.Contract.Name }) {
		out.Items = append(out.Items, wireSchedule(s, in.language()))
	}
	return &struct{ Body client.List[client.Schedule] }{out}, nil
}

func wireSchedule(s admin.ScheduleView, language string) client.Schedule {
	rhythm := s.Type.Schedule
	out := client.Schedule{
		Contract: s.Contract.Name, EventType: s.Type.Name, Title: s.Type.Title.In(language), Cron: rhythm.Cron,
		Timezone: rhythm.Timezone,
		Select:   rhythm.Select, State: "resting",
	}
	if rhythm.Every > 0 {
		out.Every = formatDuration(rhythm.Every)
	}
	if !s.Clock.NextAt.IsZero() {
		out.State, out.NextRun = "waiting", wireTime(s.Clock.NextAt)
	}
	if !s.Clock.Claim.IsZero() {
		out.State = "running"
	}
	if s.Clock.Last != nil {
		out.LastRun = new(wireRun(s.Clock.Last))
	}
	return out
}

func wireRun(r *hook.ScheduleRun) client.ScheduleRun {
	out := client.ScheduleRun{
		At: r.At, Manual: r.Manual, State: string(r.State), Code: r.Code, Detail: r.Detail, Deliveries: r.Deliveries,
		Records:  r.Records,
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

func (h scheduleHandlers) run(ctx context.Context, in *struct {
	TenantPath
	Contract string `path:"contract" maxLength:"64" doc:"Name of the contract." example:"shop"`
	Type     string `path:"type" maxLength:"128" doc:"Type of the event." example:"orders.open"`
},
) (*struct{ Body client.ScheduleRun }, error) {
	r, err := h.schedules.Run(ctx, hook.ScheduleName{Tenant: in.Tenant, Contract: in.Contract, Type: in.Type})
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.ScheduleRun }{wireRun(r)}, nil
}
