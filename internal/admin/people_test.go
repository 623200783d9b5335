package admin_test

import (
	"context"
	"testing"
	"time"

	"gancho/internal/admin"
	"gancho/internal/hook"
	"gancho/internal/store"
)

// A page of a search is bounded also within one event: an event can have tens of thousands of deliveries, each of them
// with a body of its own. No delivery is left out, and none is looked at twice.
func TestSearchWithinAnEvent(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	const deliveries = 4500
	at := time.Now()
	event := &hook.Event{
		ID: hook.NewEventID(), Tenant: tenant, Contract: hook.DefaultContract, Type: "person.seen", Door: hook.DoorAPI,
		CreatedAt: at, Payload: []byte(`{"email":"ana@example.com"}`),
	}
	item := &hook.Accepted{Event: event}
	for n := range deliveries {
		item.Deliveries = append(item.Deliveries, hook.Delivery{
			ID: event.ID.Delivery(n + 1), Tenant: tenant, Endpoint: hook.NewEndpointID(), Type: event.Type,
			Mode: hook.AtLeastOnce, State: hook.Cancelled, Reason: hook.ReasonScript, CreatedAt: at, FinishedAt: at,
		})
	}
	if _, err := db.Submit(hook.Submission{Tenant: tenant, Items: []*hook.Accepted{item}}, time.Hour); err != nil {
		t.Fatal(err)
	}
	people := admin.People{Store: db}
	rows, found, pages := 0, 0, 0
	for place := (hook.SearchPlace{}); ; pages++ {
		page, err := people.Search(t.Context(), &hook.Key{Role: hook.RoleOperator}, tenant,
			admin.Search{Path: "email", Value: "ana@example.com"}, place)
		if err != nil {
			t.Fatal(err)
		}
		if page.Rows > 2000 {
			t.Fatalf("a page looked at %d rows", page.Rows)
		}
		if rows, found = rows+page.Rows, found+len(page.Found); page.Next == nil {
			break
		}
		if place = *page.Next; pages > 2*deliveries {
			t.Fatal("the search has no end")
		}
	}
	if rows != deliveries+1 || found != 1 || pages < 2 {
		t.Errorf("%d rows looked at in %d pages, and found %d times; want %d rows, found once", rows, pages+1, found, deliveries+1)
	}
}

// damaged is a database in which the body of one delivery does not open.
type damaged struct {
	*store.DB
	delivery hook.DeliveryID
}

func (d damaged) Body(ctx context.Context, id hook.DeliveryID) ([]byte, error) {
	if id == d.delivery {
		return nil, hook.ErrUnreadable
	}
	return d.DB.Body(ctx, id)
}

// A body that does not open does not keep a search from what stands elsewhere.
func TestSearchPassesOverWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	db, tenant := newTenant(t)
	at := time.Now()
	var items []*hook.Accepted
	for range 2 {
		e := &hook.Event{
			ID: hook.NewEventID(), Tenant: tenant, Contract: hook.DefaultContract, Type: "person.seen", Door: hook.DoorAPI,
			CreatedAt: at, Payload: []byte(`{"email":"ana@example.com"}`),
		}
		items = append(items, &hook.Accepted{Event: e, Deliveries: []hook.Delivery{{
			ID: e.ID.Delivery(1), Tenant: tenant, Endpoint: hook.NewEndpointID(), Type: e.Type, Mode: hook.AtLeastOnce,
			State: hook.Cancelled, Reason: hook.ReasonScript, CreatedAt: at, FinishedAt: at,
		}}})
	}
	if _, err := db.Submit(hook.Submission{Tenant: tenant, Items: items}, time.Hour); err != nil {
		t.Fatal(err)
	}
	people := admin.People{Store: damaged{db, items[1].Deliveries[0].ID}} // the newest comes first
	page, err := people.Search(t.Context(), &hook.Key{Role: hook.RoleOperator}, tenant,
		admin.Search{Path: "email", Value: "ana@example.com"}, hook.SearchPlace{})
	if err != nil || len(page.Found) != 2 || page.Next != nil {
		t.Errorf("found %+v, error %v; want both events", page, err)
	}
}
