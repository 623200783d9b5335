package schedule

import (
	"context"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// arrange updates the stored schedules to match the endpoints and contracts: those of the
// tenants that changed, or at the start those of all tenants.
func (s *Scheduler) arrange(ctx context.Context) error {
	s.mu.Lock()
	todo := s.changed
	s.changed = map[string]bool{}
	s.mu.Unlock()
	if todo[""] {
		todo = map[string]bool{"": true}
	}
	for tenant := range todo {
		if err := s.arrangeTenant(ctx, tenant); err != nil {
			s.mu.Lock()
			s.changed[""] = true
			s.mu.Unlock()
			return err
		}
	}
	return nil
}

// arrangeTenant arranges the schedules of a tenant, or of all if it is "".
func (s *Scheduler) arrangeTenant(ctx context.Context, tenant string) error {
	known, err := s.Store.Schedules(ctx, tenant)
	if err != nil {
		return err
	}
	var wanted []wanted
	for _, c := range s.Contracts.All() {
		events := c.Scheduled()
		if len(events) == 0 {
			continue
		}
		active, err := s.Store.ActiveSince(ctx, c.Name, tenant)
		if err != nil {
			return err
		}
		for name, since := range active {
			for _, e := range events {
				wanted = append(wanted, newWanted(name, c.Name, e, since))
			}
		}
	}
	if list := arranged(known, wanted, time.Now().UTC()); len(list) > 0 {
		return s.Store.ArrangeSchedules(ctx, list)
	}
	return nil
}

// wanted is a schedule that follows from an active endpoint.
type wanted struct {
	hook.ScheduleName
	event contract.EventType
	since time.Time // since when the tenant has had an active endpoint of the contract
}

// newWanted is a schedule of a tenant.
func newWanted(tenant, contractName string, e contract.EventType, since time.Time) wanted {
	return wanted{hook.ScheduleName{Tenant: tenant, Contract: contractName, Type: e.Name}, e, since}
}

// rhythm is what the contract says about when a schedule runs. It is stored, so that a
// change of it can be seen.
func rhythm(s *contract.Schedule) string {
	if s.Cron != "" {
		return s.Cron + " " + s.Timezone
	}
	return s.Every.String()
}

// clockBack is how far the clock of the database has to be put back until next runs are corrected. It is more than the
// clocks of nodes and database differ from each other: a smaller step delays a run by no more than this.
const clockBack = time.Hour

// arranged returns the schedules that have to be stored: those that begin, those whose rhythm
// has changed, those whose next run was set by a clock that went ahead and was put back, and those that end.
func arranged(known []hook.Schedule, want []wanted, now time.Time) (list []hook.Schedule) {
	before := map[hook.ScheduleName]hook.Schedule{}
	for _, k := range known {
		before[k.ScheduleName] = k
	}
	for _, w := range want {
		k := before[w.ScheduleName]
		delete(before, w.ScheduleName)
		next := hook.Schedule{ScheduleName: w.ScheduleName, Rhythm: rhythm(w.event.Schedule), Start: w.since}
		if !k.NextAt.IsZero() {
			latest := w.event.Schedule.Next(k.Start, now.Add(clockBack))
			if k.Rhythm == next.Rhythm && (latest.IsZero() || !k.NextAt.After(latest)) {
				continue
			}
			next.Start = k.Start
		}
		if next.NextAt = w.event.Schedule.Next(next.Start, now); !next.NextAt.IsZero() {
			list = append(list, next)
		}
	}
	for _, k := range before { // no endpoint is active any more
		if !k.NextAt.IsZero() {
			k.NextAt = time.Time{}
			list = append(list, k)
		}
	}
	return list
}
