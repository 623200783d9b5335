package ingest

import (
	"context"
	"fmt"
	"time"

	"gancho/internal/cache"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/match"
	"gancho/internal/work"
)

// directory knows the endpoints of each tenant, compiled for matching, so that accepting an
// event reads nothing from the database. Every change of the configuration calls forget after
// its commit and before its caller gets an answer. So the next event already sees a change
// whose caller has got an answer.
type directory struct {
	store     Store
	contracts *contract.Set
	accounts  *work.Accounts
	tenants   *cache.Loader[*routes]
}

// maxTenants limits the memory. The half of them that was used last is always kept; others may
// be read again with their next event.
const maxTenants = 100_000

func newDirectory(s Store, c *contract.Set, a *work.Accounts) *directory {
	d := &directory{store: s, contracts: c, accounts: a}
	d.tenants = cache.NewLoader(maxTenants, 0, d.load)
	return d
}

// forget drops what is known of a tenant, or of all if it is "".
func (d *directory) forget(tenant string) {
	if tenant == "" {
		d.tenants.ForgetIf(func(string, *routes) bool { return true })
		return
	}
	d.tenants.Forget(tenant)
}

// routes returns the routes of a tenant. The error has KindNotFound if the tenant does not
// exist.
func (d *directory) routes(ctx context.Context, tenant string) (*routes, error) {
	return d.tenants.Get(ctx, tenant)
}

// load reads the routes of a tenant.
func (d *directory) load(ctx context.Context, tenant string) (*routes, error) {
	if !hook.ValidTenantID(tenant) {
		return nil, hook.NotFound("tenant", tenant)
	}
	t, err := d.store.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	list, err := d.store.TenantEndpoints(ctx, tenant)
	if err != nil {
		return nil, err
	}
	r, err := newRoutes(list, d.contracts)
	if err != nil {
		return nil, err
	}
	r.account, r.seals = d.accounts.Of(tenant), t.Policy.SealPayloads
	return r, nil
}

// target is what accepting an event needs to know of an endpoint.
type target struct {
	match.Target
	id              hook.EndpointID
	contract        string
	version         int64 // of the endpoint's configuration
	contractVersion int64
	mode            hook.Mode
	ordered         bool          // its deliveries are sent in the order of their events
	firstDelay      time.Duration // how long the first attempt waits
}

// routes are the endpoints of one tenant.
type routes struct {
	account *work.Account         // of the tenant
	seals   bool                  // the tenant wants payloads encrypted where they are stored
	sets    map[string]*match.Set // by contract
	targets map[hook.EndpointID]*target
	idle    []idle // the disabled endpoints
}

// newRoutes compiles a tenant's endpoints. Only the active and paused ones get events.
func newRoutes(list []*hook.Endpoint, contracts *contract.Set) (*routes, error) {
	r := &routes{sets: map[string]*match.Set{}, targets: map[hook.EndpointID]*target{}}
	byContract := map[string][]match.Target{}
	for _, e := range list {
		if e.State == hook.EndpointDisabled {
			if types, err := match.CompileTypes(e.Config.EventTypes); err == nil && !e.Unreadable {
				r.idle = append(r.idle, idle{e.Contract, types})
			}
			continue
		}
		if e.State != hook.EndpointActive && e.State != hook.EndpointPaused {
			continue
		}
		if e.Unreadable { // nobody knows what it takes; a recovery brings it what it missed
			continue
		}
		c, ok := contracts.For(e)
		if !ok {
			continue // its contract does not exist any more; the console shows that with the endpoint
		}
		t, err := compileTarget(e)
		if err != nil { // they were checked when they were stored, so the data is damaged
			return nil, fmt.Errorf("endpoint %s: %w", e.ID, err)
		}
		byContract[e.Contract] = append(byContract[e.Contract], t)
		limits, policy := c.Limits(e.Config), c.Policy(e.Config)
		r.targets[e.ID] = &target{
			Target: t, id: e.ID, contract: e.Contract, version: e.Version, contractVersion: c.Version,
			mode: policy.Mode, ordered: limits.Ordered, firstDelay: c.FirstDelay(e.Config),
		}
	}
	for name, targets := range byContract {
		if len(targets) > hook.MaxFanout {
			return nil, errTooManyEndpoints
		}
		r.sets[name] = match.NewSet(name, targets)
	}
	return r, nil
}

// errTooManyEndpoints is for a tenant that has more endpoints of a contract than an
// event can have deliveries. The store does not let that happen. If it does happen,
// refusing events is better than leaving some endpoints out without a word.
var errTooManyEndpoints = &hook.Error{
	Kind: hook.KindTooLarge, Code: "too_many_deliveries",
	Detail: fmt.Sprintf("This tenant has more than %d endpoints of one contract, and an event cannot have more "+
		"deliveries. Delete some of them.", hook.MaxFanout),
}

// compileTarget compiles the event types and the filter of an endpoint.
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

// match finds the targets of an event. Of two kinds of targets nobody knows whether they take it: dear, because
// evaluating their filters costs too much, and failed, because their filters have no truth value. The error is that of
// the budget's context.
func (r *routes) match(b *work.Budget, e *hook.Event) (list, dear, failed []*target, err error) {
	found, err := r.sets[e.Contract].Match(b, e)
	if err != nil {
		return nil, nil, nil, err
	}
	named := func(ids []hook.EndpointID) []*target {
		if len(ids) == 0 {
			return nil
		}
		list := make([]*target, 0, len(ids))
		for _, id := range ids {
			list = append(list, r.targets[id])
		}
		return list
	}
	return named(found.Taken), named(found.LeftOut), named(found.Failed), nil
}
