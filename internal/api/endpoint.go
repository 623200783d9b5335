package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/sign"
)

const (
	endpointsPath = "/v1/tenants/{tenant}/endpoints"
	endpointPath1 = endpointsPath + "/{endpoint}"

	maxSettings    = 64 << 10
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
	maxSecrets     = 5 // in force at once
	updateTries    = 5 // reads again if somebody else changes the endpoint
)

func (a *API) routeEndpoints() {
	add(a, operation{
		id: "create-endpoint", method: http.MethodPost, path: endpointsPath, tag: "endpoints", access: managers, status: http.StatusCreated,
		summary:     "Make an endpoint",
		description: "The answer shows the values that are in force, but no secret: read the signing secret with GET …/secret.",
		codes:       []string{"endpoint_invalid", "contract_unknown", "secret_invalid", "credential_needed", "too_many_endpoints", "shaping_off", "transformation_invalid", "scripts_unavailable"},
	}, a.createEndpoint)
	add(a, operation{
		id: "list-endpoints", method: http.MethodGet, path: endpointsPath, tag: "endpoints", access: readers,
		summary: "List endpoints", codes: []string{"cursor_invalid"},
	}, a.listEndpoints)
	add(a, operation{
		id: "get-endpoint", method: http.MethodGet, path: endpointPath1, tag: "endpoints", access: readers,
		summary: "Read an endpoint", codes: []string{"endpoint_not_found"},
	}, a.getEndpoint)
	add(a, operation{
		id: "patch-endpoint", method: http.MethodPatch, path: endpointPath1, tag: "endpoints", access: managers,
		summary: "Change an endpoint",
		description: "JSON Merge Patch (RFC 7396) on what the endpoint was made of: members left out stay, null sets the default. " +
			"Secrets that come back as they were shown, masked, stay as they are. A new secret takes over at once; use rotate-secret for an overlap. " +
			"Deliveries that were attempted before keep being sent as they were.",
		codes: []string{"endpoint_not_found", "endpoint_invalid", "secret_invalid", "endpoint_busy", "credential_paused", "shaping_off", "transformation_invalid", "scripts_unavailable"},
	}, a.patchEndpoint)
	add(a, operation{
		id: "delete-endpoint", method: http.MethodDelete, path: endpointPath1, tag: "endpoints", access: managers, status: http.StatusNoContent,
		summary: "Delete an endpoint", description: "Deliveries that wait are cancelled; the history stays. One that was made with a credential goes with that.",
		codes: []string{"endpoint_not_found", "endpoint_of_credential"},
	}, a.deleteEndpoint)
	for _, s := range []struct {
		verb, summary, description string
		state                      hook.EndpointState
	}{
		{"pause", "Pause an endpoint", "Deliveries go on being made, and wait until it is resumed.", hook.EndpointPaused},
		{"resume", "Resume an endpoint", "A paused or disabled endpoint becomes active. What waited goes out.", hook.EndpointActive},
		{"disable", "Disable an endpoint", "No deliveries are made any more, and those that wait are cancelled. The events stay, see recover.", hook.EndpointDisabled},
	} {
		codes := []string{"endpoint_not_found"}
		if s.state == hook.EndpointActive {
			codes = append(codes, "credential_paused")
		}
		add(a, operation{
			id: s.verb + "-endpoint", method: http.MethodPost, path: endpointPath1 + "/" + s.verb, tag: "endpoints", access: managers,
			summary: s.summary, description: s.description, noBody: true, codes: codes,
		}, a.setState(s.state))
	}
	add(a, operation{
		id: "get-endpoint-secret", method: http.MethodGet, path: endpointPath1 + "/secret", tag: "endpoints", access: managers,
		summary: "Read the signing secret", codes: []string{"endpoint_not_found", "secret_not_found"},
	}, a.getSecret)
	add(a, operation{
		id: "rotate-endpoint-secret", method: http.MethodPost, path: endpointPath1 + "/rotate-secret", tag: "endpoints", access: managers,
		summary:      "Replace the signing secret",
		description:  "For a while requests are signed with the old secret as well, so that the receiver can change over.",
		bodyOptional: true, codes: []string{"endpoint_not_found", "secret_not_found", "secret_invalid", "endpoint_busy"},
	}, a.rotateSecret)
}

// EndpointPath are the parameters of what concerns one endpoint.
type EndpointPath struct {
	TenantPath
	Endpoint string `path:"endpoint" doc:"Id of the endpoint." example:"ep_06ew2c5e8m4b900000000000g0"`
}

