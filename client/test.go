package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// TestInput says what to test an endpoint with.
type TestInput struct {
	EventType string          `json:"event_type,omitempty" maxLength:"128" doc:"One of the contract's event types. If left out, the first one that the endpoint gets." example:"order.paid"`
	Payload   json.RawMessage `json:"payload,omitempty" doc:"Any JSON value, which is sent unchanged. If left out, the contract's example of the event type."`
}

// TestResult is the result of a test of an endpoint.
type TestResult struct {
	Passed    bool          `json:"passed" doc:"The answer counts as success under the endpoint's contract."`
	Request   Request       `json:"request"`
	Response  *Response     `json:"response" doc:"null: no answer came."`
	TimingMS  Timing        `json:"timing_ms"`
	Error     *AttemptError `json:"error" doc:"null: it passed."`
	Rule      string        `json:"rule,omitempty" doc:"The rule of the contract that decides what follows from such an answer: disable_if, stop_if, pause_if or retry_if; left out: none does." example:"stop_if"`
	RuleError string        `json:"rule_error,omitempty" doc:"Why rules of the contract could not be applied to the answer, one sentence each; they counted as not holding."`
	Diagnosis Diagnosis     `json:"diagnosis"`
	Delivery  string        `json:"delivery" doc:"The test in the history." example:"dlv_06ew2c6eqfy7d00000000000g4"`
	Event     string        `json:"event" doc:"The event that was created for the test." example:"evt_06ew2c6eqfy7d00000000000g0"`
	Type      string        `json:"type" doc:"Type of the event." example:"order.paid"`
	// EndpointState is only there after a handshake.
	EndpointState string `json:"endpoint_state,omitempty" enum:"active,paused,disabled" doc:"After a handshake: the state of the endpoint since then."`
}

// TryResult is what came of trying an endpoint that is not stored: one of its members.
type TryResult struct {
	Request *RenderResult `json:"request,omitempty" doc:"Without send: what would be sent, secrets masked."`
	Result  *TestResult   `json:"result,omitempty" doc:"With send: what was sent and what came back. It is not in the history, so delivery and event are empty."`
}

// Diagnosis says what became of a request in words for people who do not program.
type Diagnosis struct {
	Code     string `json:"code" doc:"A stable word, see docs/diagnosis.md." example:"connection_refused"`
	Level    string `json:"level" enum:"ok,warning,error"`
	Language string `json:"language" enum:"en,es,pt" doc:"Of title and advice."`
	Title    string `json:"title" doc:"What went wrong, in a few words."`
	Advice   string `json:"advice" doc:"What to do, and whom to ask for what."`
}

// RenderInput says what to render: a stored event, or an example.
type RenderInput struct {
	Event     string          `json:"event,omitempty" maxLength:"128" doc:"Id of the event, Gancho's or the caller's own. If left out, an example is used." example:"evt_06ew2c6eqfy7d00000000000g0"`
	EventType string          `json:"event_type,omitempty" maxLength:"128" doc:"Event type of the example, one of the contract's. If left out, the first one that the endpoint gets." example:"order.paid"`
	Payload   json.RawMessage `json:"payload,omitempty" doc:"Payload of the example, any JSON value. If left out, the contract's example of the event type."`
	// Transformation is tried instead of the endpoint's own one; nil: the endpoint's own one.
	Transformation *string `json:"transformation,omitempty" maxLength:"65536" doc:"A script to try instead of the endpoint's own; it is not saved. Empty: no script. If left out, the endpoint's own."`
}

// RenderResult is the request that would be made for an event, and what the
// endpoint's transformation did.
type RenderResult struct {
	Request
	Console   []string     `json:"console" doc:"What the transformation printed with console.log."`
	Cancelled bool         `json:"cancelled" doc:"The transformation cancelled the delivery. The request is the one without the transformation."`
	Reason    string       `json:"reason" doc:"Why it was cancelled, in the transformation's words; may be empty."`
	Error     *RenderError `json:"error" doc:"What went wrong in the transformation; null: nothing. The request is the one without the transformation."`
}

