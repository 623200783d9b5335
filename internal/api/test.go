package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/diagnose"
	"gancho/internal/hook"
)

func (a *API) routeTests() {
	add(a, operation{
		id: "test-endpoint", method: http.MethodPost, path: endpointPath1 + "/test", tag: "endpoints", access: managers, bodyOptional: true,
		summary: "Test an endpoint",
		description: "Sends a test event, made like a real one and judged by the contract's rule, and answers what was sent, what came back, and a diagnosis in plain words. " +
			"It is sent once and at once, also while the endpoint is paused or disabled, and changes nothing about the endpoint. " +
			"The answer is 200 whatever came of it, and comes when the endpoint has answered or its time is over. The test stays in the history as a delivery marked test.",
		codes: []string{"endpoint_not_found", "contract_not_found", "event_type_unknown", "payload_too_large", "test_running"},
	}, a.testEndpoint)
	add(a, operation{
		id: "render-event", method: http.MethodPost, path: endpointPath1 + "/render", tag: "endpoints", access: managers,
		summary: "Show the request for an event",
		description: "What would be sent to the endpoint, as it is configured now, for an event that is stored or for an example, and what the endpoint's transformation did. " +
			"Another transformation can be tried before it is saved. Secrets are masked. Nothing is stored or sent.",
		codes: []string{"endpoint_not_found", "event_not_found", "contract_not_found", "other_contract", "event_type_unknown", "payload_too_large", "render_failed", "shaping_off", "scripts_unavailable"},
	}, a.renderEvent)
}

// Speaks are the parameters of what answers in the caller's language.
type Speaks struct {
	Lang   string `query:"lang" enum:"en,es,pt" doc:"Language of the texts for people; by Accept-Language if left out."`
	Accept string `header:"Accept-Language" doc:"Chooses the language where lang is left out: English, Spanish or Portuguese." example:"es-MX, en;q=0.5"`
}

func (s Speaks) language() string {
	if s.Lang != "" {
		return s.Lang
	}
	return diagnose.Language(s.Accept)
}

func (a *API) testEndpoint(ctx context.Context, in *struct {
	EndpointPath
	Speaks
	Body client.TestInput
},
) (*struct{ Body client.TestResult }, error) {
	e, err := a.endpoint(ctx, in.EndpointPath)
	if err != nil {
		return nil, err
	}
	ev, err := a.testEvent(e, in.Body)
	if err != nil {
		return nil, err
	}
	r, err := a.Tester.Test(ctx, e.ID, ev)
	if err != nil {
		return nil, err
	}
	at := wireAttempt(r.Attempt, r.Body)
	return &struct{ Body client.TestResult }{client.TestResult{
		Passed: r.Delivery.State == hook.Delivered, Request: at.Request, Response: at.Response, TimingMS: at.TimingMS, Error: at.Error,
		Diagnosis: a.diagnosis(e, r.Delivery, r.Attempt, in.language()),
		Delivery:  r.Delivery.ID.String(), Event: ev.ID.String(), Type: ev.Type,
	}}, nil
}

// testEvent makes the event that an endpoint is tested with.
func (a *API) testEvent(e *hook.Endpoint, in client.TestInput) (*hook.Event, error) {
	c := a.servedBy(e)
	if c == nil {
		return nil, a.noContract(e.Contract)
	}
	ev, err := a.madeUp(c, e.Config, in.EventType, in.Payload)
	if err == nil && ev == nil {
		err = hook.InvalidFields("event_type_unknown", c.NoEvent(in.EventType).At("/event_type"))
	}
	if err != nil {
		return nil, err
	}
	ev.Tenant = e.Tenant
	return ev, nil
}