// endpoint reads the endpoint that a path names.
func (a *API) endpoint(ctx context.Context, in EndpointPath) (*hook.Endpoint, error) {
	id, err := hook.ParseEndpointID(in.Endpoint)
	if err != nil {
		return nil, hook.NotFound("endpoint", in.Endpoint)
	}
	return a.Store.TenantEndpoint(ctx, in.Tenant, id)
}

// showHeader is a header's value as it may be shown.
func showHeader(h hook.Header) string {
	if hook.CredentialName(h.Name) && h.Value != "" {
		return contract.Mask
	}
	return h.Value
}

// wireEndpoint is an endpoint as it is shown: values in force, secrets masked.
func (a *API) wireEndpoint(e *hook.Endpoint) client.Endpoint {
	cfg := e.Config
	out := client.Endpoint{
		ID: e.ID.String(), Tenant: e.Tenant, Name: e.Name, Contract: e.Contract, URL: cfg.URL, Method: cfg.Method,
		EventTypes: append([]string{}, cfg.EventTypes...), Filter: cfg.Filter, Headers: map[string]string{}, Settings: json.RawMessage(`{}`),
		TimeoutMS: int(cfg.Timeout.Milliseconds()), Retry: formatDurations(cfg.Retry), Concurrency: cfg.Concurrency, Ordered: cfg.Ordered,
		Mode: string(cfg.Mode), State: string(e.State), StateReason: e.StateReason, StateAt: e.StateAt,
		Transformation: cfg.Transformation,
		LastRun:        wireTime(e.Health.LastRun), LastStatus: e.Health.LastStatus, FailingSince: wireTime(e.Health.FailingSince),
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Version: e.Version,
	}
	if cfg.Credential != nil {
		out.Credential = cfg.Credential.ID
	}
	for _, h := range cfg.Headers {
		out.Headers[h.Name] = showHeader(h)
	}
	if cfg.PerSecond > 0 {
		out.RateLimit = &client.RateLimit{PerSecond: cfg.PerSecond}
	}
	c := a.servedBy(e)
	if c == nil { // its contract is gone; without it nobody knows which settings are secret
		return out
	}
	if len(cfg.Settings) > 0 {
		out.Settings = c.MaskSettings(cfg.Settings)
	}
	if out.Method == "" {
		out.Method = c.Methods()[0]
	}
	out.ContractVersion = c.Version
	limits, policy := c.Limits(cfg), c.Policy(cfg)
	out.TimeoutMS, out.Concurrency, out.Ordered = int(limits.Timeout.Milliseconds()), limits.Concurrency, limits.Ordered
	out.Mode, out.Retry = string(policy.Mode), formatDurations(policy.Retry)
	if limits.PerSecond > 0 {
		out.RateLimit = &client.RateLimit{PerSecond: limits.PerSecond}
	}
	return out
}

// input is what an endpoint was made of, as a document that a patch applies to.
func input(e *hook.Endpoint) client.EndpointInput {
	cfg := e.Config
	in := client.EndpointInput{
		Name: e.Name, Contract: e.Contract, URL: cfg.URL, Method: cfg.Method, EventTypes: cfg.EventTypes, Filter: cfg.Filter,
		Settings: cfg.Settings, TimeoutMS: int(cfg.Timeout.Milliseconds()), Concurrency: cfg.Concurrency, Ordered: cfg.Ordered,
		Mode: string(cfg.Mode), State: string(e.State), Transformation: cfg.Transformation,
	}
	for _, h := range cfg.Headers {
		if in.Headers == nil {
			in.Headers = map[string]string{}
		}
		in.Headers[h.Name] = h.Value
	}
	if cfg.Retry != nil {
		in.Retry = formatDurations(cfg.Retry)
	}
	if cfg.PerSecond > 0 {
		in.RateLimit = &client.RateLimit{PerSecond: cfg.PerSecond}
	}
	return in
}

