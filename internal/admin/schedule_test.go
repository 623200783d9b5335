package admin_test

import (
	"context"
	"strings"
	"testing"

	"gancho/internal/admin"
	"gancho/internal/hook"
)

// runner knows the schedules of one event type.
type runner struct{ eventType string }

func (x runner) RunNow(_ context.Context, name hook.ScheduleName) (*hook.ScheduleRun, error) {
	if name.Type != x.eventType {
		return nil, hook.NotFound("schedule", name.Type)
	}
	return &hook.ScheduleRun{Manual: true}, nil
}

const hourly = `contract: hourly
title: {en: Hourly}
records: {order: {title: {en: Order}, key: id}}
events:
  orders.open: {title: {en: Open}, every: 1h, select: order, payload: {orders: "${items}"}}
`

func TestSchedules(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	x := admin.Schedules{Store: db, Contracts: newSet(t, signing, hourly), Runner: runner{"orders.open"}}
	list := must(x.List(t.Context(), tenant))(t)
	if len(list) != 1 || list[0].Contract.Name != "hourly" || list[0].Type.Name != "orders.open" || !list[0].Clock.NextAt.IsZero() {
		t.Errorf("list %+v", list)
	}
	if r := must(x.Run(t.Context(), hook.ScheduleName{Tenant: tenant, Contract: "hourly", Type: "orders.open"}))(t); !r.Manual {
		t.Errorf("run %+v", r)
	}
	for _, c := range []struct{ contract, eventType, says string }{
		{"hourly", "orders.opn", "orders.open"},
		{"hurly", "orders.opn", "hourly"},
	} {
		_, err := x.Run(t.Context(), hook.ScheduleName{Tenant: tenant, Contract: c.contract, Type: c.eventType})
		refused(t, err, "schedule_not_found")
		if !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s of %s: %v does not name %s", c.eventType, c.contract, err, c.says)
		}
	}
}
