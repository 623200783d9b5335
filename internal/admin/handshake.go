package admin

import (
	"context"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// errUnverified is for a change that would let an endpoint get events that has not answered the handshake.
func errUnverified(attempt *hook.Attempt) error {
	return hook.Conflict("endpoint_unverified", "The endpoint did not give the right answer to the handshake, so it gets nothing yet. "+
		attempt.Detail+" The history shows what was sent and what was answered.")
}

// needsHandshake reports whether an endpoint that is changed to in has to answer a handshake before it is active: if it
// was not, or requests go elsewhere or with other values than before. One that stays paused or disabled answers when it is
// resumed.
func needsHandshake(c *contract.Contract, e *hook.Endpoint, in EndpointSpec) bool {
	return c.Verifies() && in.State == hook.EndpointActive && (e.State != hook.EndpointActive || goesElsewhere(e.Config, in.Config))
}

// goesElsewhere reports whether requests go elsewhere, or with other values, after a change.
func goesElsewhere(was, now hook.EndpointConfig) bool {
	where := func(c hook.EndpointConfig) hook.EndpointConfig {
		return hook.EndpointConfig{URL: c.URL, Headers: c.Headers, Auth: c.Auth, TLS: c.TLS}
	}
	settings := func(c hook.EndpointConfig) []byte {
		if len(c.Settings) == 0 {
			return []byte("{}")
		}
		return c.Settings
	}
	return !sameConfig(where(was), where(now)) || !rawjson.Same(settings(was), settings(now))
}

// greet makes a handshake with a stored endpoint. If activate is true, a right answer makes it active. e is then the
// endpoint as it is stored.
//
// Whoever changes the endpoint while this handshake runs cannot make another (test_running). So greet does, with what
// they have stored, if that has to be verified.
func (x Endpoints) greet(ctx context.Context, e *hook.Endpoint, c *contract.Contract, activate bool) (out *EndpointTest, err error) {
	for range updateTries {
		ev := c.NewHandshake(e.Tenant, now())
		r, err := x.Greeter.Handshake(ctx, e.ID, ev)
		if err != nil {
			return out, err
		}
		out = &EndpointTest{r, e, ev}
		ctx = context.WithoutCancel(ctx) // the receiver has done its part
		if activate && r.Delivery.State == hook.Delivered {
			verified := *e
			verified.State, verified.StateReason = hook.EndpointActive, ""
			allowed := c.Handshake(ev, e.Secrets).AllowedRate(r.Attempt.Response)
			limits := allowed > 0 && (e.Config.PerSecond == 0 || e.Config.PerSecond > allowed)
			if limits {
				verified.Config.PerSecond = allowed
			}
			if ok, err := x.Store.UpdateEndpoint(ctx, &verified, limits); err != nil || ok {
				if ok {
					*e = verified
				}
				return out, err
			}
		}
		stored, err := x.Store.TenantEndpoint(ctx, e.Tenant, e.ID)
		if err != nil {
			return out, err
		}
		changed := !stored.UpdatedAt.Equal(e.UpdatedAt)
		if *e = *stored; !changed || e.StateReason != hook.ReasonUnverified {
			return out, nil
		}
		activate = true
	}
	return out, nil
}

// Verify makes a handshake with an endpoint. If the answer is right and activate is true, an endpoint that gets nothing
// because it was not verified gets events from then on. activate is false for callers who may test endpoints and not
// change them. The codes of its errors are endpoint_not_found, contract_not_found, no_handshake and test_running.
func (x Endpoints) Verify(ctx context.Context, tenant, id string, activate bool) (*EndpointTest, error) {
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
	return x.greet(ctx, e, c, activate && e.StateReason == hook.ReasonUnverified)
}
