package admin_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"gancho/internal/admin"
	"gancho/internal/egress"
	"gancho/internal/hook"
)

// recoverer counts the recoveries that it is told of.
type recoverer struct {
	begun     int
	previewed *hook.Recovery
}

func (x *recoverer) BeginRecovery() { x.begun++ }

func (x *recoverer) PreviewRecovery(_ context.Context, r *hook.Recovery) (hook.RecoveryPreview, error) {
	x.previewed = r
	return hook.RecoveryPreview{Examined: 7}, nil
}

// waker notes the endpoints that it is told of.
type waker struct{ woken []hook.EndpointID }

func (x *waker) Wake(id hook.EndpointID) { x.woken = append(x.woken, id) }

func newRecoveries(t *testing.T) (x admin.Recoveries, endpoints admin.Endpoints, e *hook.Endpoint) {
	t.Helper()
	endpoints, tenant := newEndpoints(t)
	e = must(endpoints.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address}}))(t)
	x = admin.Recoveries{Store: endpoints.Store.(admin.RecoveryStore), Contracts: endpoints.Contracts, Recoverer: &recoverer{}, Waker: &waker{}}
	return x, endpoints, e
}

func TestRecoveries(t *testing.T) {
	t.Parallel()
	x, _, e := newRecoveries(t)
	spec := admin.RecoverySpec{Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}
	r := must(x.Start(t.Context(), e.Tenant, e.ID.String(), spec))(t)
	if r.Endpoint != e.ID || r.Until.After(time.Now()) || !r.Missing || !slices.Equal(r.States, []hook.State{hook.Failed, hook.Cancelled}) {
		t.Errorf("started %+v", r)
	}
	if x.Recoverer.(*recoverer).begun != 1 || !slices.Equal(x.Waker.(*waker).woken, []hook.EndpointID{e.ID}) {
		t.Errorf("told %+v, woke %v", x.Recoverer, x.Waker)
	}
	if got := must(x.Get(t.Context(), e.Tenant, e.ID.String(), r.ID.String()))(t); got.ID != r.ID {
		t.Errorf("read %+v", got)
	}
	if list, _, err := x.List(t.Context(), e.Tenant, e.ID.String(), hook.Page{Limit: 10}); err != nil || len(list) != 1 {
		t.Errorf("list %v, %v", list, err)
	}
	spec.States = []hook.State{hook.Delivered, admin.Missing, hook.Delivered}
	if p := must(x.Preview(t.Context(), e.Tenant, e.ID.String(), spec))(t); p.Examined != 7 {
		t.Errorf("preview %+v", p)
	}
	if r := x.Recoverer.(*recoverer).previewed; !r.Missing || !slices.Equal(r.States, []hook.State{hook.Delivered}) {
		t.Errorf("previewed %+v", r)
	}
}

func TestRecoveriesRefuse(t *testing.T) {
	t.Parallel()
	x, endpoints, e := newRecoveries(t)
	now := time.Now()
	for _, c := range []struct {
		name  string
		spec  admin.RecoverySpec
		place string
	}{
		{"the future", admin.RecoverySpec{Since: now.Add(time.Hour)}, "/since"},
		{"an end before the beginning", admin.RecoverySpec{Since: now.Add(-time.Hour), Until: now.Add(-2 * time.Hour)}, "/since"},
		{"no state", admin.RecoverySpec{Since: now.Add(-time.Hour), States: []hook.State{}}, "/states"},
		{"a state that is not finished", admin.RecoverySpec{Since: now.Add(-time.Hour), States: []hook.State{hook.Failed, hook.Pending}}, "/states/1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := x.Start(t.Context(), e.Tenant, e.ID.String(), c.spec)
			refused(t, err, "recovery_invalid", c.place)
		})
	}
	good := admin.RecoverySpec{Since: now.Add(-time.Hour)}
	_, err := x.Start(t.Context(), "other", e.ID.String(), good)
	refused(t, err, "endpoint_not_found")
	for _, id := range []string{"nothing", hook.NewRecoveryID().String()} {
		_, err = x.Get(t.Context(), e.Tenant, e.ID.String(), id)
		refused(t, err, "recovery_not_found")
	}
	once := must(endpoints.Create(t.Context(), e.Tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Mode: hook.AtMostOnce}}))(t)
	_, err = x.Start(t.Context(), e.Tenant, once.ID.String(), good)
	refused(t, err, "at_most_once")
	// A recovery of one endpoint is not found under another one.
	r := must(x.Start(t.Context(), e.Tenant, e.ID.String(), good))(t)
	_, err = x.Get(t.Context(), e.Tenant, once.ID.String(), r.ID.String())
	refused(t, err, "recovery_not_found")
	must(endpoints.SetState(t.Context(), e.Tenant, e.ID.String(), hook.EndpointDisabled))(t)
	_, err = x.Preview(t.Context(), e.Tenant, e.ID.String(), good)
	refused(t, err, "endpoint_disabled")
}

func TestRetryDelivery(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	set := newSet(t, signing)
	endpoints := admin.Endpoints{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: set, Scripts: &scripts{}}
	e := must(endpoints.Create(t.Context(), tenant, admin.EndpointSpec{Config: hook.EndpointConfig{URL: address, Ordered: true}}))(t)
	ev := &hook.Event{ID: hook.NewEventID(), Tenant: tenant, Contract: "standard", Type: "a", Door: hook.DoorAPI, CreatedAt: time.Now(), Payload: []byte(`1`)}
	d := hook.Delivery{
		ID: ev.ID.Delivery(1), Tenant: tenant, Endpoint: e.ID, Type: ev.Type, State: hook.Pending, Mode: hook.AtLeastOnce, CreatedAt: ev.CreatedAt,
		QueueAt: ev.CreatedAt, NextAttemptAt: ev.CreatedAt,
	}
	if _, err := db.Submit(hook.Submission{Tenant: tenant, Items: []*hook.Accepted{{Event: ev, Deliveries: []hook.Delivery{d}}}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	failed := d
	failed.State, failed.FinishedAt, failed.Attempts, failed.Slot = hook.Failed, time.Now(), 1, 1
	done := make(chan error, 1)
	db.SaveResult(hook.Result{Delivery: failed}, func(err error) { done <- err })
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	must(endpoints.SetState(t.Context(), tenant, e.ID.String(), hook.EndpointDisabled))(t)
	x := admin.Deliveries{Store: db, Contracts: set, Waker: &waker{}}
	_, err := x.Retry(t.Context(), failed)
	refused(t, err, "endpoint_disabled")
	must(endpoints.SetState(t.Context(), tenant, e.ID.String(), hook.EndpointActive))(t)
	again := must(x.Retry(t.Context(), failed))(t)
	if again.State.Finished() || !slices.Equal(x.Waker.(*waker).woken, []hook.EndpointID{e.ID}) {
		t.Errorf("sent again: %+v, woke %v", again, x.Waker)
	}
	gone := failed
	gone.ID = hook.NewEventID().Delivery(1)
	_, err = x.Retry(t.Context(), gone)
	refused(t, err, "delivery_not_found")
}
