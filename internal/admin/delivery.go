package admin

import (
	"context"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// DeliveryStore is what [Deliveries] need of the database.
type DeliveryStore interface {
	endpointReader
	// Retry is a conflict if the delivery cannot be sent again now.
	Retry(ctx context.Context, tenant string, id hook.DeliveryID, ordered bool) (hook.Delivery, error)
	// Skip is a conflict if the delivery does not hold the queue of its endpoint.
	Skip(ctx context.Context, tenant string, id hook.DeliveryID) (hook.Delivery, error)
	// Holder is the delivery that holds the queue of an endpoint, nil if none does.
	Holder(ctx context.Context, endpoint hook.EndpointID) (*hook.Delivery, error)
}

// Deliveries are the use cases of deliveries. All fields are needed.
type Deliveries struct {
	Store     DeliveryStore
	Contracts *contract.Set
	Waker     Waker
}

// Retry sends a delivery again: a finished one from the beginning of its retry schedule, one that waits now. The codes
// of its errors are delivery_not_found, at_most_once, delivery_unfinished, delivery_is_test, endpoint_disabled and
// endpoint_deleted.
func (x Deliveries) Retry(ctx context.Context, d hook.Delivery) (hook.Delivery, error) {
	ordered := false
	e, err := x.Store.TenantEndpoint(ctx, d.Tenant, d.Endpoint)
	if err == nil {
		if c := (contracts{x.Contracts}).serving(e); c != nil {
			ordered = c.Limits(e.Config).Ordered
		}
	} else if !hook.IsKind(err, hook.KindNotFound) { // if the endpoint is gone, the store says so
		return d, err
	}
	if d, err = x.Store.Retry(ctx, d.Tenant, d.ID, ordered); err != nil {
		return d, err
	}
	x.Waker.Wake(d.Endpoint)
	return d, nil
}

// Skip gives up a delivery that holds the strict queue of its endpoint, so that the queue goes on. The codes of its errors
// are delivery_not_found and delivery_not_held.
func (x Deliveries) Skip(ctx context.Context, d hook.Delivery) (hook.Delivery, error) {
	d, err := x.Store.Skip(ctx, d.Tenant, d.ID)
	if err != nil {
		return d, err
	}
	x.Waker.Wake(d.Endpoint)
	return d, nil
}

// Holder is the delivery that holds the queue of an endpoint, nil if none does. e may be nil.
func (x Deliveries) Holder(ctx context.Context, e *hook.Endpoint) (*hook.Delivery, error) {
	if e == nil {
		return nil, nil
	}
	if c := (contracts{x.Contracts}).serving(e); c == nil || !c.Limits(e.Config).Strict {
		return nil, nil
	}
	return x.Store.Holder(ctx, e.ID)
}
