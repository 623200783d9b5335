package admin

import (
	"context"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// errUnverified is for a change that would let an endpoint get events that has not answered the handshake.
func errUnverified(attempt *hook.Attempt) error {
	return hook.Conflict("endpoint_unverified", "The endpoint did not give the right answer to the handshake, so it gets nothing yet. "+
		attempt.Detail+" The history shows what was sent and what was answered.")
}

// needsHandshake reports whether an endpoint that is changed to in has to answer a handshake: if it becomes active, or
// requests go elsewhere or with other values than before.
func needsHandshake(c *contract.Contract, e *hook.Endpoint, in EndpointSpec) bool {
	if !c.Verifies() || in.State == hook.EndpointDisabled {
		return false
	}
	where := func(c hook.EndpointConfig) hook.EndpointConfig {
		return hook.EndpointConfig{URL: c.URL, Headers: c.Headers, Settings: c.Settings, Auth: c.Auth}
	}
	return in.State == hook.EndpointActive && e.State != hook.EndpointActive || !sameConfig(where(e.Config), where(in.Config))
}

// greet makes a handshake with a stored endpoint. After a right answer the endpoint gets the state, unless it was changed
// meanwhile; otherwise it stays as it is. e is then the endpoint as it is stored.
func (x Endpoints) greet(ctx context.Context, e *hook.Endpoint, c *contract.Contract, state hook.EndpointState) (*EndpointTest, error) {
	ev := c.NewHandshake(e.Tenant, now())
	r, err := x.Greeter.Handshake(ctx, e.ID, ev)
	if err != nil {
		return nil, err
	}
	out := &EndpointTest{r, e, ev}
	if r.Delivery.State != hook.Delivered || state == e.State && e.StateReason != hook.ReasonUnverified {
		return out, nil
	}
	ctx = context.WithoutCancel(ctx) // the receiver has done its part
	verified := *e
	verified.State, verified.StateReason = state, stateReason(state)
	allowed := c.Handshake(ev, e.Secrets).AllowedRate(r.Attempt.Response)
	limits := allowed > 0 && (e.Config.PerSecond == 0 || e.Config.PerSecond > allowed)
	if limits {
		verified.Config.PerSecond = allowed
	}
	ok, err := x.Store.UpdateEndpoint(ctx, &verified, limits)
	if err != nil {
		return out, err
	}
	if !ok { // whoever changed it makes a handshake of their own
		stored, err := x.Store.TenantEndpoint(ctx, e.Tenant, e.ID)
		if err != nil {
			return out, err
		}
		verified = *stored
	}
	*e = verified
	return out, nil
}

// Verify makes a handshake with an endpoint. If the answer is right, an endpoint that gets nothing because it was not
// verified gets events from then on. The codes of its errors are endpoint_not_found, contract_not_found, no_handshake
// and test_running.
func (x Endpoints) Verify(ctx context.Context, tenant, id string) (*EndpointTest, error) {
	e, err := x.Get(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	known := contracts{x.Contracts}
	c := known.serving(e)
	switch {
	case c == nil:
		return nil, known.missing(e.Contract)
	case !c.Verifies():
		return nil, hook.Invalid("no_handshake", "The contract "+c.Name+" has no handshake, so there is nothing to verify.")
	}
	state := e.State
	if e.StateReason == hook.ReasonUnverified {
		state = hook.EndpointActive
	}
	return x.greet(ctx, e, c, state)
}
