package admin

import (
	"context"
	"errors"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// ScheduleStore is what [Schedules] need of the database.
type ScheduleStore interface {
	// Schedules are those of a tenant that have, or had, a clock.
	Schedules(ctx context.Context, tenant string) ([]hook.Schedule, error)
}

// Runner runs schedules.
type Runner interface {
	// RunNow runs a schedule at once; its next due time stays the same. An error means that nothing was run.
	RunNow(ctx context.Context, name hook.ScheduleName) (*hook.ScheduleRun, error)
}

// Schedules are the use cases of schedules. All fields are needed.
type Schedules struct {
	Store     ScheduleStore
	Contracts *contract.Set
	Runner    Runner
}

// ScheduleView is a schedule of a contract, with its next and last run for a tenant.
type ScheduleView struct {
	Contract *contract.Contract
	Type     contract.EventType
	Clock    hook.Schedule // zero if the schedule was never due for the tenant
}

// List lists the schedules of all contracts in force, by contract, for a tenant.
func (x Schedules) List(ctx context.Context, tenant string) ([]ScheduleView, error) {
	stored, err := x.Store.Schedules(ctx, tenant)
	if err != nil {
		return nil, err
	}
	clocks := map[hook.ScheduleName]hook.Schedule{}
	for _, s := range stored {
		clocks[s.ScheduleName] = s
	}
	var out []ScheduleView
	for _, c := range x.Contracts.All() {
		for _, e := range c.Scheduled() {
			out = append(out, ScheduleView{c, e, clocks[hook.ScheduleName{Tenant: tenant, Contract: c.Name, Type: e.Name}]})
		}
	}
	return out, nil
}

// Run creates the event of a schedule now, whether it is due or not. Its next due time stays the same. The code of its
// error is schedule_not_found.
func (x Schedules) Run(ctx context.Context, name hook.ScheduleName) (*hook.ScheduleRun, error) {
	r, err := x.Runner.RunNow(ctx, name)
	if e, ok := errors.AsType[*hook.Error](err); ok && e.Code == "schedule_not_found" {
		return nil, x.missing(name)
	}
	return r, err
}

// missing is the error where a contract has no schedule of an event type.
func (x Schedules) missing(name hook.ScheduleName) error {
	out := hook.NotFound("schedule", name.Type)
	if c := (contracts{x.Contracts}).inForce(name.Contract); c != nil {
		out.Detail = c.NoSchedule(name.Type)
	} else {
		out.Detail = x.Contracts.NoContract(name.Contract).Detail
	}
	return out
}
