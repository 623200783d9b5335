package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/egress"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

const (
	maxName     = 200      // characters
	maxSettings = 64 << 10 // bytes
	updateTries = 5        // how often a change starts again because another one was faster
)

// EndpointStore is what [Endpoints] need of the database.
type EndpointStore interface {
	// CreateEndpointWithin stores an endpoint and sets its version and times. It is a conflict if the tenant has most
	// endpoints of the contract already; 0 means any number.
	CreateEndpointWithin(ctx context.Context, e *hook.Endpoint, most int) error
	TenantEndpoint(ctx context.Context, tenant string, id hook.EndpointID) (*hook.Endpoint, error)
	Endpoints(ctx context.Context, tenant string, p hook.Page) (list []*hook.Endpoint, next hook.ID, err error)
	// UpdateEndpoint stores nothing, and is not ok, if the endpoint was changed since it was read.
	UpdateEndpoint(ctx context.Context, e *hook.Endpoint, newConfig bool) (ok bool, err error)
	SetEndpointState(ctx context.Context, id hook.EndpointID, state hook.EndpointState, reason string, at time.Time) error
	// DeleteEndpoint fails with [hook.ErrChangedMeanwhile] if only does not hold for the revision of the endpoint.
	DeleteEndpoint(ctx context.Context, tenant string, id hook.EndpointID, only hook.Precondition) error
}

// Scripts check the transformations of endpoints.
type Scripts interface {
	// Check fails with an error that has a method ScriptFailure if the script is wrong, and with a [hook.Error] of
	// KindUnavailable if it cannot be checked now. Scripts with the same key are checked one after another.
	Check(ctx context.Context, key, source string) error
}

// scriptError is the error of [Scripts] for a script that is wrong.
type scriptError interface {
	error
	ScriptFailure() hook.ScriptFailure
}

// Endpoints are the use cases of endpoints. All fields are needed.
type Endpoints struct {
	Store     EndpointStore
	Contracts *contract.Set
	Scripts   Scripts
	Egress    Egress
	Greeter   Greeter
}

// Greeter makes handshakes.
type Greeter interface {
	// Handshake sends a handshake to an endpoint, and stores it with the result. An error means that nothing was sent.
	Handshake(ctx context.Context, endpoint hook.EndpointID, e *hook.Event) (*hook.TestResult, error)
}

// Egress knows to which hosts and ports webhooks may go.
type Egress interface {
	// CheckURL says why the webhooks of a tenant cannot go to a URL; nil if they can. contract are the rules of the
	// contract, nil for none.
	CheckURL(ctx context.Context, tenant string, contract *egress.Rules, url string) ([]hook.FieldError, error)
}

// checkReach refuses a URL to which the webhooks of the tenant may not go. An endpoint keeps the URL that it has.
func checkReach(ctx context.Context, x Egress, tenant string, c *contract.Contract, url, was string) error {
	if url == was {
		return nil
	}
	wrong, err := x.CheckURL(ctx, tenant, c.Egress(), url)
	if err != nil || len(wrong) == 0 {
		return err
	}
	return hook.InvalidFields("endpoint_invalid", wrong...)
}

// EndpointSpec is a whole endpoint as somebody requests it.
type EndpointSpec struct {
	Name     string
	Contract string // "": [hook.DefaultContract]
	// Config is the configuration; a zero value in it means the contract's default. Its Credential is ignored.
	Config hook.EndpointConfig
	State  hook.EndpointState // "": active
	Secret string             // "": one is made if the contract signs
	// Wrong is what the caller found wrong while reading the request. It is reported together with what the rules find.
	Wrong []hook.FieldError
}

// Create creates an endpoint of a tenant. The codes of its errors are endpoint_invalid, contract_unknown,
// secret_invalid, credential_needed, too_many_endpoints, shaping_off, transformation_invalid and scripts_unavailable.
func (x Endpoints) Create(ctx context.Context, tenant string, in EndpointSpec) (*hook.Endpoint, error) {
	if c := (contracts{x.Contracts}).inForce(in.Contract); c != nil {
		if how, ok := c.Credentials(); ok && how.Endpoint {
			return nil, hook.InvalidFields("credential_needed", hook.Field("/contract", "credential_first",
				"An endpoint of the contract {contract} is created together with a credential: POST …/credentials.",
				"contract", c.Name))
		}
	}
	c, err := checkEndpoint(contracts{x.Contracts}, &in)
	if err != nil {
		return nil, err
	}
	if err := checkEndpointReach(ctx, x.Egress, tenant, c, in.Config, hook.EndpointConfig{}); err != nil {
		return nil, err
	}
	if err := x.checkShaping(ctx, tenant, c, in.Config, hook.EndpointConfig{}); err != nil {
		return nil, err
	}
	in.Config.Credential = nil
	e, err := newEndpoint(tenant, c, in)
	if err != nil {
		return nil, err
	}
	verify := c.Verifies() && e.State == hook.EndpointActive
	if verify {
		e.State, e.StateReason = hook.EndpointDisabled, hook.ReasonUnverified
	}
	if err := x.Store.CreateEndpointWithin(ctx, e, c.PerTenant()); err != nil {
		return nil, err
	}
	if verify {
		_, _ = x.greet(ctx, e, c, true) // it is stored; as long as no handshake was made, it says unverified
	}
	return e, nil
}

