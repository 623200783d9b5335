package api

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

const (
	endpointsPath = "/v1/tenants/{tenant}/endpoints"
	endpointPath1 = endpointsPath + "/{endpoint}"
)

// endpointHandlers answer requests about endpoints.
type endpointHandlers struct {
	endpoints  admin.Endpoints
	deliveries admin.Deliveries
	audit      AuditStore
	sees       sights
	schemas    huma.Registry
}

func (h *endpointHandlers) register(a *API) {
	h.schemas = a.huma.OpenAPI().Components.Schemas
	add(a, operation{
		id: "create-endpoint", contracts: true, method: http.MethodPost, path: endpointsPath, tag: "endpoints", access: auth.Managers,
		status:      http.StatusCreated,
		summary:     "Create an endpoint",
		description: "The answer shows the values in force. It shows no secret: read the signing secret with GET …/secret.",
		codes: []string{
			"endpoint_invalid", "contract_unknown", "secret_invalid", "credential_needed",
			"too_many_endpoints", "shaping_off", "transformation_invalid", "scripts_unavailable",
		}, once: true,
	}, h.create)
	add(a, operation{
		id: "list-endpoints", contracts: true, method: http.MethodGet, path: endpointsPath, tag: "endpoints", access: auth.Readers,
		summary: "List endpoints", codes: []string{"cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "get-endpoint", method: http.MethodGet, path: endpointPath1, tag: "endpoints", access: auth.Readers,
		summary: "Read an endpoint", codes: []string{"endpoint_not_found"},
	}, h.get)
	add(a, operation{
		id: "patch-endpoint", method: http.MethodPatch, path: endpointPath1, tag: "endpoints", access: auth.Managers,
		summary: "Change an endpoint",
		description: "A JSON Merge Patch (RFC 7396) on the members with which an endpoint is created: a member that is " +
			"left out stays as it is, null sets its default. " +
			"A mask that is sent back in the place of a secret leaves the secret as it is, unless the secret would go to another " +
			"host than before: then it has to be given again. A new signing secret is used at " +
			"once; use rotate-secret for an overlap. " +
			"Deliveries that have been attempted already keep their body; address, headers and secrets are the new ones from then on, so a correction reaches what failed.",
		codes: []string{
			"endpoint_not_found", "endpoint_invalid", "secret_invalid", "endpoint_busy", "credential_paused",
			"shaping_off", "transformation_invalid", "scripts_unavailable",
		}, conditional: true,
	}, h.patch)
	add(a, operation{
		id: "delete-endpoint", method: http.MethodDelete, path: endpointPath1, tag: "endpoints", access: auth.Managers,
		status:  http.StatusNoContent,
		summary: "Delete an endpoint",
		description: "Its waiting deliveries are cancelled; its history stays. An endpoint that was created with a " +
			"credential is deleted with the credential.",
		codes: []string{"endpoint_not_found", "endpoint_of_credential"}, conditional: true,
	}, h.delete)
	for _, s := range []struct {
		verb, summary, description string
		state                      hook.EndpointState
	}{
		{
			"pause", "Pause an endpoint", "Its deliveries are still created, and wait until the endpoint is resumed.",
			hook.EndpointPaused,
		},
		{
			"resume", "Resume an endpoint", "A paused or disabled endpoint becomes active, and its waiting deliveries are sent.",
			hook.EndpointActive,
		},
		{
			"disable", "Disable an endpoint",
			"No more deliveries are created for it, and waiting ones are cancelled. The events are kept, see recover.",
			hook.EndpointDisabled,
		},
	} {
		codes := []string{"endpoint_not_found", "endpoint_busy"}
		if s.state == hook.EndpointActive {
			codes = append(codes, "credential_paused", "endpoint_unverified", "test_running")
		}
		add(a, operation{
			id: s.verb + "-endpoint", method: http.MethodPost, path: endpointPath1 + "/" + s.verb, tag: "endpoints",
			access:  auth.Managers,
			summary: s.summary, description: s.description, noBody: true, codes: codes,
		}, h.setState(s.state))
	}
	add(a, operation{
		id: "get-endpoint-secret", scope: "endpoints:secret", method: http.MethodGet, path: endpointPath1 + "/secret", tag: "endpoints",
		access:  auth.Managers,
		summary: "Read the signing secret", codes: []string{"endpoint_not_found", "secret_not_found"},
	}, h.secret)
	add(a, operation{
		id: "rotate-endpoint-secret", scope: "endpoints:secret", method: http.MethodPost, path: endpointPath1 + "/rotate-secret", tag: "endpoints",
		access:  auth.Managers,
		summary: "Replace the signing secret",
		description: "For a while requests are signed with the old secret as well, so that the receiver has time to change. " +
			"An overlap that is given holds for all secrets that were replaced before, too: 0s ends them all.",
		bodyOptional: true, codes: []string{"endpoint_not_found", "secret_not_found", "secret_invalid", "endpoint_busy"}, once: true,
	}, h.rotateSecret)
	add(a, operation{
		id: "list-endpoint-secrets", method: http.MethodGet, path: endpointPath1 + "/secrets", tag: "endpoints",
		access:  auth.Readers,
		summary: "List the signing secrets", description: "Those with which requests are signed, newest first, without their texts.",
		codes: []string{"endpoint_not_found", "secret_not_found"},
	}, h.listSecrets)
	add(a, operation{
		id: "end-endpoint-secret", scope: "endpoints:secret", method: http.MethodDelete, path: endpointPath1 + "/secrets/{secret}", tag: "endpoints",
		access: auth.Managers, status: http.StatusNoContent,
		summary: "End a replaced signing secret", description: "Requests are not signed with it any more.",
		codes: []string{"endpoint_not_found", "secret_not_found", "secret_current", "endpoint_busy"},
	}, h.endSecret)
}

// EndpointPath are the path parameters of operations on one endpoint.
type EndpointPath struct {
	TenantPath
	Endpoint string `path:"endpoint" doc:"Id of the endpoint." example:"ep_06ew2c5e8m4b900000000000g0"`
}

// wireEndpoint is an endpoint as the caller sees it: values in force, secrets masked.
func (h *endpointHandlers) wireEndpoint(ctx context.Context, e *hook.Endpoint) client.Endpoint {
	v := h.endpoints.View(e)
	cfg := h.sees.Config(keyOf(ctx).Sight(), v.InForce)
	out := client.Endpoint{
		ID: e.ID.String(), Tenant: e.Tenant, Name: e.Name, Contract: e.Contract, ContractVersion: v.ContractVersion,
		URL: cfg.URL, Method: cfg.Method,
		EventTypes: append([]string{}, cfg.EventTypes...), Filter: cfg.Filter, Headers: map[string]string{},
		Settings:  json.RawMessage(`{}`),
		TimeoutMS: int(cfg.Timeout.Milliseconds()), Retry: formatDurations(cfg.Retry), Concurrency: cfg.Concurrency,
		Ordered: cfg.Ordered, GiveUp: wireGiveUp(cfg.GiveUp),
		Mode: string(cfg.Mode), State: string(e.State), StateReason: e.StateReason, StateAt: e.StateAt,
		Transformation: cfg.Transformation, Unreadable: e.Unreadable,
		LastRun: wireTime(e.Health.LastRun), LastStatus: e.Health.LastStatus, FailingSince: wireTime(e.Health.FailingSince),
		CreatedAt: e.CreatedAt, UpdatedAt: e.UpdatedAt, Version: e.Version, ETag: etag(e.Revision()),
	}
	if !e.LastTest.At.IsZero() {
		out.LastTest = &client.LastTest{At: e.LastTest.At, Status: e.LastTest.Status}
	}
	if cfg.Credential != nil {
		out.Credential = cfg.Credential.ID
	}
	for _, header := range cfg.Headers {
		out.Headers[header.Name] = header.Value
	}
	out.Auth, out.TLS = wireAuth(cfg.Auth), (*client.TLS)(cfg.TLS)
	for _, c := range v.Certificates {
		out.Certificates = append(out.Certificates, client.Certificate{
			Use: c.Use, Subject: c.Subject, Issuer: c.Issuer, ValidFrom: c.NotBefore, ExpiresAt: c.NotAfter,
		})
	}
	if cfg.PerSecond > 0 {
		out.RateLimit = &client.RateLimit{PerSecond: cfg.PerSecond}
	}
	if cfg.Settings != nil {
		out.Settings = cfg.Settings
	}
	return out
}

// endpointSpec is what an input asks for.
func endpointSpec(in client.EndpointInput) admin.EndpointSpec {
	out := admin.EndpointSpec{
		Name: in.Name, Contract: in.Contract, State: hook.EndpointState(in.State), Secret: in.Secret,
		Config: hook.EndpointConfig{
			URL: in.URL, Method: in.Method, EventTypes: in.EventTypes, Filter: in.Filter, Settings: in.Settings,
			Timeout: milliseconds(in.TimeoutMS), Concurrency: in.Concurrency, Ordered: in.Ordered, Mode: hook.Mode(in.Mode),
			Transformation: in.Transformation, Auth: authOf(in.Auth), GiveUp: giveUpOf(in.GiveUp), TLS: tlsOf(in.TLS),
		},
	}
	out.Config.Retry, out.Wrong = retryDelays(in.Retry)
	if in.RateLimit != nil {
		out.Config.PerSecond = in.RateLimit.PerSecond
	}
	for name, value := range in.Headers {
		out.Config.Headers = append(out.Config.Headers, hook.Header{Name: name, Value: value})
	}
	return out
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// retryDelays reads the delays of an input, and says which ones cannot be read.
func retryDelays(texts []string) (delays []time.Duration, wrong []hook.FieldError) {
	for i, text := range texts {
		d, err := parseDuration(text)
		if err != nil {
			wrong = append(wrong, hook.Field(fmt.Sprintf("/retry/%d", i), "duration",
				"Write a length of time as a number and a unit: 500ms, 5s, 5m, 2h or 2d."))
		}
		delays = append(delays, d)
	}
	return delays, wrong
}

type endpointOutput struct {
	ETag string `header:"ETag"`
	Body client.Endpoint
}

// answer makes the answer that shows an endpoint. It passes an error on.
func (h *endpointHandlers) answer(ctx context.Context) func(*hook.Endpoint, error) (*endpointOutput, error) {
	return func(e *hook.Endpoint, err error) (*endpointOutput, error) {
		if err != nil {
			return nil, err
		}
		return &endpointOutput{etag(e.Revision()), h.wireEndpoint(ctx, e)}, nil
	}
}

func (h *endpointHandlers) create(ctx context.Context, in *struct {
	TenantPath
	Body client.EndpointInput
},
) (*endpointOutput, error) {
	spec := endpointSpec(in.Body)
	if err := auth.AdmitContract(keyOf(ctx), cmp.Or(spec.Contract, hook.DefaultContract)); err != nil {
		return nil, err
	}
	return h.answer(ctx)(h.endpoints.Create(ctx, in.Tenant, spec))
}

func (h *endpointHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Paging
},
) (*struct{ Body client.List[client.Endpoint] }, error) {
	list := listName("endpoints", in.Tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	endpoints, next, err := h.endpoints.List(ctx, in.Tenant, p)
	if err != nil {
		return nil, err
	}
	endpoints = touchable(ctx, endpoints, func(e *hook.Endpoint) string { return e.Contract })
	return &struct{ Body client.List[client.Endpoint] }{wireList(endpoints, next, list, func(e *hook.Endpoint) client.Endpoint {
		return h.wireEndpoint(ctx, e)
	})}, nil
}

func (h *endpointHandlers) get(ctx context.Context, in *EndpointPath) (*endpointOutput, error) {
	e, err := h.endpoints.Get(ctx, in.Tenant, in.Endpoint)
	if err != nil {
		return nil, err
	}
	holder, err := h.deliveries.Holder(ctx, e)
	if err != nil {
		return nil, err
	}
	out, err := h.answer(ctx)(e, nil)
	if holder != nil && err == nil {
		out.Body.HeldBy = holder.ID.String()
	}
	return out, err
}

func (h *endpointHandlers) delete(ctx context.Context, in *EndpointPath) (*struct{}, error) {
	only, err := onlyIf(ctx)
	if err != nil {
		return nil, err
	}
	return nil, h.endpoints.Delete(ctx, in.Tenant, in.Endpoint, only)
}

// onlyIf is what If-Match says of the object that is deleted; If-None-Match says nothing about it.
func onlyIf(ctx context.Context) (hook.Precondition, error) {
	only, err := precondition(requestOf(ctx))
	if !only.Present {
		only = hook.Precondition{}
	}
	return only, err
}

func (h *endpointHandlers) patch(ctx context.Context, in *struct {
	EndpointPath
	Body endpointPatch
},
) (*endpointOutput, error) {
	p, err := in.Body.read(h.schemas)
	if err != nil {
		return nil, err
	}
	if p.If, err = precondition(requestOf(ctx)); err != nil {
		return nil, err
	}
	p.Knows = admin.Knows{Signing: keyOf(ctx).Has("endpoints:secret"), Credential: keyOf(ctx).Has("credentials:write")}
	return h.answer(ctx)(h.endpoints.Patch(ctx, in.Tenant, in.Endpoint, p))
}

// setState makes the handler of an operation that changes the state of an endpoint.
func (h *endpointHandlers) setState(state hook.EndpointState) func(context.Context, *EndpointPath) (*endpointOutput, error) {
	return func(ctx context.Context, in *EndpointPath) (*endpointOutput, error) {
		return h.answer(ctx)(h.endpoints.SetState(ctx, in.Tenant, in.Endpoint, state))
	}
}

type secretOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         client.EndpointSecret
}

func wireSecrets(s admin.SigningSecrets, err error) (*secretOutput, error) {
	if err != nil {
		return nil, err
	}
	out := &secretOutput{CacheControl: "no-store", Body: client.EndpointSecret{
		Secret: s.Text, Public: s.Public,
		Previous: []client.OldSecret{},
	}}
	for _, old := range s.Previous {
		out.Body.Previous = append(out.Body.Previous, client.OldSecret{Secret: old.Text, ExpiresAt: old.ExpiresAt})
	}
	return out, nil
}

func (h *endpointHandlers) secret(ctx context.Context, in *EndpointPath) (*secretOutput, error) {
	secrets, err := h.endpoints.Secrets(ctx, in.Tenant, in.Endpoint)
	if err != nil {
		return nil, err
	}
	if err := h.audit.Note(ctx, hook.AuditEntry{Tenant: in.Tenant, Action: hook.ActionSecretRead, Object: in.Endpoint}); err != nil {
		return nil, err
	}
	return wireSecrets(secrets, nil)
}

func (h *endpointHandlers) listSecrets(ctx context.Context, in *EndpointPath) (*struct {
	Body client.List[client.SecretInfo]
}, error,
) {
	list, err := h.endpoints.ListSecrets(ctx, in.Tenant, in.Endpoint)
	if err != nil {
		return nil, err
	}
	out := &struct {
		Body client.List[client.SecretInfo]
	}{}
	out.Body.Items = []client.SecretInfo{}
	for _, s := range list {
		out.Body.Items = append(out.Body.Items, client.SecretInfo{
			ID: s.ID, Hint: s.Hint, Current: s.Current, CreatedAt: wireTime(s.CreatedAt), ExpiresAt: wireTime(s.ExpiresAt),
		})
	}
	return out, nil
}

func (h *endpointHandlers) endSecret(ctx context.Context, in *struct {
	EndpointPath
	Secret string `path:"secret" doc:"Id of the secret." example:"sec_0b5f3a1c"`
},
) (*struct{}, error) {
	return nil, h.endpoints.EndSecret(ctx, in.Tenant, in.Endpoint, in.Secret)
}

func (h *endpointHandlers) rotateSecret(ctx context.Context, in *struct {
	EndpointPath
	Body client.RotateInput
},
) (*secretOutput, error) {
	rotation := admin.Rotation{Secret: in.Body.Secret, Overlap: optionalDuration(in.Body.Overlap)}
	return wireSecrets(h.endpoints.RotateSecret(ctx, in.Tenant, in.Endpoint, rotation))
}
