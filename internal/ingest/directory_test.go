package ingest

import (
	"errors"
	"testing"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// A tenant with too many endpoints of a contract gets an error: an event never goes to only some of its endpoints.
func TestTooManyEndpoints(t *testing.T) {
	t.Parallel()
	c, err := contract.Parse("shop.yaml", []byte("contract: shop\ntitle: Shop\nevents: {\"*\": {title: Any}}"))
	if err != nil {
		t.Fatal(err)
	}
	var contracts contract.Set
	contracts.Add(c)
	list := make([]*hook.Endpoint, hook.MaxFanout+1)
	for i := range list {
		list[i] = &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: "acme", Contract: "shop", State: hook.EndpointActive}
	}
	r, err := newRoutes(list[1:], &contracts)
	if err != nil {
		t.Fatal(err)
	}
	e := &hook.Event{ID: hook.NewEventID(), Tenant: "acme", Contract: "shop", Type: "a", Payload: []byte("1")}
	if targets, left, problems, err := r.match(nil, e); len(targets) != hook.MaxFanout || len(left)+len(problems) > 0 || err != nil {
		t.Errorf("%d targets, %d left out, %v, %v", len(targets), len(left), problems, err)
	}
	_, err = newRoutes(list, &contracts)
	if problem, ok := errors.AsType[*hook.Error](err); !ok || problem.Kind != hook.KindTooLarge ||
		problem.Code != "too_many_deliveries" {
		t.Errorf("got %v", err)
	}
}