// checkEndpoint checks a requested endpoint, sorts its headers and fills in defaults. It reports all mistakes at once.
func checkEndpoint(known contracts, in *EndpointSpec) (*contract.Contract, error) {
	if in.Contract == "" {
		in.Contract = hook.DefaultContract
	}
	if in.State == "" {
		in.State = hook.EndpointActive
	}
	c := known.inForce(in.Contract)
	if c == nil {
		return nil, known.unknown(in.Contract)
	}
	return c, checkEndpointUnder(c, in)
}

// checkEndpointUnder applies the rules for one endpoint of a contract, which need not be stored.
func checkEndpointUnder(c *contract.Contract, in *EndpointSpec) error {
	cfg := &in.Config
	slices.SortFunc(cfg.Headers, func(x, y hook.Header) int { return strings.Compare(x.Name, y.Name) })
	wrong := append(slices.Clone(in.Wrong), checkName(in.Name)...)
	refuse := func(f hook.FieldError) { wrong = append(wrong, f) }
	switch in.State {
	case hook.EndpointActive, hook.EndpointPaused, hook.EndpointDisabled:
	default: // also deleted, which only the store sets
		refuse(hook.Field("/state", "endpoint_state", "The states are active, paused and disabled."))
	}
	settings := cfg.Settings
	switch {
	case settings == nil:
	case string(settings) == "null":
		cfg.Settings = nil
	case rawjson.KindOf(settings) != '{':
		refuse(hook.Field("/settings", "object_needed", "This has to be an object."))
		cfg.Settings = nil
	case len(settings) > maxSettings:
		refuse(hook.Field("/settings", "too_many_bytes", "This has at most {max}.", "max", "64 KiB"))
		cfg.Settings = nil
	}
	if wrong = append(wrong, c.CheckEndpoint(*cfg)...); len(wrong) > 0 {
		return hook.InvalidFields("endpoint_invalid", wrong...)
	}
	return nil
}

// checkShaping applies the rules for what one endpoint does to the requests of its contract: a filter and a
// transformation, which the contract may forbid. was is the configuration so far: what the endpoint did before it may
// go on doing.
func (x Endpoints) checkShaping(ctx context.Context, tenant string, c *contract.Contract, cfg, was hook.EndpointConfig) error {
	var off []hook.FieldError
	if cfg.Filter != "" && cfg.Filter != was.Filter && !c.AllowsShaping() {
		off = append(off, hook.Field("/filter", "filter_off",
			"The contract {contract} does not let an endpoint have a filter. Leave it out, or use another contract.",
			"contract", c.Name))
	}
	changed := cfg.Transformation != "" && cfg.Transformation != was.Transformation
	if changed && !c.AllowsShaping() {
		off = append(off, transformationOff(c))
	}
	if len(off) > 0 {
		return hook.InvalidFields("shaping_off", off...)
	}
	if cfg.Filter != "" && cfg.Filter != was.Filter {
		if wrong := c.CheckFilterCost(cfg); wrong != nil {
			return hook.InvalidFields("endpoint_invalid", wrong...)
		}
	}
	if !changed {
		return nil
	}
	err := x.Scripts.Check(ctx, "check "+tenant, cfg.Transformation) // the key: scripts of one tenant wait for each other
	if wrong, ok := errors.AsType[scriptError](err); ok {
		return hook.InvalidFields("transformation_invalid", hook.Field("/transformation", "script_invalid", "{problem}.",
			"problem", wrong))
	}
	return err
}

// transformationOff is the mistake of giving a transformation to an endpoint whose contract forbids it.
func transformationOff(c *contract.Contract) hook.FieldError {
	return hook.Field("/transformation", "transformation_off",
		"The contract {contract} does not let an endpoint have a transformation. Leave it out, or use another contract.",
		"contract", c.Name)
}

