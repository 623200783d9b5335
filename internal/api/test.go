package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// testHandlers answer requests to test an endpoint, or to see what would be sent to it.
type testHandlers struct {
	tests     admin.Tests
	endpoints admin.Endpoints
	explain   Explainer
	sees      sights
	schemas   huma.Registry
}

func (h testHandlers) register(a *API) {
	h.schemas = a.huma.OpenAPI().Components.Schemas
	add(a, operation{
		id: "test-endpoint", scope: "endpoints:test", method: http.MethodPost, path: endpointPath1 + "/test", tag: "endpoints", access: auth.Managers,
		bodyOptional: true,
		summary:      "Test an endpoint",
		description: "Sends a test event, which is rendered, signed and judged like a real one, and answers with the " +
			"request, the response and a diagnosis in plain words. " +
			"The event is sent at once and only once, even if the endpoint is paused or disabled, and the endpoint's state " +
			"does not change. " +
			"The answer is 200 whether the test passed or failed. It comes when the endpoint has answered, or when its " +
			"timeout is over. The history shows the test as a delivery marked test.",
		codes: []string{
			"endpoint_not_found", "contract_not_found", "event_type_unknown", "payload_too_large",
			"test_running",
		},
	}, h.test)
	add(a, operation{
		id: "try-endpoint", contracts: true, scope: "endpoints:write", method: http.MethodPost, path: endpointsPath + "/try", tag: "endpoints", access: auth.Managers,
		summary: "Try an endpoint before it is created",
		description: "Checks an endpoint as creating it does, and answers with the request that it would get for an example, secrets " +
			"masked. With send it is sent as well, once, and the answer has what came of it. Nothing is stored.",
		codes: []string{
			"endpoint_invalid", "contract_unknown", "secret_invalid", "shaping_off", "transformation_invalid", "scripts_unavailable",
			"event_type_unknown", "payload_too_large", "render_failed", "test_running",
		},
	}, h.try)
	add(a, operation{
		id: "try-endpoint-change", scope: "endpoints:write", method: http.MethodPost, path: endpointPath1 + "/try", tag: "endpoints", access: auth.Managers,
		summary:     "Try a change of an endpoint before it is stored",
		description: "The same for a change, which is a JSON Merge Patch as of PATCH. Secrets that are not in it are the stored ones.",
		codes: []string{
			"endpoint_not_found", "endpoint_invalid", "secret_invalid", "shaping_off", "transformation_invalid", "scripts_unavailable",
			"event_type_unknown", "payload_too_large", "render_failed", "test_running",
		},
	}, h.tryChange)
	add(a, operation{
		id: "try-contract", method: http.MethodPost, path: "/v1/contracts/try", tag: "contracts", access: auth.Operators,
		summary: "Send the request that a contract makes",
		description: "Checks an endpoint of the contract as creating it does, sends the request once to its url, and answers " +
			"with what came of it, judged by the contract's own rule. The contract is named, or sent as text, which need not be " +
			"stored. The network rules of the tenant hold, and a tenant has one trial at a time. Nothing is stored. It takes " +
			"the scope endpoints:test, too. Personal data of a stored event is hidden in what is sent.",
		codes: []string{
			"contract_invalid", "contract_not_found", "tenant_not_found", "event_not_found", "other_contract",
			"endpoint_invalid", "secret_invalid", "event_type_unknown", "payload_invalid", "payload_too_large", "test_running",
		},
		limit: maxContract,
	}, h.tryContract)
	add(a, operation{
		id: "verify-endpoint", scope: "endpoints:test", method: http.MethodPost, path: endpointPath1 + "/verify", tag: "endpoints", access: auth.Managers,
		noBody:  true,
		summary: "Make a handshake with an endpoint",
		description: "Sends the handshake that the endpoint's contract asks for, and answers like a test. After a right answer, " +
			"an endpoint with the state_reason unverified becomes active, if the key has the scope endpoints:write; a key that has " +
			"only endpoints:test learns whether the answer is right. The same happens by itself when an endpoint is " +
			"created, when its url, headers, settings or auth change, and when it is resumed.",
		codes: []string{"endpoint_not_found", "contract_not_found", "no_handshake", "test_running"},
	}, h.verify)
	add(a, operation{
		id: "render-event", scope: "endpoints:test", method: http.MethodPost, path: endpointPath1 + "/render", tag: "endpoints", access: auth.Managers,
		summary: "Show the request for an event",
		description: "The request that would be sent to the endpoint, as it is configured now, for a stored event or an " +
			"example, and what the endpoint's transformation did. " +
			"You can try another transformation before you save it. Secrets are masked. Nothing is stored or sent.",
		codes: []string{
			"endpoint_not_found", "event_not_found", "contract_not_found", "other_contract", "event_type_unknown",
			"payload_too_large", "render_failed", "shaping_off", "scripts_unavailable",
		},
	}, h.render)
}