// configure reads an input. It reports everything that is wrong at once.
func (a *API) configure(in client.EndpointInput) (cfg hook.EndpointConfig, c *contract.Contract, err error) {
	name := in.Contract
	if name == "" {
		name = hook.DefaultContract
	}
	if c = a.contract(name); c == nil {
		return cfg, nil, hook.InvalidFields("contract_unknown", hook.FieldError{Pointer: "/contract", Detail: a.Contracts.NoContract(name)})
	}
	cfg = hook.EndpointConfig{
		URL: in.URL, Method: in.Method, EventTypes: in.EventTypes, Filter: in.Filter,
		Timeout: time.Duration(in.TimeoutMS) * time.Millisecond, Concurrency: in.Concurrency, Ordered: in.Ordered, Mode: hook.Mode(in.Mode),
		Transformation: in.Transformation,
	}
	if in.RateLimit != nil {
		cfg.PerSecond = in.RateLimit.PerSecond
	}
	var wrong []hook.FieldError
	for i, text := range in.Retry {
		d, err := parseDuration(text)
		if err != nil {
			wrong = append(wrong, hook.FieldError{Pointer: fmt.Sprintf("/retry/%d", i), Detail: err.Error()})
		}
		cfg.Retry = append(cfg.Retry, d)
	}
	for name, value := range in.Headers {
		cfg.Headers = append(cfg.Headers, hook.Header{Name: name, Value: value})
		if value == contract.Mask {
			wrong = append(wrong, hook.FieldError{Pointer: "/headers/" + escapePointer(name), Detail: "This is the mask that is shown in the place of a secret. Give the value itself."})
		}
	}
	slices.SortFunc(cfg.Headers, func(x, y hook.Header) int { return strings.Compare(x.Name, y.Name) })
	switch s := in.Settings; {
	case s == nil || string(s) == "null":
	case !isObject(s):
		wrong = append(wrong, hook.FieldError{Pointer: "/settings", Detail: "Settings are a JSON object."})
	case len(s) > maxSettings:
		wrong = append(wrong, hook.FieldError{Pointer: "/settings", Detail: "Settings have at most 64 KiB."})
	default:
		cfg.Settings = s
	}
	if wrong = append(wrong, c.CheckEndpoint(cfg)...); len(wrong) > 0 {
		return cfg, nil, hook.InvalidFields("endpoint_invalid", wrong...)
	}
	return cfg, c, nil
}

// checkSecret refuses a secret that the contract has no use for or that cannot
// be signed with. A contract that signs gets one made if none is given.
func checkSecret(c *contract.Contract, text string) (string, error) {
	wrong := func(detail string) error {
		return hook.InvalidFields("secret_invalid", hook.FieldError{Pointer: "/secret", Detail: detail})
	}
	switch {
	case c.Signing() == "" && text != "":
		return "", wrong("The contract " + c.Name + " does not sign, so there is no signing secret. Leave it out.")
	case c.Signing() == "":
		return "", nil
	case text == "":
		return sign.NewSecret(), nil
	}
	if err := sign.Check(text); err != nil {
		return "", wrong(err.Error())
	}
	return text, nil
}

// stateReason is why an endpoint is in a state that somebody asked for.
func stateReason(s hook.EndpointState) string {
	if s == hook.EndpointActive {
		return ""
	}
	return hook.ReasonByPerson
}

type endpointOutput struct{ Body client.Endpoint }

func (a *API) createEndpoint(ctx context.Context, in *struct {
	TenantPath
	Body client.EndpointInput
},
) (*endpointOutput, error) {
	if err := a.withoutCredential(in.Body.Contract); err != nil {
		return nil, err
	}
	cfg, c, err := a.configure(in.Body)
	if err != nil {
		return nil, err
	}
	if err := a.checkShaping(ctx, in.Tenant, c, cfg, hook.EndpointConfig{}); err != nil {
		return nil, err
	}
	e, err := newEndpoint(in.Tenant, in.Body.Name, c, cfg, in.Body.Secret)
	if err != nil {
		return nil, err
	}
	if in.Body.State != "" {
		e.State = hook.EndpointState(in.Body.State)
		e.StateReason = stateReason(e.State)
	}
	if err := a.Store.CreateEndpointWithin(ctx, e, c.PerTenant()); err != nil {
		return nil, err
	}
	return &endpointOutput{a.wireEndpoint(e)}, nil
}

// newEndpoint is an active endpoint of its own id. A contract that signs gets a
// secret made if none is given.
func newEndpoint(tenant, name string, c *contract.Contract, cfg hook.EndpointConfig, secret string) (*hook.Endpoint, error) {
	secret, err := checkSecret(c, secret)
	if err != nil {
		return nil, err
	}
	e := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: tenant, Name: name, Contract: c.Name, Config: cfg, State: hook.EndpointActive}
	if secret != "" {
		e.Secrets = []hook.Secret{{Text: secret}}
	}
	return e, nil
}

