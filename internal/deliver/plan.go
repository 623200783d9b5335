package deliver

import (
	"context"

	"gancho/internal/contract"
	"gancho/internal/deliver/compose"
	"gancho/internal/hook"
)

// plan is what the worker needs to know of an endpoint: its configuration, compiled with
// its contract. A plan never changes; a new configuration makes a new plan.
type plan struct {
	endpoint *hook.Endpoint
	contract *contract.Contract
	state    hook.EndpointState
	limits   contract.Limits
	batch    contract.Batching
	policy   hook.Policy
	form     *compose.Form // of its messages
}

// plan reads an endpoint and compiles it.
func (w *Worker) plan(ctx context.Context, id hook.EndpointID) (*plan, error) {
	e, err := w.Store.Endpoint(ctx, id)
	if err != nil {
		return nil, err
	}
	c, ok := w.Contracts.For(e)
	if !ok && e.Unreadable { // For looks at the settings, which are missing
		c, ok = w.Contracts.Lookup(e.Contract)
	}
	if !ok {
		return nil, hook.NotFound("contract", e.Contract)
	}
	p, err := newPlan(e, c)
	if err == nil && p.policy.GiveUp.IsZero() && w.DisableAfter > 0 {
		p.policy.GiveUp = hook.GiveUp{Of: hook.GiveUpTime, Time: w.DisableAfter, Do: hook.GiveUpDisable}
	}
	return p, err
}

// readablePlan is plan for something that is made at once. It fails with [hook.ErrUnreadable] if the
// endpoint's configuration cannot be decrypted.
func (w *Worker) readablePlan(ctx context.Context, id hook.EndpointID) (*plan, error) {
	p, err := w.plan(ctx, id)
	if err == nil && p.endpoint.Unreadable {
		return nil, hook.ErrUnreadable
	}
	return p, err
}

// newPlan applies a contract to an endpoint.
func newPlan(e *hook.Endpoint, c *contract.Contract) (p *plan, err error) {
	p = &plan{endpoint: e, contract: c, state: e.State, limits: c.Limits(e.Config), batch: c.Batching(), policy: c.Policy(e.Config)}
	if e.Unreadable && p.state == hook.EndpointActive {
		p.state = hook.EndpointPaused // its deliveries wait until somebody enters its configuration again
	}
	if p.limits.Ordered {
		p.limits.Concurrency = 1
	}
	p.form, err = compose.NewForm(e, c)
	return p, err
}

// composer returns the Composer that makes the messages of this worker's deliveries.
func (w *Worker) composer() compose.Composer {
	return compose.Composer{Store: w.Past, Contracts: w.Contracts, Scripts: w.Scripts, Log: w.Log}
}
