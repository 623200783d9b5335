package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// testHandlers answer requests to test an endpoint, or to see what would be sent to it.
type testHandlers struct {
	tests   admin.Tests
	explain Explainer
}

func (h testHandlers) register(a *API) {
	add(a, operation{
		id: "test-endpoint", method: http.MethodPost, path: endpointPath1 + "/test", tag: "endpoints", access: auth.Managers, bodyOptional: true,
		summary: "Test an endpoint",
		description: "Sends a test event, made like a real one and judged by the contract's rule, and answers what was sent, what came back, and a diagnosis in plain words. " +
			"It is sent once and at once, also while the endpoint is paused or disabled, and changes nothing about the endpoint. " +
			"The answer is 200 whatever came of it, and comes when the endpoint has answered or its time is over. The test stays in the history as a delivery marked test.",
		codes: []string{"endpoint_not_found", "contract_not_found", "event_type_unknown", "payload_too_large", "test_running"},
	}, h.test)
	add(a, operation{
		id: "render-event", method: http.MethodPost, path: endpointPath1 + "/render", tag: "endpoints", access: auth.Managers,
		summary: "Show the request for an event",
		description: "What would be sent to the endpoint, as it is configured now, for an event that is stored or for an example, and what the endpoint's transformation did. " +
			"Another transformation can be tried before it is saved. Secrets are masked. Nothing is stored or sent.",
		codes: []string{"endpoint_not_found", "event_not_found", "contract_not_found", "other_contract", "event_type_unknown", "payload_too_large", "render_failed", "shaping_off", "scripts_unavailable"},
	}, h.render)
}

func (h testHandlers) test(ctx context.Context, in *struct {
	EndpointPath
	Speaks
	Body client.TestInput
},
) (*struct{ Body client.TestResult }, error) {
	r, err := h.tests.Endpoint(ctx, in.Tenant, in.Endpoint, admin.EventChoice{Type: in.Body.EventType, Payload: in.Body.Payload})
	if err != nil {
		return nil, err
	}
	at := wireAttempt(r.Attempt, r.Body)
	return &struct{ Body client.TestResult }{client.TestResult{
		Passed: r.Delivery.State == hook.Delivered, Request: at.Request, Response: at.Response, TimingMS: at.TimingMS, Error: at.Error,
		Diagnosis: wireDiagnosis(h.explain.Attempt(r.Endpoint, r.Delivery, r.Attempt, in.language())),
		Delivery:  r.Delivery.ID.String(), Event: r.Event.ID.String(), Type: r.Event.Type,
	}}, nil
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
	r := p.Request
	out := client.RenderResult{
		Request: client.Request{Method: r.Method, URL: r.URL, Headers: pairs(r.Headers)},
		Console: append([]string{}, p.Console...), Cancelled: p.Cancelled, Reason: p.Reason,
	}
	out.Body, out.BodyBase64 = text(r.Body)
	if f := p.Failure; f != nil {
		out.Error = &client.RenderError{Class: f.Class, Detail: f.Detail, Line: f.Line, Column: f.Column}
	}
	return &struct{ Body client.RenderResult }{out}, nil
}