// newEndpoint returns a checked endpoint with a new id.
func newEndpoint(tenant string, c *contract.Contract, in EndpointSpec) (*hook.Endpoint, error) {
	secret, err := checkSecret(c, in.Secret)
	if err != nil {
		return nil, err
	}
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: tenant, Name: in.Name, Contract: c.Name, Config: in.Config, State: in.State,
		StateReason: stateReason(in.State),
	}
	if secret != "" {
		e.Secrets = []hook.Secret{{Text: secret, CreatedAt: now()}}
	}
	return e, nil
}

// stateReason is the reason that is stored with a state that a person chose.
func stateReason(s hook.EndpointState) string {
	if s == hook.EndpointActive {
		return ""
	}
	return hook.ReasonByPerson
}

// Get reads an endpoint. The code of its error is endpoint_not_found.
func (x Endpoints) Get(ctx context.Context, tenant, id string) (*hook.Endpoint, error) {
	return endpoint(ctx, x.Store, tenant, id)
}

// endpointReader reads one endpoint.
type endpointReader interface {
	TenantEndpoint(ctx context.Context, tenant string, id hook.EndpointID) (*hook.Endpoint, error)
}

// endpoint reads an endpoint by the text of its id.
func endpoint(ctx context.Context, store endpointReader, tenant, id string) (*hook.Endpoint, error) {
	parsed, err := hook.ParseEndpointID(id)
	if err != nil {
		return nil, hook.NotFound("endpoint", id)
	}
	return store.TenantEndpoint(ctx, tenant, parsed)
}

// List lists the endpoints of a tenant, newest first.
func (x Endpoints) List(ctx context.Context, tenant string, p hook.Page) (list []*hook.Endpoint, next hook.ID, err error) {
	return x.Store.Endpoints(ctx, tenant, p)
}

// Patch changes an endpoint. The codes of its errors are those of [Endpoints.Create] and endpoint_not_found,
// endpoint_busy, credential_paused and changed_meanwhile.
func (x Endpoints) Patch(ctx context.Context, tenant, id string, p EndpointPatch) (*hook.Endpoint, error) {
	var by *contract.Contract // with which a handshake is made; nil: none is needed
	e, err := x.update(ctx, tenant, id, func(e *hook.Endpoint) error {
		if err := p.If.Check(e.Revision()); err != nil {
			return err
		}
		c, in, err := x.patched(ctx, e, p)
		if err != nil {
			return err
		}
		in.Config.Credential = e.Config.Credential
		if by = nil; e.StateReason == hook.ReasonUnverified && p.State == nil && goesElsewhere(e.Config, in.Config) {
			in.State = hook.EndpointActive // what it becomes as soon as it has given the right answer
		}
		switch {
		case needsHandshake(c, e, in):
			by = c
			if e.State == hook.EndpointActive { // what waits is kept, and nothing is sent until the endpoint has answered
				e.State = hook.EndpointPaused
			}
			e.StateReason = hook.ReasonUnverified
		case in.State != e.State, p.State != nil && e.StateReason == hook.ReasonUnverified:
			e.State, e.StateReason = in.State, stateReason(in.State)
		}
		e.Name, e.Config, e.Unreadable = in.Name, in.Config, false
		return patchSecret(e, c, p.Secret)
	})
	if err != nil || by == nil {
		return e, err
	}
	_, _ = x.greet(ctx, e, by, true) // the change is stored; as long as no handshake was made, the endpoint says unverified
	return e, nil
}

// patched applies a patch to an endpoint as it is now, checks the result and returns it.
func (x Endpoints) patched(ctx context.Context, e *hook.Endpoint, p EndpointPatch) (*contract.Contract, EndpointSpec, error) {
	in := EndpointSpec{Name: e.Name, Contract: e.Contract, Config: e.Config, State: e.State}
	serving := (contracts{x.Contracts}).serving(e)
	if serving != nil { // so that what the patch leaves alone can be told from what it repeats
		in.Config = masked(serving, e.Config)
	}
	p.apply(&in)
	if in.Contract == "" {
		in.Contract = hook.DefaultContract
	}
	if in.Contract != e.Contract {
		return nil, in, hook.InvalidFields("endpoint_invalid", hook.Field("/contract", "contract_fixed",
			"The contract of an endpoint cannot be changed. Create another endpoint."))
	}
	given := in.Config
	if serving != nil {
		in.Config = restored(serving, given, e.Config)
	}
	c, err := checkEndpoint(contracts{x.Contracts}, &in)
	if err != nil {
		return nil, in, err
	}
	if err := checkEndpointReach(ctx, x.Egress, e.Tenant, c, in.Config, e.Config); err != nil {
		return nil, in, err
	}
	if err := checkMoved(c, e, given, in.Config, p); err != nil {
		return nil, in, err
	}
	return c, in, x.checkShaping(ctx, e.Tenant, c, in.Config, e.Config)
}

