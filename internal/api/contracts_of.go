package api

import (
	"context"
	"net/http"

	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// A key can be limited to contracts. Most operations say in their path what they are about, and its contract is looked
// up here, before the operation begins. A new operation that does not say it refuses such keys. Those that list or
// create something decide themselves; they have the flag contracts.

// objects find what a path names.
type objects struct {
	endpoints   admin.Endpoints
	credentials admin.Credentials
	events      admin.Events
	deliveries  DeliveryStore
}

// checkContract decides whether a key that is limited to contracts may use an operation.
func (a *API) checkContract(r *http.Request, op operation, key *hook.Key) error {
	if name := r.PathValue("contract"); name != "" {
		return auth.AdmitContract(key, name)
	}
	if name := r.PathValue("name"); name != "" && op.tag == "contracts" {
		return auth.AdmitContract(key, name)
	}
	name, known, err := a.objects.contract(r)
	switch {
	case err != nil:
		return err
	case !known:
		return auth.AdmitEverything(key)
	}
	return auth.AdmitContract(key, name)
}

// contract is the contract of what a path names, not known if the path names nothing that has one.
func (o objects) contract(r *http.Request) (name string, known bool, err error) {
	ctx, tenant := r.Context(), r.PathValue("tenant")
	if id := r.PathValue("endpoint"); id != "" {
		e, err := o.endpoints.Get(ctx, tenant, id)
		if err != nil {
			return "", true, err
		}
		return e.Contract, true, nil
	}
	if id := r.PathValue("credential"); id != "" {
		c, err := o.credentials.Get(ctx, tenant, id)
		return c.Contract, true, err
	}
	if id := r.PathValue("event"); id != "" {
		e, err := o.events.Find(ctx, tenant, id)
		if err != nil {
			return "", true, err
		}
		return e.Contract, true, nil
	}
	if id := r.PathValue("delivery"); id != "" {
		d, err := (deliveryHandlers{store: o.deliveries}).delivery(ctx, DeliveryPath{TenantPath{tenant}, id})
		if err != nil {
			return "", true, err
		}
		e, err := o.deliveries.TenantEndpoint(ctx, tenant, d.Endpoint)
		if err != nil {
			return "", true, err
		}
		return e.Contract, true, nil
	}
	return "", false, nil
}

// touchable are the items of a list that belong to contracts which the key of the request may touch.
func touchable[T any](ctx context.Context, list []T, contractOf func(T) string) []T {
	key := keyOf(ctx)
	if len(key.Contracts) == 0 {
		return list
	}
	out := list[:0:0]
	for _, it := range list {
		if key.MayTouch(contractOf(it)) {
			out = append(out, it)
		}
	}
	return out
}

// admitEndpoint decides whether the key of the request may read what belongs to an endpoint.
func (h deliveryHandlers) admitEndpoint(ctx context.Context, tenant string, id hook.EndpointID) error {
	e, err := h.store.TenantEndpoint(ctx, tenant, id)
	if err != nil {
		return err
	}
	return auth.AdmitContract(keyOf(ctx), e.Contract)
}

// refuseEvents marks the events of contracts that a key may not touch as wrong.
func refuseEvents(key *hook.Key, items []hook.NewEvent) {
	for i := range items {
		name := items[i].Contract
		if name == "" {
			name = hook.DefaultContract
		}
		if items[i].Wrong == nil && !key.MayTouch(name) {
			items[i].Wrong = auth.OtherContract(key)
		}
	}
}

// refuseChanges does the same with changes of records.
func refuseChanges(key *hook.Key, items []hook.RecordChange) {
	for i := range items {
		if items[i].Wrong == nil && !key.MayTouch(items[i].Contract) {
			items[i].Wrong = auth.OtherContract(key)
		}
	}
}
