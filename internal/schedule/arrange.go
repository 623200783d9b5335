package schedule

import (
	"context"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// arrange brings the clocks in line with the endpoints and contracts there are:
// of what changed, or of everything at the start and now and then.
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
	if list := clocks(known, wanted, time.Now().UTC()); len(list) > 0 {
		return s.Store.ArrangeSchedules(ctx, list)
	}
	return nil
}

// wanted is a schedule that has to run.
type wanted struct {
	hook.ScheduleName
	event contract.EventType
	since time.Time // when the first of the tenant's endpoints became active
}

func newWanted(tenant, contractName string, e contract.EventType, since time.Time) wanted {
	return wanted{hook.ScheduleName{Tenant: tenant, Contract: contractName, Type: e.Name}, e, since}
}

// rhythm is what a contract says of when, to see whether it says something else.
func rhythm(s *contract.Schedule) string {
	if s.Cron != "" {
		return s.Cron + " " + s.Timezone
	}
	return s.Every.String()
}

// clocks are the schedules whose clock has to be set: those that begin or have
// another rhythm, and those that rest from now on.
func clocks(known []hook.Schedule, want []wanted, now time.Time) (list []hook.Schedule) {
	before := map[hook.ScheduleName]hook.Schedule{}
	for _, k := range known {
		before[k.ScheduleName] = k
	}
	for _, w := range want {
		k := before[w.ScheduleName]
		delete(before, w.ScheduleName)
		next := hook.Schedule{ScheduleName: w.ScheduleName, Rhythm: rhythm(w.event.Schedule), Start: w.since}
		if !k.NextAt.IsZero() {
			if k.Rhythm == next.Rhythm {
				continue
			}
			next.Start = k.Start
		}
		if next.NextAt = w.event.Schedule.Next(next.Start, now); !next.NextAt.IsZero() {
			list = append(list, next)
		}
	}
	for _, k := range before { // nobody is there to send to
		if !k.NextAt.IsZero() {
			k.NextAt = time.Time{}
			list = append(list, k)
		}
	}
	return list
}
