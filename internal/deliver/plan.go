package deliver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
	"gancho/internal/sign"
)

// plan is an endpoint as sending sees it: its configuration compiled with its
// contract. It does not change; a new configuration makes a new plan.
type plan struct {
	endpoint *hook.Endpoint
	contract *contract.Contract
	state    hook.EndpointState
	limits   contract.Limits
	policy   hook.Policy
	render   renderer
	signer   sign.Signer // nil: the contract does not sign, or there are no secrets to sign with
}

// renderer shapes requests under one version of an endpoint's configuration
// and of its contract.
type renderer struct {
	*contract.Plan
	contract *contract.Contract
	config   hook.EndpointConfig
	mask     mask.Mask
}

func newRenderer(c *contract.Contract, cfg hook.EndpointConfig) renderer {
	return renderer{Plan: c.Plan(cfg), contract: c, config: cfg, mask: c.Mask(cfg)}
}

// plan reads an endpoint and compiles it.
func (w *Worker) plan(ctx context.Context, id hook.EndpointID) (*plan, error) {
	e, err := w.Store.Endpoint(ctx, id)
	if err != nil {
		return nil, err
	}
	c, ok := w.Contracts.For(e)
	if !ok {
		return nil, hook.NotFound("contract", e.Contract)
	}
	return newPlan(e, c)
}

// newPlan applies a contract to an endpoint.
func newPlan(e *hook.Endpoint, c *contract.Contract) (p *plan, err error) {
	p = &plan{
		endpoint: e, contract: c, state: e.State, limits: c.Limits(e.Config), policy: c.Policy(e.Config),
		render: newRenderer(c, e.Config),
	}
	if p.limits.Ordered {
		p.limits.Concurrency = 1
	}
	p.signer, err = p.newSigner(c.Scheme())
	return p, err
}

// newSigner makes a signer for the endpoint's secrets, nil if there is no scheme or no secret.
func (p *plan) newSigner(scheme *sign.Scheme) (sign.Signer, error) {
	if scheme == nil || len(p.endpoint.Secrets) == 0 {
		return nil, nil
	}
	return scheme.NewSigner(p.endpoint.Secrets)
}

// sign signs a message with the endpoint's present secrets, in the scheme of the contract version that rendered it.
func (p *plan) sign(scheme *sign.Scheme, m *send.Message, event hook.EventID) error {
	if scheme == nil {
		return nil
	}
	signer, err := p.signer, error(nil)
	if scheme != p.contract.Scheme() { // the contract has changed since the first attempt
		if signer, err = p.newSigner(scheme); err != nil {
			return fmt.Errorf("the contract signed with %s at the first attempt, and the present secret does not fit: %w", scheme.Name, err)
		}
	}
	if signer == nil {
		return errors.New("the contract signs, and the endpoint has no signing secret; make one with rotate-secret")
	}
	m.Headers = signer.Sign(slices.Clip(m.Headers), sign.Message{ID: event.String(), Time: time.Now(), Body: m.Body})
	return nil
}

// method is the HTTP method of its requests.
func (p *plan) method() string {
	if m := p.endpoint.Config.Method; m != "" {
		return m
	}
	return p.contract.Methods()[0]
}

// renderer returns what the delivery's first attempt was rendered with, or the
// present configuration if this is its first.
func (w *Worker) renderer(ctx context.Context, p *plan, d *hook.Delivery) (renderer, error) {
	if d.EndpointVersion == 0 {
		d.EndpointVersion, d.ContractVersion = p.endpoint.Version, p.contract.Version
	}
	if d.EndpointVersion == p.endpoint.Version && d.ContractVersion == p.contract.Version {
		return p.render, nil
	}
	c, cfg := p.contract, p.endpoint.Config
	if d.ContractVersion != c.Version {
		var ok bool
		if c, ok = w.Contracts.At(c.Name, d.ContractVersion); !ok {
			// Stored by a newer program on another node; one of those will send it.
			return renderer{}, hook.Unavailable(fmt.Errorf("contract %s has no version %d here", p.contract.Name, d.ContractVersion))
		}
	}
	if d.EndpointVersion != p.endpoint.Version {
		var err error
		if cfg, err = w.Store.EndpointVersion(ctx, p.endpoint.ID, d.EndpointVersion); err != nil {
			return renderer{}, err
		}
	}
	return newRenderer(c, cfg), nil
}