// RenderError says what is wrong with a transformation.
type RenderError struct {
	Class  string `json:"class" doc:"script_error or script_timeout." example:"script_error"`
	Detail string `json:"detail" doc:"For the author of the script." example:"TypeError: cannot read property 'total' of undefined"`
	Line   int    `json:"line" doc:"Of the script, from 1; 0: not known." example:"2"`
	Column int    `json:"column" doc:"From 1; 0: not known." example:"18"`
}

// Explanation says why an endpoint got an event, or did not.
type Explanation struct {
	Event     string    `json:"event" example:"evt_06ew2c6eqfy7d00000000000g0"`
	Endpoint  string    `json:"endpoint" example:"ep_06ew2c5e8m4b900000000000g0"`
	Delivered bool      `json:"delivered" doc:"The event was delivered to the endpoint."`
	Delivery  *Delivery `json:"delivery" doc:"null: there is no delivery to this endpoint."`
	Reasons   []Reason  `json:"reasons" doc:"All reasons that apply, the most important first."`
}

// Reason is one of the reasons of an [Explanation] or a [DeliveryWhy].
type Reason struct {
	Code   string `json:"code" doc:"A stable word: delivered, waiting, failed, unknown, cancelled, paused, test_event, other_contract, created_later, event_type, filter, filter_failed, disabled, changed_since, script; those of a delivery are in docs/diagnosis.md." example:"filter"`
	Detail string `json:"detail" doc:"A sentence for people."`
	Cause  string `json:"cause,omitempty" doc:"What exactly, for programmers: a rule, or an error in English."`
}

// TestEndpoint sends a test event to an endpoint and waits for the result. That can take as long as the endpoint's
// timeout, so the HTTP client of the [Client] needs a longer one. An error means that no test was made. language is en,
// es, pt or "" for English.
func (c *Client) TestEndpoint(ctx context.Context, tenant, endpoint, language string, in TestInput) (*TestResult, error) {
	// Package json would change the white space of the payload.
	head, err := marshal(struct {
		EventType string `json:"event_type"`
	}{in.EventType})
	if err != nil {
		return nil, err
	}
	if in.EventType == "" {
		head = []byte("{}")
	}
	if in.Payload != nil {
		head = head[:len(head)-1]
		if in.EventType != "" {
			head = append(head, ',')
		}
		head = append(append(append(head, `"payload":`...), in.Payload...), '}')
	}
	return send[TestResult](ctx, c, http.MethodPost, withQuery(path("tenants", tenant, "endpoints", endpoint, "test"), speaking(language)), json.RawMessage(head))
}

// VerifyEndpoint makes the handshake of the endpoint's contract with it. After a right answer, an endpoint that was
// unverified is active. language is that of the diagnosis, "" for English.
func (c *Client) VerifyEndpoint(ctx context.Context, tenant, endpoint, language string) (*TestResult, error) {
	target := withQuery(path("tenants", tenant, "endpoints", endpoint, "verify"), speaking(language))
	return send[TestResult](ctx, c, http.MethodPost, target, nil)
}

// RenderEvent shows the request that would be made for a stored event, secrets
// masked. Nothing is stored or sent.
func (c *Client) RenderEvent(ctx context.Context, tenant, endpoint string, in RenderInput) (*RenderResult, error) {
	return send[RenderResult](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "render"), in)
}

// ExplainEvent says why an endpoint got an event, or did not. language is en, es,
// pt or "" for English.
func (c *Client) ExplainEvent(ctx context.Context, tenant, event, endpoint, language string) (*Explanation, error) {
	q := speaking(language)
	q.Set("endpoint", endpoint)
	return get[Explanation](ctx, c, withQuery(path("tenants", tenant, "events", event, "explain"), q))
}

func speaking(language string) url.Values {
	q := url.Values{}
	set(q, "lang", language)
	return q
}