// withoutCredential refuses contracts whose endpoints are made with a credential.
func (a *API) withoutCredential(name string) error {
	c := a.contract(name)
	if c == nil {
		return nil // configure says so
	}
	if how, ok := c.Credentials(); !ok || !how.Endpoint {
		return nil
	}
	return hook.InvalidFields("credential_needed", hook.FieldError{
		Pointer: "/contract", Detail: "An endpoint of the contract " + name + " is made by making a credential: POST /v1/tenants/{tenant}/credentials.",
	})
}

func (a *API) listEndpoints(ctx context.Context, in *struct {
	TenantPath
	Paging
},
) (*struct{ Body client.List[client.Endpoint] }, error) {
	list := listName("endpoints", in.Tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	endpoints, next, err := a.Store.Endpoints(ctx, in.Tenant, p)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.List[client.Endpoint] }{wireList(endpoints, next, list, a.wireEndpoint)}, nil
}

func (a *API) getEndpoint(ctx context.Context, in *EndpointPath) (*endpointOutput, error) {
	e, err := a.endpoint(ctx, *in)
	if err != nil {
		return nil, err
	}
	return &endpointOutput{a.wireEndpoint(e)}, nil
}

func (a *API) deleteEndpoint(ctx context.Context, in *EndpointPath) (*struct{}, error) {
	id, err := hook.ParseEndpointID(in.Endpoint)
	if err != nil {
		return nil, hook.NotFound("endpoint", in.Endpoint)
	}
	return nil, a.Store.DeleteEndpoint(ctx, in.Tenant, id)
}

// update reads an endpoint, lets change change it, and stores it. If somebody
// else was faster it starts anew.
func (a *API) update(ctx context.Context, in EndpointPath, change func(e *hook.Endpoint) error) (*hook.Endpoint, error) {
	for range updateTries {
		e, err := a.endpoint(ctx, in)
		if err != nil {
			return nil, err
		}
		was := e.Config
		if err := change(e); err != nil {
			return nil, err
		}
		ok, err := a.Store.UpdateEndpoint(ctx, e, !sameConfig(was, e.Config))
		if err != nil {
			return nil, err
		}
		if ok {
			return e, nil
		}
	}
	return nil, hook.Conflict("endpoint_busy", "Others keep changing this endpoint. Try again in a moment.")
}

func sameConfig(x, y hook.EndpointConfig) bool { return bytes.Equal(encode(x), encode(y)) }

func (a *API) patchEndpoint(ctx context.Context, in *struct {
	EndpointPath
	Body endpointPatch
},
) (*endpointOutput, error) {
	e, err := a.update(ctx, in.EndpointPath, func(e *hook.Endpoint) error { return a.patch(ctx, e, in.Body) })
	if err != nil {
		return nil, err
	}
	return &endpointOutput{a.wireEndpoint(e)}, nil
}

// patch applies a merge patch to an endpoint.
func (a *API) patch(ctx context.Context, e *hook.Endpoint, patch endpointPatch) error {
	doc, err := mergeEndpoint(encode(input(e)), patch, e.Config.Headers)
	if err != nil {
		return err
	}
	if err := validate[client.EndpointInput](a, doc); err != nil {
		return err
	}
	var next client.EndpointInput
	if err := json.Unmarshal(doc, &next); err != nil {
		if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok { // for the schema 5.0 is whole, too
			return hook.InvalidFields("request_invalid", hook.FieldError{Pointer: "/" + strings.ReplaceAll(e.Field, ".", "/"), Detail: "Write the number with digits alone."})
		}
		return err
	}
	if err := checkTexts(&next); err != nil {
		return err
	}
	wrong := func(code, pointer, detail string) error {
		return hook.InvalidFields(code, hook.FieldError{Pointer: pointer, Detail: detail})
	}
	if next.Contract != e.Contract && (next.Contract != "" || e.Contract != hook.DefaultContract) {
		return wrong("endpoint_invalid", "/contract", "The contract of an endpoint cannot be changed. Make another endpoint.")
	}
	c := a.servedBy(e)
	if c != nil && next.Settings != nil {
		next.Settings = c.UnmaskSettings(next.Settings, e.Config.Settings)
	}
	cfg, c, err := a.configure(next)
	if err != nil {
		return err
	}
	if err := a.checkShaping(ctx, e.Tenant, c, cfg, e.Config); err != nil {
		return err
	}
	cfg.Credential = e.Config.Credential
	e.Name, e.Config = next.Name, cfg
	state := hook.EndpointState(next.State)
	if state == "" {
		state = hook.EndpointActive
	}
	if state != e.State {
		e.State, e.StateReason = state, stateReason(state)
	}
	raw, given := patch["secret"]
	switch {
	case !given && c.Signing() != "" && len(e.Secrets) == 0: // a new version of the contract signs
		e.Secrets = []hook.Secret{{Text: sign.NewSecret()}}
		return nil
	case !given:
		return nil
	case string(raw) == "null" || next.Secret == "":
		return wrong("secret_invalid", "/secret", "Give the new secret, or leave it out. POST …/rotate-secret makes one.")
	}
	secret, err := checkSecret(c, next.Secret)
	if err != nil {
		return err
	}
	if len(e.Secrets) == 0 || e.Secrets[0].Text != secret {
		e.Secrets = []hook.Secret{{Text: secret}}
	}
	return nil
}

