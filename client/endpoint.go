package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// EndpointInput is what a person says about an endpoint. Everything but the URL
// has a default.
type EndpointInput struct {
	Name        string            `json:"name,omitempty" maxLength:"200" doc:"For people." example:"CRM"`
	Contract    string            `json:"contract,omitempty" maxLength:"64" default:"standard" doc:"Which webhook system the endpoint takes part in. It cannot be changed later." example:"standard"`
	URL         string            `json:"url" minLength:"1" maxLength:"2048" doc:"Where requests go: http or https, a public host unless the operator allows others. No user name or password in it; use headers." example:"https://crm.example.com/hooks"`
	Method      string            `json:"method,omitempty" maxLength:"16" doc:"HTTP method, one of the contract's; its first one if left out." example:"POST"`
	EventTypes  []string          `json:"event_types,omitempty" maxItems:"100" doc:"Event types to take, * for any part of a name; empty takes all." example:"[\"order.*\"]"`
	Filter      string            `json:"filter,omitempty" maxLength:"4096" doc:"CEL condition over type and payload; only events for which it is true are delivered." example:"payload.total > 100"`
	Headers     map[string]string `json:"headers,omitempty" doc:"Extra request headers. Values of Authorization, Cookie and of names with token, key, secret, password, auth or signature in them are shown masked."`
	Settings    json.RawMessage   `json:"settings,omitempty" object:"true" doc:"What the contract asks for: an object of its settings schema, see GET /v1/contracts/{name}. Secret ones are shown masked."`
	Secret      string            `json:"secret,omitempty" maxLength:"512" doc:"Signing secret (whsec_… or whsk_…), where the contract signs. Made if left out. It is never shown here, see GET …/secret." example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"`
	TimeoutMS   int               `json:"timeout_ms,omitempty" minimum:"1" maximum:"300000" doc:"Time for one request, from connecting to the last byte of the answer." example:"15000"`
	Retry       []string          `json:"retry,omitempty" minItems:"1" maxItems:"100" doc:"Wait before each attempt, the first included: numbers with ms, s, m, h or d." example:"[\"0s\",\"5s\",\"5m\"]"`
	RateLimit   *RateLimit        `json:"rate_limit,omitempty" doc:"At most so many requests per time; no limit if left out."`
	Concurrency int               `json:"concurrency,omitempty" minimum:"1" maximum:"1000" doc:"Requests at the same time." example:"32"`
	Ordered     bool              `json:"ordered,omitempty" doc:"Send one at a time, in the order of acceptance; one that fails holds up the others."`
	Mode        string            `json:"mode,omitempty" enum:"at_least_once,at_most_once" doc:"Send again until it succeeds, or never twice." example:"at_least_once"`
	// Transformation is JavaScript, see docs/transformations.md.
	Transformation string `json:"transformation,omitempty" maxLength:"65536" doc:"JavaScript that may change each request or cancel it, where the contract allows it: function handler(webhook) { …; return webhook }." example:"function handler(webhook) { webhook.headers['x-source'] = 'shop'; return webhook }"`
	State          string `json:"state,omitempty" enum:"active,paused,disabled" default:"active" doc:"active sends; paused keeps deliveries until it is resumed; disabled makes none and cancels those that wait." example:"active"`
}

// RateLimit bounds how often requests are made.
type RateLimit struct {
	PerSecond float64 `json:"per_second" exclusiveMinimum:"0" maximum:"100000" doc:"Requests per second, on average." example:"50"`
}

// Endpoint is where deliveries go. Members the input left out show the value
// that is in force.
type Endpoint struct {
	ID              string            `json:"id" example:"ep_06ew2c6eqfy7d00000000000g0"`
	Tenant          string            `json:"tenant" example:"acme"`
	Name            string            `json:"name" example:"CRM"`
	Contract        string            `json:"contract" example:"standard"`
	ContractVersion int64             `json:"contract_version" doc:"That it is served by: the newest that it satisfies; 0: the contract is gone."`
	Credential      string            `json:"credential,omitempty" doc:"The credential that it was made with, and goes with." example:"crd_06ew2c6eqfy7d00000000000g0"`
	URL             string            `json:"url" example:"https://crm.example.com/hooks"`
	Method          string            `json:"method" example:"POST"`
	EventTypes      []string          `json:"event_types"`
	Filter          string            `json:"filter"`
	Headers         map[string]string `json:"headers" doc:"Extra headers; values that look like credentials are masked."`
	Settings        json.RawMessage   `json:"settings" object:"true" doc:"The contract's settings; secret ones are masked."`
	TimeoutMS       int               `json:"timeout_ms" example:"15000"`
	Retry           []string          `json:"retry" example:"[\"0s\",\"5s\",\"5m\"]"`
	RateLimit       *RateLimit        `json:"rate_limit" doc:"null: no limit."`
	Concurrency     int               `json:"concurrency" example:"32"`
	Ordered         bool              `json:"ordered"`
	Mode            string            `json:"mode" enum:"at_least_once,at_most_once"`
	Transformation  string            `json:"transformation" doc:"JavaScript that may change each request; empty: none."`
	State           string            `json:"state" enum:"active,paused,disabled"`
	StateReason     string            `json:"state_reason" doc:"Why it is not active: by_person, gone (it answered 410), failing_long, credential (its credential was paused); empty while active."`
	StateAt         time.Time         `json:"state_at" doc:"Since when it is in this state."`
	LastRun         *time.Time        `json:"last_run" doc:"When the latest request to it began; null: never."`
	LastStatus      string            `json:"last_status" doc:"What became of it: delivered, or the error class; empty: never run."`
	FailingSince    *time.Time        `json:"failing_since" doc:"First failure since the last success; null while it works."`
	CreatedAt       time.Time         `json:"created_at"`
	UpdatedAt       time.Time         `json:"updated_at"`
	Version         int64             `json:"version" doc:"Counts changes of what shapes a request."`
}