func (h testHandlers) test(ctx context.Context, in *struct {
	EndpointPath
	Speaks
	Body client.TestInput
},
) (*struct{ Body client.TestResult }, error) {
	r, err := h.tests.Endpoint(ctx, in.Tenant, in.Endpoint, admin.EventChoice{
		Type:    in.Body.EventType,
		Payload: in.Body.Payload,
	})
	if err != nil {
		return nil, err
	}
	return h.tested(ctx, r, in.language())
}

// Trying says what to try an endpoint with, and how.
type Trying struct {
	Speaks
	EventType string `query:"event_type" maxLength:"128" doc:"One of the contract's event types, whose example is taken. If left out, the first one that the endpoint gets." example:"order.paid"`
	Send      bool   `query:"send" doc:"Send the request, once, and answer with what came of it. This takes the scope endpoints:test, too."`
}

// admit refuses to send for a key that may not test endpoints.
func (x Trying) admit(ctx context.Context) error {
	if !x.Send {
		return nil
	}
	return auth.AdmitScope(keyOf(ctx), "endpoints:test")
}

type tryOutput struct{ Body client.TryResult }

func (h testHandlers) try(ctx context.Context, in *struct {
	TenantPath
	Trying
	Body client.EndpointInput
},
) (*tryOutput, error) {
	spec := endpointSpec(in.Body)
	if err := auth.AdmitContract(keyOf(ctx), cmp.Or(spec.Contract, hook.DefaultContract)); err != nil {
		return nil, err
	}
	if err := in.admit(ctx); err != nil {
		return nil, err
	}
	t, err := h.tests.Try(ctx, h.endpoints, in.Tenant, spec, admin.EventChoice{Type: in.EventType}, in.Send)
	return h.tried(ctx, t, in.language(), err)
}

func (h testHandlers) tryChange(ctx context.Context, in *struct {
	EndpointPath
	Trying
	Body endpointPatch
},
) (*tryOutput, error) {
	p, err := in.Body.read(h.schemas)
	if err != nil {
		return nil, err
	}
	if err := in.admit(ctx); err != nil {
		return nil, err
	}
	p.Knows = admin.Knows{Signing: keyOf(ctx).Has("endpoints:secret"), Credential: keyOf(ctx).Has("credentials:write")}
	t, err := h.tests.TryChange(ctx, h.endpoints, in.Tenant, in.Endpoint, p, admin.EventChoice{Type: in.EventType}, in.Send)
	return h.tried(ctx, t, in.language(), err)
}

// tried is the answer to a trial. It passes an error on.
func (h testHandlers) tried(ctx context.Context, t *admin.Trial, language string, err error) (*tryOutput, error) {
	if err != nil {
		return nil, err
	}
	if t.Preview != nil {
		return &tryOutput{client.TryResult{Request: new(wireRender(t.Preview))}}, nil
	}
	return &tryOutput{client.TryResult{Result: h.sent(ctx, t, language)}}, nil
}