// setState makes the handler of an operation that changes the state.
func (a *API) setState(state hook.EndpointState) func(context.Context, *EndpointPath) (*endpointOutput, error) {
	return func(ctx context.Context, in *EndpointPath) (*endpointOutput, error) {
		e, err := a.endpoint(ctx, *in)
		if err != nil {
			return nil, err
		}
		if err := a.Store.SetEndpointState(ctx, e.ID, state, stateReason(state), time.Now()); err != nil {
			return nil, err
		}
		if e, err = a.Store.TenantEndpoint(ctx, in.Tenant, e.ID); err != nil {
			return nil, err
		}
		return &endpointOutput{a.wireEndpoint(e)}, nil
	}
}

type secretOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         client.EndpointSecret
}

func wireSecret(secrets []hook.Secret, now time.Time) *secretOutput {
	out := &secretOutput{CacheControl: "no-store", Body: client.EndpointSecret{Secret: secrets[0].Text, Previous: []client.OldSecret{}}}
	if public, err := sign.PublicKey(secrets[0].Text); err == nil && public != secrets[0].Text {
		out.Body.Public = public
	}
	for _, s := range secrets[1:] {
		if now.Before(s.ExpiresAt) {
			out.Body.Previous = append(out.Body.Previous, client.OldSecret{Secret: s.Text, ExpiresAt: s.ExpiresAt})
		}
	}
	return out
}

var errNoSecret = &hook.Error{
	Kind: hook.KindNotFound, Code: "secret_not_found", Detail: "The contract of this endpoint does not sign, so there is no signing secret.",
}

func (a *API) getSecret(ctx context.Context, in *EndpointPath) (*secretOutput, error) {
	e, err := a.endpoint(ctx, *in)
	if err != nil {
		return nil, err
	}
	if len(e.Secrets) == 0 {
		return nil, errNoSecret
	}
	return wireSecret(e.Secrets, time.Now()), nil
}

func (a *API) rotateSecret(ctx context.Context, in *struct {
	EndpointPath
	Body client.RotateInput
},
) (*secretOutput, error) {
	overlap := defaultOverlap
	if in.Body.Overlap != "" {
		d, err := parseDuration(in.Body.Overlap)
		if err != nil || d < 0 || d > maxOverlap {
			return nil, hook.InvalidFields("request_invalid", hook.FieldError{Pointer: "/overlap", Detail: "Write a length of time from 0s to 30d, such as 24h."})
		}
		overlap = d
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	e, err := a.update(ctx, in.EndpointPath, func(e *hook.Endpoint) error {
		c := a.contract(e.Contract)
		if c == nil || c.Signing() == "" {
			return errNoSecret
		}
		secret, err := checkSecret(c, in.Body.Secret)
		if err != nil {
			return err
		}
		if len(e.Secrets) > 0 && e.Secrets[0].Text == secret {
			return nil // it was sent twice
		}
		e.Secrets = rotate(e.Secrets, secret, overlap, now)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return wireSecret(e.Secrets, now), nil
}

// rotate puts a new secret before the others, of which the ones still in force
// stay until they expire.
func rotate(old []hook.Secret, secret string, overlap time.Duration, now time.Time) []hook.Secret {
	out := []hook.Secret{{Text: secret}}
	for i, s := range old {
		if i == 0 {
			s.ExpiresAt = now.Add(overlap)
		}
		if s.Text != secret && now.Before(s.ExpiresAt) && len(out) < maxSecrets {
			out = append(out, s)
		}
	}
	return out
}