// madeUp is an event without a tenant, of a type and with a payload, or with what
// the contract has as examples where one is left out; nil if there is no such type.
func (a *API) madeUp(c *contract.Contract, cfg hook.EndpointConfig, eventType string, payload []byte) (*hook.Event, error) {
	sampleType, sample := c.Sample(cfg)
	if eventType == "" {
		eventType = sampleType
	} else {
		described, ok := c.Event(eventType)
		if !ok {
			return nil, nil
		}
		sample = described.Sample()
	}
	if payload == nil {
		payload = sample
	}
	if len(payload) > a.MaxPayload {
		return nil, errPayloadTooLarge(a.MaxPayload)
	}
	return &hook.Event{
		ID: hook.NewEventID(), Contract: c.Name, Type: eventType, Door: hook.DoorTest, CreatedAt: time.Now(), Payload: c.Redact(payload),
	}, nil
}

func errPayloadTooLarge(limit int) error {
	return &hook.Error{Kind: hook.KindTooLarge, Code: "payload_too_large", Detail: fmt.Sprintf("The payload is larger than %d bytes.", limit)}
}

// diagnosis says what became of an attempt. e is nil if the endpoint is gone.
func (a *API) diagnosis(e *hook.Endpoint, d hook.Delivery, at *hook.Attempt, language string) client.Diagnosis {
	x := diagnose.Attempt{Class: at.Class, URL: at.Request.URL, Response: at.Response}
	if at.Response != nil {
		x.HTML = contract.IsHTML(at.Response.Body)
	}
	if e != nil {
		if x.URL == "" { // no request came about
			x.URL = e.Config.URL
		}
		// The limits are those of the attempt unless the endpoint was changed since.
		if c := a.servedBy(e); c != nil && d.EndpointVersion == e.Version && d.ContractVersion == c.Version {
			limits := c.Limits(e.Config)
			x.Limit, x.Connect = limits.Timeout, limits.ConnectTimeout
		}
	}
	y := diagnose.Of(x, language)
	return client.Diagnosis{Code: y.Code, Level: string(y.Level), Language: y.Language, Title: y.Title, Advice: y.Advice}
}

// eventToRender is the stored event, or an example made like one.
func (a *API) eventToRender(ctx context.Context, e *hook.Endpoint, in client.RenderInput) (*hook.Event, error) {
	if in.Event == "" {
		return a.testEvent(e, client.TestInput{EventType: in.EventType, Payload: in.Payload})
	}
	if err := storedAlone(in.EventType, in.Payload); err != nil {
		return nil, err
	}
	return a.event(ctx, e.Tenant, in.Event)
}

// storedAlone refuses what would say of a stored event what it says itself.
func storedAlone(eventType string, payload []byte) error {
	if eventType == "" && payload == nil {
		return nil
	}
	return hook.InvalidFields("request_invalid", hook.Field("/event", "event_alone",
		"A stored event has a type and a payload of its own. Leave out event for an example, or event_type and payload."))
}

// otherContract is the error for an event of one contract where one of another is wanted.
func otherContract(got, want string) error {
	return hook.InvalidFields("other_contract", hook.Field("/event", "other_contract",
		"This event is of the contract {got}; here it has to be of the contract {want}.", "got", got, "want", want))
}

func (a *API) renderEvent(ctx context.Context, in *struct {
	EndpointPath
	Body client.RenderInput
},
) (*struct{ Body client.RenderResult }, error) {
	e, err := a.endpoint(ctx, in.EndpointPath)
	if err != nil {
		return nil, err
	}
	ev, err := a.eventToRender(ctx, e, in.Body)
	if err != nil {
		return nil, err
	}
	if ev.Contract != e.Contract {
		return nil, otherContract(ev.Contract, e.Contract)
	}
	if script := in.Body.Transformation; script != nil && *script != "" {
		if c := a.contract(e.Contract); c != nil && !c.Shaping() {
			return nil, hook.InvalidFields("shaping_off", hook.Field("/transformation", "transformation_off",
				"The contract {contract} does not let an endpoint have a transformation. Leave it out, or use another contract.",
				"contract", c.Name))
		}
	}
	p, err := a.Tester.Preview(ctx, e.ID, ev, in.Body.Transformation)
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