// update reads an endpoint, calls change and stores the result. If somebody else changed the endpoint meanwhile, it
// starts again.
func (x Endpoints) update(ctx context.Context, tenant, id string, change func(*hook.Endpoint) error) (*hook.Endpoint, error) {
	for range updateTries {
		e, err := x.Get(ctx, tenant, id)
		if err != nil {
			return nil, err
		}
		was := e.Config
		if err := change(e); err != nil {
			return nil, err
		}
		ok, err := x.Store.UpdateEndpoint(ctx, e, !sameConfig(was, e.Config))
		if err != nil {
			return nil, err
		}
		if ok {
			return e, nil
		}
	}
	return nil, hook.Conflict("endpoint_busy", "Others keep changing this endpoint. Try again in a moment.")
}

// sameConfig reports whether two configurations are stored as the same bytes.
func sameConfig(x, y hook.EndpointConfig) bool {
	a, errA := json.Marshal(x)
	b, errB := json.Marshal(y)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// SetState pauses, resumes or disables an endpoint. The codes of its errors are endpoint_not_found, endpoint_busy and
// credential_paused; of a handshake endpoint_unverified and test_running, too.
func (x Endpoints) SetState(ctx context.Context, tenant, id string, state hook.EndpointState) (*hook.Endpoint, error) {
	e, err := x.Get(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if c := (contracts{x.Contracts}).serving(e); c != nil && c.Verifies() && state == hook.EndpointActive && e.State != state {
		r, err := x.greet(ctx, e, c, true)
		switch {
		case err != nil || e.State == state:
		case r.Delivery.State == hook.Delivered:
			err = hook.Conflict("endpoint_busy", "Somebody else changed this endpoint during the handshake. Look at it, and try again.")
		default:
			err = errUnverified(r.Attempt)
		}
		return e, err
	}
	if e.StateReason == hook.ReasonUnverified && e.State == state { // now because a person wants it: no later handshake changes that
		return x.update(ctx, tenant, id, func(e *hook.Endpoint) error {
			e.State, e.StateReason = state, stateReason(state)
			return nil
		})
	}
	if err := x.Store.SetEndpointState(ctx, e.ID, state, stateReason(state), time.Now()); err != nil {
		return nil, err
	}
	return x.Store.TenantEndpoint(ctx, tenant, e.ID)
}

// Delete removes an endpoint and cancels its waiting deliveries. The codes of its errors are endpoint_not_found,
// endpoint_of_credential, and changed_meanwhile if only does not hold for its revision.
func (x Endpoints) Delete(ctx context.Context, tenant, id string, only hook.Precondition) error {
	parsed, err := hook.ParseEndpointID(id)
	if err != nil {
		return hook.NotFound("endpoint", id)
	}
	return x.Store.DeleteEndpoint(ctx, tenant, parsed, only)
}

// EndpointView is an endpoint without its secrets.
type EndpointView struct {
	*hook.Endpoint
	// InForce is its configuration with the values that are in force where it leaves the choice to its contract, and
	// with masks in the place of secrets.
	InForce         hook.EndpointConfig
	Certificates    []hook.Certificate
	ContractVersion int64 // by which it is served; 0: the contract is gone
}

// View returns an endpoint without its secrets.
func (x Endpoints) View(e *hook.Endpoint) EndpointView {
	c := (contracts{x.Contracts}).serving(e)
	out := EndpointView{Endpoint: e, InForce: masked(c, e.Config)}
	if c == nil {
		return out
	}
	shown := &out.InForce
	if shown.Method == "" {
		shown.Method = c.Methods()[0]
	}
	limits, policy := c.Limits(e.Config), c.Policy(e.Config)
	shown.Timeout, shown.Concurrency, shown.Ordered, shown.PerSecond = limits.Timeout, limits.Concurrency, limits.Ordered, limits.PerSecond
	shown.Mode, shown.Retry, shown.GiveUp = policy.Mode, policy.Retry, policy.GiveUp
	out.ContractVersion, out.Certificates = c.Version, c.Certificates(e.Config)
	return out
}