func (h testHandlers) verify(ctx context.Context, in *struct {
	EndpointPath
	Speaks
},
) (*struct{ Body client.TestResult }, error) {
	r, err := h.endpoints.Verify(ctx, in.Tenant, in.Endpoint, keyOf(ctx).Has("endpoints:write"))
	if err != nil {
		return nil, err
	}
	out, err := h.tested(ctx, r, in.language())
	if err == nil {
		out.Body.EndpointState = string(r.Endpoint.State)
	}
	return out, err
}

// tested is the answer to a test and to a handshake.
func (h testHandlers) tested(ctx context.Context, r *admin.EndpointTest, language string) (*struct{ Body client.TestResult }, error) {
	sight := keyOf(ctx).Sight()
	attempt := h.sees.Attempt(sight, r.Endpoint, r.Event, r.Attempt, r.Body)
	why := h.explain.Attempt(h.sees.Endpoint(sight, r.Endpoint), r.Delivery, attempt, language)
	out := wireTest(r.TestResult, r.Event, attempt, why)
	out.Delivery, out.Event = r.Delivery.ID.String(), r.Event.ID.String()
	return &struct{ Body client.TestResult }{out}, nil
}

// sent is the answer to a trial that was sent, under the contract that it was made with. Nothing of it is stored.
func (h testHandlers) sent(ctx context.Context, t *admin.Trial, language string) *client.TestResult {
	sight := keyOf(ctx).Sight()
	attempt := h.sees.AttemptUnder(t.Contract, sight, t.Endpoint, t.Event, t.Result.Attempt, t.Result.Body)
	why := h.explain.AttemptUnder(t.Contract, h.sees.Endpoint(sight, t.Endpoint), t.Result.Delivery, attempt, language)
	return new(wireTest(t.Result, t.Event, attempt, why))
}

// wireTest is the result of a test, of which at is what the caller may see.
func wireTest(r *hook.TestResult, ev *hook.Event, at *hook.Attempt, why hook.Diagnosis) client.TestResult {
	out := wireAttempt(at)
	return client.TestResult{
		Passed: r.Delivery.State == hook.Delivered, Request: out.Request, Response: out.Response, TimingMS: out.TimingMS,
		Error: out.Error, Rule: out.Rule, RuleError: out.RuleError, Diagnosis: wireDiagnosis(why), Type: ev.Type,
	}
}

func (h testHandlers) tryContract(ctx context.Context, in *struct {
	Speaks
	Body client.ContractTryInput
},
) (*struct{ Body client.TestResult }, error) {
	if err := auth.AdmitScope(keyOf(ctx), "endpoints:test"); err != nil {
		return nil, err
	}
	trial := contractTrial(in.Body.ContractRenderInput)
	trial.Secret = in.Body.Secret
	t, err := h.tests.TryContract(ctx, h.endpoints, trial)
	if problems, ok := errors.AsType[*contract.Problems](err); ok {
		return nil, contractInvalid(problems, in.language())
	}
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.TestResult }{*h.sent(ctx, t, in.language())}, nil
}

func (h testHandlers) render(ctx context.Context, in *struct {
	EndpointPath
	Body client.RenderInput
},
) (*struct{ Body client.RenderResult }, error) {
	choice := admin.EventChoice{Event: in.Body.Event, Type: in.Body.EventType, Payload: in.Body.Payload}
	p, err := h.tests.Preview(ctx, in.Tenant, in.Endpoint, choice, in.Body.Transformation)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.RenderResult }{wireRender(p)}, nil
}

func wireRender(p *hook.Preview) client.RenderResult {
	r := p.Request
	out := client.RenderResult{
		Request: client.Request{Method: r.Method, URL: r.URL, Headers: pairs(r.Headers)},
		Console: append([]string{}, p.Console...), Cancelled: p.Cancelled, Reason: p.Reason,
	}
	out.Body, out.BodyBase64 = text(r.Body)
	if f := p.Failure; f != nil {
		out.Error = &client.RenderError{Class: f.Class, Detail: f.Detail, Line: f.Line, Column: f.Column}
	}
	return out
}