// EndpointSecret are the signing secrets of an endpoint.
type EndpointSecret struct {
	Secret   string      `json:"secret" doc:"The secret in force. Give it to the receiver if it is a shared one (whsec_…)." example:"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"`
	Public   string      `json:"public_key,omitempty" doc:"The public half (whpk_…) to give to the receiver, if the secret is a private key (whsk_…)."`
	Previous []OldSecret `json:"previous" doc:"Replaced ones that requests are still signed with as well."`
}

// OldSecret is a secret that was replaced and still signs for a while.
type OldSecret struct {
	Secret    string    `json:"secret"`
	ExpiresAt time.Time `json:"expires_at"`
}

// RotateInput says how to replace a signing secret.
type RotateInput struct {
	Secret  string `json:"secret,omitempty" maxLength:"512" doc:"The new secret; made if left out."`
	Overlap string `json:"overlap,omitempty" maxLength:"20" default:"24h" doc:"How long requests are signed with the old one as well; 0s ends it at once, at most 30d." example:"24h"`
}

// CreateEndpoint makes an endpoint.
func (c *Client) CreateEndpoint(ctx context.Context, tenant string, in EndpointInput) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints"), in)
}

// Endpoint reads an endpoint.
func (c *Client) Endpoint(ctx context.Context, tenant, endpoint string) (*Endpoint, error) {
	return get[Endpoint](ctx, c, path("tenants", tenant, "endpoints", endpoint))
}

// Endpoints lists the endpoints of a tenant.
func (c *Client) Endpoints(ctx context.Context, tenant string, p Paging) (*List[Endpoint], error) {
	return get[List[Endpoint]](ctx, c, withQuery(path("tenants", tenant, "endpoints"), p.query()))
}

// PatchEndpoint changes the members of [EndpointInput] that patch has, by JSON
// Merge Patch (RFC 7396): null sets the default, what is left out stays.
func (c *Client) PatchEndpoint(ctx context.Context, tenant, endpoint string, patch map[string]any) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPatch, path("tenants", tenant, "endpoints", endpoint), patch)
}

// DeleteEndpoint removes an endpoint; deliveries that wait are cancelled.
func (c *Client) DeleteEndpoint(ctx context.Context, tenant, endpoint string) error {
	return c.call(ctx, http.MethodDelete, path("tenants", tenant, "endpoints", endpoint), nil, nil, nil)
}

// PauseEndpoint keeps deliveries back until [Client.ResumeEndpoint].
func (c *Client) PauseEndpoint(ctx context.Context, tenant, endpoint string) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "pause"), nil)
}

// ResumeEndpoint makes a paused or disabled endpoint active.
func (c *Client) ResumeEndpoint(ctx context.Context, tenant, endpoint string) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "resume"), nil)
}

// DisableEndpoint stops deliveries and cancels those that wait.
func (c *Client) DisableEndpoint(ctx context.Context, tenant, endpoint string) (*Endpoint, error) {
	return send[Endpoint](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "disable"), nil)
}

// EndpointSecret reads the signing secrets of an endpoint.
func (c *Client) EndpointSecret(ctx context.Context, tenant, endpoint string) (*EndpointSecret, error) {
	return get[EndpointSecret](ctx, c, path("tenants", tenant, "endpoints", endpoint, "secret"))
}

// RotateSecret replaces the signing secret of an endpoint.
func (c *Client) RotateSecret(ctx context.Context, tenant, endpoint string, in RotateInput) (*EndpointSecret, error) {
	return send[EndpointSecret](ctx, c, http.MethodPost, path("tenants", tenant, "endpoints", endpoint, "rotate-secret"), in)
}
