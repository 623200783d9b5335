package ingest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/match"
)

// directory remembers which endpoints each tenant has, compiled for matching,
// so that accepting an event reads nothing. It is told of every committed change
// (forget) before the change's caller is answered, so what a caller has been
// told holds for its next event.
type directory struct {
	store     Store
	contracts *contract.Set

	mu      sync.Mutex
	tenants map[string]*entry
}

// entry is one tenant's routes, or the loading of them.
type entry struct {
	done   chan struct{} // closed when loaded
	routes *routes
	err    error
}

// maxTenants bounds the memory; beyond it some tenant is forgotten and read
// again when its next event comes.
const maxTenants = 50_000

func newDirectory(s Store, c *contract.Set) *directory {
	return &directory{store: s, contracts: c, tenants: map[string]*entry{}}
}

func (d *directory) forget(tenant string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if tenant == "" {
		clear(d.tenants)
		return
	}
	delete(d.tenants, tenant)
}

// routes returns the routes of a tenant. Callers that find a load under way
// wait for it; a load that a change overtakes serves those who already wait for
// it, and nobody after.
func (d *directory) routes(ctx context.Context, tenant string) (*routes, error) {
	d.mu.Lock()
	e := d.tenants[tenant]
	if e == nil {
		e = &entry{done: make(chan struct{})}
		for other := range d.tenants {
			if len(d.tenants) < maxTenants {
				break
			}
			delete(d.tenants, other)
		}
		d.tenants[tenant] = e
		d.mu.Unlock()
		d.load(ctx, tenant, e)
	} else {
		d.mu.Unlock()
		select {
		case <-e.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return e.routes, e.err
}

func (d *directory) load(ctx context.Context, tenant string, e *entry) {
	defer close(e.done)
	var list []*hook.Endpoint
	// Others may wait for this load, so it does not end with the first caller.
	if !hook.ValidTenantID(tenant) {
		e.err = hook.NotFound("tenant", tenant)
	} else if list, e.err = d.store.TenantEndpoints(context.WithoutCancel(ctx), tenant); e.err == nil {
		e.routes, e.err = newRoutes(list, d.contracts)
	}
	if e.err != nil { // do not remember failures
		d.mu.Lock()
		if d.tenants[tenant] == e {
			delete(d.tenants, tenant)
		}
		d.mu.Unlock()
	}
}

// target is an endpoint as accepting sees it.
type target struct {
	match.Target
	id              hook.EndpointID
	contract        string
	version         int64 // of the endpoint's configuration
	contractVersion int64
	mode            hook.Mode
	ordered         bool
	firstDelay      time.Duration
}

// routes are the endpoints of one tenant by contract.
type routes struct {
	sets    map[string]*match.Set
	targets map[hook.EndpointID]*target
}

func newRoutes(list []*hook.Endpoint, contracts *contract.Set) (*routes, error) {
	r := &routes{sets: map[string]*match.Set{}, targets: map[hook.EndpointID]*target{}}
	byContract := map[string][]match.Target{}
	for _, e := range list {
		if e.State != hook.EndpointActive && e.State != hook.EndpointPaused {
			continue
		}
		c, ok := contracts.For(e)
		if !ok {
			continue // its contract is gone; the endpoint's page says so
		}
		t, err := compileTarget(e)
		if err != nil { // it was checked when it was stored, so this is a rare one
			return nil, fmt.Errorf("endpoint %s: %w", e.ID, err)
		}
		byContract[e.Contract] = append(byContract[e.Contract], t)
		limits, policy := c.Limits(e.Config), c.Policy(e.Config)
		r.targets[e.ID] = &target{Target: t, id: e.ID, contract: e.Contract, version: e.Version, contractVersion: c.Version, mode: policy.Mode, ordered: limits.Ordered, firstDelay: policy.Retry[0]}
	}
	for name, targets := range byContract {
		if len(targets) > hook.MaxFanout {
			return nil, errTooManyEndpoints
		}
		r.sets[name] = match.NewSet(name, targets)
	}
	return r, nil
}

// errTooManyEndpoints is for a tenant that has more endpoints than an event can
// have deliveries. The store lets none have so many, and if one has them all the
// same, leaving some out in silence would be worse than taking nothing in.
var errTooManyEndpoints = &hook.Error{
	Kind: hook.KindTooLarge, Code: "too_many_deliveries",
	Detail: fmt.Sprintf("This tenant has more than %d endpoints of one contract, and no event can have more deliveries. Delete some of them.", hook.MaxFanout),
}

func compileTarget(e *hook.Endpoint) (t match.Target, err error) {
	t.Endpoint = e.ID
	if t.Types, err = match.CompileTypes(e.Config.EventTypes); err != nil {
		return t, err
	}
	if e.Config.Filter != "" {
		t.Filter, err = match.CompileFilter(e.Config.Filter)
	}
	return t, err
}

// match finds the targets of an event; problems are filters that failed.
func (r *routes) match(e *hook.Event) (list []*target, problems []match.Problem) {
	set := r.sets[e.Contract]
	if set == nil {
		return nil, nil
	}
	ids, problems := set.Match(e)
	list = make([]*target, 0, len(ids))
	for _, id := range ids {
		list = append(list, r.targets[id])
	}
	return list, problems
}
